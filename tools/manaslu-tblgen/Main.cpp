// manaslu-tblgen: makes C++ tables, operation glue and docs/ISA.md from the instruction set in dialects/Isa/*.td.
#include "llvm/TableGen/Main.h"
#include "llvm/Support/CommandLine.h"

int main(int argc, char **argv) {
  llvm::cl::ParseCommandLineOptions(argc, argv, "Manaslu instruction set generator\n");
  return llvm::TableGenMain(argv[0], llvm::TableGenMainFn());
}
