// The rules of single instructions that need no chip and no run (docs/ISA.md numbers them): shapes, types, places, extents.
#pragma once

#include "lib/ISA/Instructions.h"
#include "lib/ISA/Program.h"

namespace manaslu::isa {

/// Memories of a core, from the chip file.
struct MemoryLimits {
  uint64_t partitions = 128;
  uint64_t sbufBytes = uint64_t(1) << 24;     ///< per partition
  uint64_t psumBytes = uint64_t(1) << 24;     ///< per partition
  uint64_t psumBankBytes = uint64_t(1) << 24; ///< a pe result lies in one bank
};

/// The rules of one instruction: adds MN-ISA-RULE (shape, type, place) and MN-ISA-BOUNDS (extent, region, rights) to `error`.
/// Addresses that a register moves are left to the run.
void checkInstruction(const Instruction &instruction, const std::vector<Region> &regions, const MemoryLimits &limits, const std::string &where, Error &error);

/// verifyProgram against the memories of a chip. MN-ISA-BOUNDS.
Status verifyForChip(const Program &program, const MemoryLimits &limits);

/// Least and greatest byte (inclusive) that a pattern touches from its offset, before any register is added.
struct Extent {
  __int128 first = 0, last = 0;
};
Extent extentOf(const TileOperand &operand);
Extent extentOf(const DeviceOperand &operand);

} // namespace manaslu::isa
