// A run of instructions without a loop between them, as the scheduler sees it: how long each takes and what it must come after.
#pragma once

#include "lib/Conversion/TileToIsa/Model.h"

#include "lib/Chip/Chip.h"

namespace manaslu::tile {

/// An earlier instruction that must come first.
struct Dependence {
  int from = 0;          ///< index in the block
  bool completes = true; ///< its bytes must be there; false: only the order in one engine matters
};

/// One instruction of a block. Times in picoseconds, from the chip's own table.
struct Step {
  isa::StreamId stream = isa::StreamId::Pe;
  int64_t occupancy = 0;  ///< of its stream
  int64_t completion = 0; ///< from start until the last byte is written
  int64_t notice = 0;     ///< from another stream's completion until this one may start
  llvm::SmallVector<Dependence, 4> after;
  llvm::SmallVector<int, 2> psum; ///< buffers in PSUM that live inside the block only, by Block::banks
};

/// Instructions in program order.
struct Block {
  std::vector<Step> steps;
  std::vector<int64_t> banks; ///< of each PSUM buffer that lives inside the block only
  std::vector<int> uses;      ///< operands that name it
};

/// Reads times and dependences of `leaves`. `inside` says whether a buffer is used by these leaves only. Errors: those of translate().
Result<Block> buildBlock(const Chip &chip, llvm::ArrayRef<const Leaf *> leaves, llvm::ArrayRef<Buffer> buffers, llvm::function_ref<bool(int)> inside);

} // namespace manaslu::tile
