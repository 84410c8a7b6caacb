// From the arguments to an exit status: parsing, dispatch, printing of errors, and what happens when the compiler itself breaks.
#include "lib/Driver/Commands.h"
#include "lib/Driver/Files.h"
#include "manaslu/Driver.h"

#include <array>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>
#include <iostream>
#include <llvm/Config/llvm-config.h>
#include <new>
#include <unistd.h>

namespace manaslu {

using namespace driver;

std::string_view version() { return "0.1.0"; }

namespace {

/// A broken compiler must still answer with a code: only calls that are safe in a handler.
void onFatalSignal(int number) {
  static const char text[] = "error: MN-INTERNAL: the compiler broke (signal ";
  char digits[] = {static_cast<char>('0' + number / 10), static_cast<char>('0' + number % 10), ')', '\n'};
  [[maybe_unused]] ssize_t ignored = ::write(2, text, sizeof(text) - 1);
  ignored = ::write(2, digits, sizeof(digits));
  ::_exit(70);
}

void catchFatalSignals() {
  static std::array<char, 1 << 16> stack;
  stack_t alternative = {};
  alternative.ss_sp = stack.data();
  alternative.ss_size = stack.size();
  ::sigaltstack(&alternative, nullptr);
  struct sigaction action = {};
  action.sa_handler = onFatalSignal;
  action.sa_flags = SA_ONSTACK | SA_RESETHAND;
  for (int number : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT})
    ::sigaction(number, &action, nullptr);
}

CommandResult dispatch(const Invocation &invocation) {
  struct Entry {
    std::string_view name;
    CommandResult (*run)(const Invocation &);
  };
  static constexpr Entry entries[] = {{"compile", compileCommand}, {"run", runCommand},
                                      {"verify", verifyCommand},   {"inspect", inspectCommand},
                                      {"chips", chipsCommand},     {"list-operators", listOperatorsCommand},
                                      {"explain", explainCommand}, {"search-precision", searchPrecisionCommand}};
  if (invocation.has("--help"))
    return helpText(invocation.command);
  if (invocation.has("--version"))
    return "manaslu-cc " + std::string(version()) + " (MLIR " LLVM_VERSION_STRING ")\n";
  if (invocation.has("--completion"))
    return bashCompletion();
  for (const Entry &entry : entries)
    if (entry.name == invocation.command->name)
      return entry.run(invocation);
  return Error("MN-INTERNAL", "no function for subcommand " + std::string(invocation.command->name));
}

CommandResult parseAndDispatch(const std::vector<std::string> &arguments) {
  Result<Invocation> invocation = parseCommandLine(arguments);
  if (!invocation)
    return invocation.error();
  return dispatch(*invocation);
}

} // namespace

int runCommandLine(int argumentCount, char **arguments) {
  catchFatalSignals();
  std::signal(SIGPIPE, SIG_IGN);
  std::vector<std::string> words(arguments + 1, arguments + argumentCount);
  bool json = std::find(words.begin(), words.end(), "--json-diagnostics") != words.end();
  Error error;
  try {
    CommandResult result = parseAndDispatch(words);
    if (result) {
      Status written = writeFile("-", *result);
      return written ? 0 : written.error().exitStatus();
    }
    error = result.error();
  } catch (const std::bad_alloc &) {
    error = Error("MN-RES-MEMORY", "the host has not enough memory for this");
  } catch (const std::exception &problem) {
    error = Error("MN-INTERNAL", problem.what());
  }
  std::string text = json ? error.jsonLines() : error.text();
  std::fwrite(text.data(), 1, text.size(), stderr);
  return error.exitStatus();
}

} // namespace manaslu
