// Elementwise nodes that are computed by their readers.
#pragma once

#include "lib/Conversion/LinalgToTile/TensorProgram.h"

namespace manaslu::tiling {

/// Moves into their readers the widening casts (every engine widens what it reads), the shifts of rows by one number each that a reduction over the rows
/// reads (an operand in each partition, so it needs no instruction), and the arguments of functions. What is narrowed in between no longer is.
void inlineCheapNodes(TensorProgram &program);

} // namespace manaslu::tiling
