// Cutting of convolutions whose padded input does not fit on the chip.
#pragma once

#include "lib/Chip/Chip.h"
#include "lib/Conversion/LinalgToTile/Layout.h"

namespace manaslu::tiling {

/// The share of a partition's SBUF that the windowed operand of a convolution may take: one part in so many.
constexpr int64_t kWindowShare = 3;

/// Replaces every convolution whose padded input takes more than its share of a partition's SBUF by convolutions of slabs of output rows; the values and the
/// order of every sum stay.
void splitLargeWindows(TensorProgram &program, const Chip &chip);

} // namespace manaslu::tiling
