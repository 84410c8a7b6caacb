// Which integers the values of a linalg function can hold: what decides between the vector engine, exact up to 2^24, and integer arithmetic modulo 2^32.
#pragma once

#include <llvm/ADT/DenseMap.h>
#include <mlir/Dialect/Func/IR/FuncOps.h>
#include <mlir/Dialect/Linalg/IR/Linalg.h>
#include <mlir/Interfaces/InferIntRangeInterface.h>

namespace manaslu::tiling {

/// All integers from low to high.
struct Bounds {
  int64_t low = 0, high = 0;

  bool within(const Bounds &other) const { return other.low <= low && high <= other.high; }
  std::string text() const { return "[" + std::to_string(low) + ", " + std::to_string(high) + "]"; }
};

/// Every integer of this size is an fp32 number, so that arithmetic that stays within is exact on any engine.
inline constexpr Bounds kExactInFloat = {-(int64_t{1} << 24), int64_t{1} << 24};
inline constexpr Bounds kInt32 = {INT32_MIN, INT32_MAX};

/// The values that the type holds; an i1 holds 0 and 1.
Bounds boundsOf(mlir::Type type);

/// Ranges of all integers of a function, tensors and scalars of linalg bodies, followed forward once by the rules of the operations themselves
/// (`InferIntRangeInterface`). Arguments hold their `graph.range` or what an int32 holds.
class IntegerRanges {
public:
  explicit IntegerRanges(mlir::func::FuncOp function);

  /// Of an integer scalar or the elements of an integer tensor.
  Bounds of(mlir::Value value) const;

private:
  llvm::DenseMap<mlir::Value, mlir::ConstantIntRanges> known;

  mlir::ConstantIntRanges range(mlir::Value value) const;
  void set(mlir::Value value, const mlir::ConstantIntRanges &range) { known.insert({value, range}); }
  void argument(mlir::func::FuncOp function, mlir::BlockArgument argument);
  void tensor(mlir::Operation &op);
  void generic(mlir::linalg::GenericOp op);
  void scalar(mlir::Operation &op, llvm::ArrayRef<int64_t> loops);
  mlir::ConstantIntRanges reduced(mlir::linalg::GenericOp op, unsigned result) const;
};

} // namespace manaslu::tiling
