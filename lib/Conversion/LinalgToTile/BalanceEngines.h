// Which of ve and se does what both can do.
#pragma once

#include "lib/Chip/Chip.h"

#include <mlir/Dialect/Func/IR/FuncOps.h>

namespace manaslu::tiling {

/// Moves copies and single steps with a scalar from ve to se where that lowers the time of the busier of both, between loops and in each loop's body. The last
/// step that fixes the arithmetic: se computes fma(x, scale, bias), which is the same sum or product, but for the sign of zero.
void balanceEngines(mlir::func::FuncOp function, const Chip &chip);

} // namespace manaslu::tiling
