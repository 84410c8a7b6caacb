// Neighbouring loops that may run as one.
#pragma once

#include "lib/Conversion/TileToIsa/Model.h"

namespace manaslu::tile {

/// Joins loops in the body of `loop` (-1: the top level) that follow each other, run equally often and hold engines' instructions only, where no iteration of
/// the first touches what an earlier iteration of the second does. A joined body has at most `most` instructions. Loads of constants between two such loops go
/// before the first.
void fuseLoops(Model &model, int loop, int64_t most);

} // namespace manaslu::tile
