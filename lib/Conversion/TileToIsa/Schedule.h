// The order of instructions within each body: engines take their instructions in order, so a stream must not hold up one chain of work for another.
#pragma once

#include "lib/Conversion/TileToIsa/Model.h"

#include "lib/Chip/Chip.h"

namespace manaslu::tile {

/// Joins neighbouring loops; unrolls loops that cost more control than they save, and innermost loops whose iterations keep every engine waiting, so that
/// chains of several iterations can fill each other's gaps, as far as the program stays small; then orders the instructions between loops by list scheduling
/// with the clock's own times. Values do not change: whatever touches the same bytes keeps its order. Uses no more banks of PSUM than there are. Errors: those
/// of translate().
Status scheduleBodies(Model &model, const Chip &chip);

} // namespace manaslu::tile
