// What can be proved about a program before it runs on a given chip.
#pragma once

#include "lib/Chip/Chip.h"
#include "lib/ISA/Program.h"

namespace manaslu::sim {

/// Whether the chip can run the program: engines, rings, semaphores, operand types, array sizes, extents in its memories, total device memory; and limits
/// that keep one instruction's host work bounded. MN-CHIP-ENGINE, MN-CHIP-MEMORY, MN-ISA-BOUNDS, MN-ISA-RULE; at most 20 problems are reported.
Status verifyForChip(const isa::Program &program, const Chip &chip);

} // namespace manaslu::sim
