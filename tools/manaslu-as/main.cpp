// manaslu-as: assembles program text into a .mnx file, and back.
#include "tools/manaslu-as/Command.h"

#include <iostream>

int main(int argc, char **argv) {
  manaslu::as::Options options;
  manaslu::Status status = manaslu::as::parseOptions({argv + 1, argv + argc}, options);
  if (status && options.help) {
    std::cout << manaslu::as::kHelp;
    return 0;
  }
  if (status)
    status = manaslu::as::run(options);
  if (status)
    return 0;
  std::cerr << (options.jsonDiagnostics ? status.error().jsonLines() : status.error().text());
  return status.error().exitStatus();
}
