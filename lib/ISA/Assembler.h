// Whole programs as text (docs/Assembler.md): directives for the program, its regions and streams, one instruction a line.
#pragma once

#include "lib/ISA/Program.h"

namespace manaslu::isa {

/// Reads a program; `fileName` is for messages and the debug map. A `.chip` directive leaves its word in chipJson as a JSON string for the caller to resolve.
/// MN-ASM-*; all bad lines are reported (up to 20). What verifyProgram checks is not checked here.
Result<Program> assemble(std::string_view text, const std::string &fileName);

/// The text that assembles to the same regions, streams and (up to `maxDataBytes` a region) data.
std::string disassemble(const Program &program, uint64_t maxDataBytes = 4096);

} // namespace manaslu::isa
