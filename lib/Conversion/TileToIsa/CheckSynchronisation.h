// The judge of synchronisation: executes the emitted streams without values, with vector clocks over semaphores. Knows nothing of how waits were planned.
#pragma once

#include "lib/Conversion/TileToIsa/Emit.h"

namespace manaslu::tile {

/// Whether the streams end without deadlock, every two accesses of the same bytes, one of them a write, are ordered by semaphores or by their engine, and that
/// order is the tile program's; and whether every instruction decodes to what was encoded. MN-INTERNAL if not.
Status checkSynchronisation(const std::map<isa::StreamId, std::vector<isa::Instruction>> &streams, const std::map<isa::StreamId, std::vector<OrderTag>> &order);

/// Whether decode(encode(x)) is x for every instruction and every field is in range. MN-INTERNAL if not.
Status checkEncoding(const std::map<isa::StreamId, std::vector<isa::Instruction>> &streams);

} // namespace manaslu::tile
