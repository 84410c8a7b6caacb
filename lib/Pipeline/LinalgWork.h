// The work of a module that enters as linalg on tensors, for the bound.
#pragma once

#include "lib/Pipeline/Bound.h"

namespace manaslu::pipeline {

/// Bytes of a tensor as the chip stores it (int64 as int32, f64 as f32); 0 for other types.
double storedBytes(mlir::Type type);

/// Passes of the matrix engine for a type.
double passesOf(DType type, const Chip &chip);

/// Counts a function of linalg on tensors.
Work countLinalgWork(mlir::func::FuncOp function, const Chip &chip);

} // namespace manaslu::pipeline
