// Unfolding of convolution windows where the channels alone would leave most rows of the array empty.
#pragma once

#include "lib/Chip/Chip.h"
#include "lib/Conversion/LinalgToTile/Layout.h"

namespace manaslu::tiling {

/// Gives loops of a convolution's window to the partitions beside the channels: the windowed operand is loaded from device memory once for each coordinate of
/// the loop, shifted, so that one product contracts over both (the first layer of an image network has 3 channels: its products would use 3 rows of 128).
/// Done where the products that are saved take longer than the loads, by the chip's own table; a computed operand goes through device memory. The order in
/// which a sum adds its products changes, nothing else.
void unfoldWindows(TensorProgram &program, const Chip &chip);

} // namespace manaslu::tiling
