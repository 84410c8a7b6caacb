// Products of zeros in the gaps of a matrix engine that cools down while it idles.
#pragma once

#include "lib/Conversion/TileToIsa/Model.h"

#include "lib/Chip/Chip.h"

#include <mlir/IR/OwningOpRef.h>

namespace manaslu::tile {

/// A model whose gaps on pe are filled.
struct KeptWarm {
  Model model;
  mlir::OwningOpRef<mlir::func::FuncOp> fillers; ///< the operations of the fillers, which the model names
  int64_t count = 0;                             ///< fillers; 0: the model is the one that was given
};

/// On a chip whose pe warms up (MatrixEngine::warmUpBusyNs): products of zeros, whose results nobody reads, in the gaps at the top level that would make it
/// start over. Gaps are those of the clock that orders instructions; one that lasts longer than warming up pays for is left, and one in which no bank of PSUM
/// is free. No value changes. Errors: those of translate().
Result<KeptWarm> keepWarm(const Model &model, const Chip &chip);

} // namespace manaslu::tile
