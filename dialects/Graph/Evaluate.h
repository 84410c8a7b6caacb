// The host evaluator: runs one graph operation on arrays, at compile time.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "dialects/Graph/Graph.h"
#include "lib/Support/DType.h"

namespace manaslu::graph {

/// Row-major little-endian elements of a tensor: one byte for i1, eight for i64. `data` points into `owned`, or into memory that outlives the array.
struct Array {
  mlir::RankedTensorType type;
  const std::byte *data = nullptr;
  std::shared_ptr<std::vector<std::byte>> owned;

  /// A fresh array of that type, its bytes zero.
  static Array make(mlir::RankedTensorType type);
  std::byte *bytes() { return owned->data(); }
};

/// Bytes of one element in an Array.
int64_t bytesOf(mlir::Type element);

/// The chip's storage type of an element type; nothing for i64.
std::optional<DType> storageOf(mlir::Type element);

/// A constant's elements, and back. A splat is expanded.
Array fromAttribute(mlir::DenseElementsAttr elements);
mlir::DenseElementsAttr toAttribute(const Array &array);

/// The result of an operation without side effects whose operands are `operands`; nothing for operations that it does not know (contractions, attention,
/// normalisations: decompose first) and for integer results outside int64. Floats are computed in f32 (functions in double, rounded once) and narrowed to the
/// result's type.
std::optional<Array> evaluate(mlir::Operation *op, llvm::ArrayRef<Array> operands);

/// Arrays of values: constants, and what `parameter` returns for the name of a graph.parameter. Evaluates operand trees as needed and keeps what it computed.
class Evaluator {
public:
  /// `parameter` may be null: then parameters are unknown.
  explicit Evaluator(std::function<std::optional<Array>(ParameterOp)> parameter) : parameter_(std::move(parameter)) {}

  /// The value's elements, or nothing.
  std::optional<Array> value(mlir::Value value);

private:
  std::function<std::optional<Array>(ParameterOp)> parameter_;
  llvm::DenseMap<mlir::Value, Array> known_;
};

} // namespace manaslu::graph
