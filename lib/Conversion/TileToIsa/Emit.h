// Streams of instructions with rolled loops and registers from a planned model.
#pragma once

#include "lib/Conversion/TileToIsa/Synchronise.h"

#include "lib/ISA/Program.h"

namespace manaslu::tile {

/// The place of an instruction in the tile program's order of execution: `base` + sum over the loops around it of `size` * iteration.
/// For an engine or DMA instruction `base` is its number in the first iterations, for Loop `size` is the number of instructions in one iteration; -1: neither.
struct OrderTag {
  int64_t base = -1;
  int64_t size = -1;
};

struct Emission {
  std::map<isa::StreamId, std::vector<isa::Instruction>> streams;
  std::map<isa::StreamId, std::vector<OrderTag>> order; ///< beside each stream
  std::vector<isa::DebugEntry> debug;
};

/// Errors: MN-MEM-PATTERN, MN-INTERNAL.
Result<Emission> emitStreams(const Model &model, const SyncPlan &plan);

/// The location of an operation as a person reads it: "name at file:line", innermost first.
std::string locationText(mlir::Location location);

} // namespace manaslu::tile
