// Spilling: when values do not fit SBUF together, one that waits long for its next use goes to device scratch, or is loaded again when it is a constant.
#pragma once

#include "lib/Conversion/TileToIsa/Storage.h"

namespace manaslu::tile {

/// Splits one buffer of the top level around the position of greatest demand, in the tile program itself (stores, loads and a scratch region are added; no
/// value changes). Returns the bytes moved in one execution, or -1 when no buffer can be split there. The model is out of date afterwards.
int64_t spillOne(mlir::func::FuncOp function, const Model &model, int &scratchRegions);

} // namespace manaslu::tile
