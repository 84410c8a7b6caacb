// Folding of small integer and bool operations on constants, for every operation that the host evaluator knows.
#pragma once

#include <mlir/Interfaces/FoldInterfaces.h>

namespace manaslu::graph {

/// The dialect interface through which `Operation::fold` evaluates operations with constant operands (integers and bools, at most 64 elements).
struct FoldSmallIntegers : mlir::DialectFoldInterface {
  using DialectFoldInterface::DialectFoldInterface;
  llvm::LogicalResult fold(mlir::Operation *op, llvm::ArrayRef<mlir::Attribute> operands, llvm::SmallVectorImpl<mlir::OpFoldResult> &results) const final;
};

} // namespace manaslu::graph
