// A tile program prepared for interpretation: instructions translated once, views reduced to a buffer and linear terms of loop variables.
#pragma once

#include <cstdint>
#include <memory>
#include <mlir/IR/Operation.h>
#include <mlir/IR/Value.h>
#include <string>
#include <utility>
#include <vector>

#include "dialects/Tile/TileDialect.h"
#include "lib/ISA/Instructions.h"
#include "lib/Support/Error.h"

namespace manaslu::interpreter {

/// A buffer: an allocation or a device region.
struct Buffer {
  int64_t partitions = 1;
  int64_t pitch = 0;  ///< bytes of one partition
  std::string region; ///< name of a device region; empty for an allocation
  int lastUse = 0;    ///< index of the last top-level step that touches it
  int64_t bytes() const { return partitions * pitch; }
};

/// One operand of one instruction. The instruction's operand carries the slot's number + 1 in `reg` (tile) or `region` (device).
struct Slot {
  int buffer = 0;
  std::vector<std::pair<int, int64_t>> terms; ///< loop, bytes for each of its iterations
};

/// One thing to do.
struct Step {
  enum class Kind { Execute, Fresh, Loop } kind = Kind::Execute;
  isa::Instruction instruction; ///< Execute
  std::vector<Slot> slots;      ///< Execute
  int buffer = 0;               ///< Fresh: the buffer that begins
  int loop = 0;                 ///< Loop: its number
  int64_t count = 0;            ///< Loop: iterations
  std::vector<Step> body;       ///< Loop
  mlir::Operation *operation = nullptr;
};

/// The whole program.
struct Plan {
  std::vector<Buffer> buffers;
  std::vector<Step> steps;
  int loops = 0;
};

/// Prepares a function. Error: MN-INTERNAL for anything that is not a tile program.
Result<Plan> makePlan(mlir::Region &body);

} // namespace manaslu::interpreter
