// The state of a conversion from graph to linalg: which tensor stands for which graph value, and how generics are built.
#pragma once

#include <functional>
#include <mlir/Dialect/Arith/IR/Arith.h>
#include <mlir/Dialect/Linalg/IR/Linalg.h>
#include <mlir/Dialect/Tensor/IR/Tensor.h>
#include <mlir/IR/ImplicitLocOpBuilder.h>

#include "dialects/Graph/Graph.h"

namespace manaslu {

/// The signless type of the tensor that stands for a graph value (ui8 becomes i8).
mlir::RankedTensorType signlessType(mlir::Type type);

/// Converts one function, operation by operation.
class Lowering {
public:
  explicit Lowering(mlir::OpBuilder &builder) : b(builder.getUnknownLoc(), builder) {}

  mlir::ImplicitLocOpBuilder b;

  /// Converts the operation; fails after an error for one that has no rule.
  llvm::LogicalResult lower(mlir::Operation *op);

  /// The tensor of a graph value. Constants are made where they are first needed as tensors.
  mlir::Value tensor(mlir::Value graphValue);
  void set(mlir::Value graphValue, mlir::Value tensor) { tensors[graphValue] = tensor; }

  // Building blocks.

  using Body = std::function<mlir::Value(mlir::ValueRange arguments)>;

  /// linalg.generic with one result; `reductions` of the trailing loops are reductions. The body gets the arguments and returns what is yielded.
  mlir::Value generic(mlir::ValueRange inputs, mlir::Value output, llvm::ArrayRef<mlir::AffineMap> maps, unsigned reductions, Body body);
  mlir::Value empty(llvm::ArrayRef<int64_t> shape, mlir::Type element);
  /// A tensor of one number.
  mlir::Value fill(llvm::ArrayRef<int64_t> shape, mlir::Type element, double value);
  /// A scalar constant of a float or integer type.
  mlir::Value number(mlir::Type element, double value);
  /// Collapses and expands to the shape.
  mlir::Value reshape(mlir::Value x, llvm::ArrayRef<int64_t> shape);
  /// A border of `value` around the tensor.
  mlir::Value pad(mlir::Value x, llvm::ArrayRef<int64_t> low, llvm::ArrayRef<int64_t> high, double value);
  /// Element-wise conversion to another float type.
  mlir::Value convert(mlir::Value x, mlir::Type element);
  /// Inside a body: a narrow float as f32.
  mlir::Value widen(mlir::Value scalar);
  /// Affine map of `results` over `dims` loops.
  mlir::AffineMap map(unsigned dims, llvm::ArrayRef<mlir::AffineExpr> results) { return mlir::AffineMap::get(dims, 0, results, b.getContext()); }

private:
  llvm::DenseMap<mlir::Value, mlir::Value> tensors;
};

// The families; each fails, without a message, for operations of other families.
llvm::LogicalResult lowerElementwise(Lowering &lowering, mlir::Operation *op);
llvm::LogicalResult lowerContraction(Lowering &lowering, mlir::Operation *op);
llvm::LogicalResult lowerReduction(Lowering &lowering, mlir::Operation *op);
llvm::LogicalResult lowerMovement(Lowering &lowering, mlir::Operation *op);

/// The scalar computation of an element-wise operation on `arguments` (floats in f32, integers as they are), or null for one that it does not know.
/// Float results are f32. Bodies of composite functions have one shape each, from which later stages recognise them.
mlir::Value scalarBody(mlir::ImplicitLocOpBuilder &b, mlir::Operation *op, llvm::ArrayRef<mlir::Value> arguments);

/// Whether scalarBody knows the operation.
bool isElementwise(mlir::Operation *op);

} // namespace manaslu
