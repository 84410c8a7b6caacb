// Counting contractions, transcendental results and compulsory bytes of linalg on tensors.
#include "lib/Pipeline/LinalgWork.h"
#include "dialects/Tile/TileDialect.h"

#include <mlir/Dialect/Arith/IR/Arith.h>
#include <mlir/Dialect/Linalg/IR/Linalg.h>
#include <mlir/Dialect/Linalg/IR/LinalgInterfaces.h>
#include <mlir/Dialect/Math/IR/Math.h>
#include <mlir/Dialect/Tensor/IR/Tensor.h>

using namespace mlir;

namespace manaslu::pipeline {

namespace {

double pointsOf(linalg::LinalgOp op) {
  double points = 1;
  for (int64_t size : op.getStaticLoopRanges())
    points *= ShapedType::isDynamic(size) ? 1 : size;
  return points;
}

bool isContraction(linalg::LinalgOp op) { return linalg::isaContractionOpInterface(op) || linalg::isaConvolutionOpInterface(op); }

bool isTranscendental(mlir::Operation &op) {
  return mlir::isa<math::ExpOp, math::Exp2Op, math::ExpM1Op, math::LogOp, math::Log1pOp, math::Log2Op, math::TanhOp, math::ErfOp, math::SqrtOp, math::RsqrtOp,
                   math::SinOp, math::CosOp, math::PowFOp, math::FPowIOp>(op);
}

/// A pooling window of linalg has the convolution's form without a product.
bool multiplies(linalg::LinalgOp op) {
  for (mlir::Operation &inner : op.getBlock()->getOperations())
    if (mlir::isa<arith::MulFOp, arith::MulIOp>(inner))
      return true;
  return false;
}

/// Elements of a constant that are read: those that tensor.extract picks, or all.
double bytesRead(Value constant) {
  double whole = storedBytes(constant.getType()), most = 0;
  for (mlir::Operation *user : constant.getUsers()) {
    auto generic = mlir::isa<tensor::ExtractOp>(user) ? user->getParentOfType<linalg::GenericOp>() : linalg::GenericOp();
    double elements = generic ? pointsOf(cast<linalg::LinalgOp>(generic.getOperation())) : 0;
    double element = whole / cast<ShapedType>(constant.getType()).getNumElements();
    most = std::max(most, generic ? std::min(whole, elements * element) : whole);
  }
  return most;
}

} // namespace

Work countLinalgWork(func::FuncOp function, const Chip &chip) {
  Work work;
  function.walk([&](linalg::LinalgOp op) {
    double points = pointsOf(op);
    Type element = getElementTypeOrSelf(op->getOperand(0).getType());
    // Reported because it is the only type that the compiler changes on its own.
    if (op->getNumResults() && getElementTypeOrSelf(op->getResult(0).getType()).isF64())
      ++work.types["f64_demoted"];
    DType type = tile::dtypeOf(element).value_or(DType::F32);
    ++work.types[type == DType::F32 ? "fp32" : std::string(nameOf(type))];
    if (isContraction(op) && multiplies(op))
      work.weightedMacs += points * passesOf(type, chip);
    for (mlir::Operation &inner : op.getBlock()->getOperations())
      work.transcendentals += isTranscendental(inner) ? points : 0;
  });
  function.walk([&](linalg::SoftmaxOp op) { work.transcendentals += cast<ShapedType>(op.getInput().getType()).getNumElements(); });
  function.walk([&](arith::ConstantOp op) {
    if (mlir::isa<RankedTensorType>(op.getType()))
      work.bytes += bytesRead(op.getResult());
  });
  for (BlockArgument argument : function.getArguments())
    work.bytes += storedBytes(argument.getType());
  for (Type type : function.getResultTypes())
    work.bytes += storedBytes(type);
  return work;
}

} // namespace manaslu::pipeline
