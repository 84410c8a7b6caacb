// A program as the scheduler wants it: operands as footprints, costs looked up, loops linked.
#pragma once

#include "lib/Chip/Chip.h"
#include "lib/ISA/Program.h"
#include "lib/Sim/Cost.h"
#include "lib/Sim/Machine/Footprint.h"

namespace manaslu::sim {

/// An operand with what the machine checks about it.
struct DecodedOperand {
  Footprint footprint;
  Access access;
  bool indexed;       ///< rows are checked one by one as they are named
  bool logged;        ///< somebody may write this memory: races are possible
  bool checksWritten; ///< the memory starts unwritten
  int64_t limit;      ///< bytes of a partition, or of the region
  int64_t bank;       ///< the access must stay in one block of so many bytes; 0: no such rule
};

/// What the sequencer does with an instruction.
enum class Role : uint8_t { Work, Transfer, Control, Loop, EndLoop, Barrier, SemClear, Halt };

struct DecodedInstruction {
  const isa::Instruction *instruction;
  const isa::Sync *sync;
  InstructionCost cost;
  Role role;
  bool usesSbuf = false, usesPsum = false;
  bool isTranspose = false;
  bool accumulates = false;    ///< a matmul that adds to its result
  bool isImmediate = false;    ///< computed when it is issued: it uses registers and memory both, or fails when an index in memory is wrong
  bool canStayPending = false; ///< a load into contiguous rows of SBUF that changes no type: its bytes can be read where they come from
  uint32_t firstOperand = 0, operandCount = 0;
  uint32_t link = 0; ///< Loop: its EndLoop; EndLoop: its Loop
};

struct DecodedStream {
  isa::StreamId id;
  Engine engine;
  int64_t visibilityPs; ///< from an increment until this stream sees it
  std::vector<DecodedInstruction> instructions;
  std::vector<DecodedOperand> operands;
};

/// Decodes a verified program; the result points into it.
std::vector<DecodedStream> decode(const isa::Program &program, const Chip &chip);

} // namespace manaslu::sim
