// Work that either of two engines can do goes to the one that has less.
#pragma once

#include "lib/Chip/Chip.h"

#include <mlir/Dialect/Func/IR/FuncOps.h>

namespace manaslu::tiling {

/// In each run of engine operations without a loop between them: moves copies, and products and sums with one number in each partition, from ve to se as long
/// as that shortens the longer of the two. Before this the arithmetic is not fixed: se rounds x * scale + bias once.
void balanceEngines(mlir::func::FuncOp function, const Chip &chip);

} // namespace manaslu::tiling
