// Short names for building graph operations at one location.
#pragma once

#include <mlir/IR/ImplicitLocOpBuilder.h>

#include "dialects/Graph/Graph.h"

namespace manaslu::graph {

/// Builds simple operations; result types are inferred. All methods insert at the builder's point.
class Build {
public:
  Build(mlir::OpBuilder &builder, mlir::Location location) : b(location, builder) {}

  mlir::ImplicitLocOpBuilder b;

  /// An element-wise operation of inferred type: `make<AddOp>(x, y)`.
  template <class Op, class... Args> mlir::Value make(Args &&...args) { return Op::create(b, b.getLoc(), std::forward<Args>(args)...); }

  /// `x` with another element type; `x` itself when it has it.
  mlir::Value cast(mlir::Value x, mlir::Type element);
  /// cast to f32
  mlir::Value f32(mlir::Value x) { return cast(x, b.getF32Type()); }
  /// A rank-0 constant of `like`'s element type (float or integer).
  mlir::Value splat(double value, mlir::Value like);
  /// `x` reshaped; `x` itself when it has the shape.
  mlir::Value reshape(mlir::Value x, llvm::ArrayRef<int64_t> shape);
  /// `x` transposed; `x` itself for the identity.
  mlir::Value transpose(mlir::Value x, llvm::ArrayRef<int64_t> permutation);
  /// `x` with two of its dimensions exchanged.
  mlir::Value exchange(mlir::Value x, int64_t a, int64_t b);
  /// reduce_sum and reduce_max that keep the dimensions.
  mlir::Value sum(mlir::Value x, llvm::ArrayRef<int64_t> axes);
  mlir::Value max(mlir::Value x, llvm::ArrayRef<int64_t> axes);
  /// The slices of an axis, which stays with size 1, added one after the other.
  mlir::Value addSlices(mlir::Value x, int64_t axis);
  /// Matrix product with the given element type of the result.
  mlir::Value matmul(mlir::Value x, mlir::Value y, mlir::Type element, bool transposeY = false);
  /// A vector of channels as [1, .., channels, 1, ..] for `rank` dimensions, channels at `axis`.
  mlir::Value along(mlir::Value vector, int64_t axis, int64_t rank);
};

} // namespace manaslu::graph
