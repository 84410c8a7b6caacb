// Shared by the files of the host evaluator.
#pragma once

#include "dialects/Graph/Evaluate.h"
#include "lib/Numerics/Convert.h"

namespace manaslu::graph {

/// All elements widened to f32 (integers rounded to nearest even).
std::vector<float> floatsOf(const Array &array);

/// The int32 element at an index; `data` need not be aligned.
int32_t loadI32(const std::byte *data, size_t index);

/// All elements of an integer or bool array.
std::vector<int64_t> integersIn(const Array &array);

/// An array of a float type, each value narrowed to nearest even.
Array arrayOf(mlir::RankedTensorType type, const std::vector<float> &values, numerics::Overflow overflow = numerics::Overflow::Propagate);

/// An array of an integer type; nothing if a value does not fit.
std::optional<Array> arrayOf(mlir::RankedTensorType type, const std::vector<int64_t> &values);

/// For each element of shape `to`, row-major, the index of its element in an array of shape `from` that broadcasts to it.
std::vector<int64_t> broadcastIndex(llvm::ArrayRef<int64_t> from, llvm::ArrayRef<int64_t> to);

/// Reductions, gather and data movement; nothing for other operations.
std::optional<Array> evaluateShape(mlir::Operation *op, llvm::ArrayRef<Array> operands);

} // namespace manaslu::graph
