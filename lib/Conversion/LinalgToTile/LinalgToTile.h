// The conversion from linalg on tensors to the tile dialect.
#pragma once

#include "lib/Chip/Chip.h"

#include <memory>
#include <mlir/Pass/Pass.h>

namespace manaslu {

/// `convert-linalg-to-tile`: rewrites `func.func @main` of linalg on tensors (generic form, static shapes) into a tile program for the chip: layouts are
/// assigned, nodes tiled and grouped, instructions selected. Problems are errors `MN-LOW-...` at the operation. The chip must outlive the pass.
std::unique_ptr<mlir::Pass> createConvertLinalgToTilePass(const Chip &chip);

} // namespace manaslu
