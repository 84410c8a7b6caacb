// Time and energy of instructions: what lib/Chip's tables want to know, read off the instruction. Compiler and simulator use the same functions.
#pragma once

#include "lib/Chip/Energy.h"
#include "lib/Chip/Timing.h"
#include "lib/ISA/Instructions.h"

namespace manaslu::sim {

/// What one execution of an instruction costs, apart from waiting.
struct InstructionCost {
  int64_t occupancyPs = 0; ///< of its engine; for control instructions of the stream
  int64_t drainPs = 0;     ///< from the end of occupancy to completion
  int64_t loadPs = 0;      ///< loading a matmul's stationary operand
  bool transfers = false;  ///< a DMA instruction: `transfer` and `rowPs` hold its time
  TransferWork transfer;
  int64_t rowPs = 0;   ///< per contiguous row
  EnergyCounts energy; ///< without its semaphore
  uint64_t deviceReadBytes = 0, deviceWriteBytes = 0;
  uint64_t fuel = 1; ///< units of host work, about a microsecond each
};

/// The cost of `instruction` in a stream of `streamEngine` on this chip.
InstructionCost costOf(const Chip &chip, const isa::Instruction &instruction, Engine streamEngine);

} // namespace manaslu::sim
