// The command line of manaslu-as.
#pragma once

#include "lib/Support/Error.h"

#include <string>
#include <string_view>
#include <vector>

namespace manaslu::as {

inline constexpr std::string_view kHelp = "usage: manaslu-as PROGRAM.masm [-o PROGRAM.mnx] [--chip NAME|FILE.json] [--json-diagnostics]\n"
                                          "       manaslu-as --disassemble PROGRAM.mnx [-o PROGRAM.masm]\n"
                                          "Assembles program text into a program file, or the other way round. `-` is standard input or output.\n";

struct Options {
  std::string input, output, chip;
  bool disassemble = false, help = false, jsonDiagnostics = false;
};

/// MN-USE-001, MN-USE-002.
Status parseOptions(const std::vector<std::string> &arguments, Options &options);

/// MN-ASM-*, MN-ISA-*, MN-FMT-*, MN-CHIP-*, MN-IO-*; nothing is written on failure.
Status run(const Options &options);

} // namespace manaslu::as
