// Verifiers of normalisations and softmax.
#include "dialects/Graph/Graph.h"

#include <mlir/IR/Builders.h>

using namespace mlir;
using namespace manaslu::graph;

#define GET_OP_CLASSES
#include "dialects/Graph/GraphNormalizations.cpp.inc"

namespace {

/// `operand`, if there, has exactly this shape.
LogicalResult expectShape(Operation *op, StringRef name, Value operand, ArrayRef<int64_t> shape) {
  if (!operand || tensorOf(operand).getShape() == shape)
    return success();
  return op->emitOpError() << name << " must have type " << tensorOf(operand).clone(shape) << ", has " << operand.getType();
}

LogicalResult expectAxis(Operation *op, int64_t axis, int64_t rank) {
  if (normalizeAxis(axis, rank))
    return success();
  return op->emitOpError("axis ") << axis << " is out of range; the operand has rank " << rank;
}

} // namespace

LogicalResult LayerNormOp::verify() {
  ArrayRef<int64_t> shape = tensorOf(getX()).getShape();
  int64_t rank = getNormalizedRank();
  if (rank < 1 || rank > static_cast<int64_t>(shape.size()))
    return emitOpError("normalized_rank ") << rank << " is out of range; the operand has rank " << shape.size();
  if (failed(expectShape(*this, "weight", getWeight(), shape.take_back(rank))))
    return failure();
  return expectShape(*this, "bias", getBias(), shape.take_back(rank));
}

LogicalResult RmsNormOp::verify() {
  if (tensorOf(getX()).getRank() < 1)
    return emitOpError("operand has no dimension to normalise");
  return expectShape(*this, "weight", getWeight(), tensorOf(getX()).getShape().take_back(1));
}

LogicalResult BatchNormOp::verify() {
  RankedTensorType type = tensorOf(getX());
  if (type.getRank() < 2)
    return emitOpError("operand needs channels in dimension 1, is ") << type;
  ArrayRef<int64_t> channels = type.getShape().slice(1, 1);
  for (auto [name, operand] :
       {std::pair("weight", getWeight()), std::pair("bias", getBias()), std::pair("mean", getMean()), std::pair("variance", getVariance())})
    if (failed(expectShape(*this, name, operand, channels)))
      return failure();
  return success();
}

LogicalResult GroupNormOp::verify() {
  RankedTensorType type = tensorOf(getX());
  if (type.getRank() < 2 || getGroups() < 1 || type.getDimSize(1) % getGroups() != 0)
    return emitOpError("channels (dimension 1) of ") << type << " do not divide into " << getGroups() << " groups";
  if (failed(expectShape(*this, "weight", getWeight(), type.getShape().slice(1, 1))))
    return failure();
  return expectShape(*this, "bias", getBias(), type.getShape().slice(1, 1));
}

LogicalResult SoftmaxOp::verify() { return expectAxis(*this, getAxis(), tensorOf(getX()).getRank()); }
LogicalResult LogSoftmaxOp::verify() { return expectAxis(*this, getAxis(), tensorOf(getX()).getRank()); }
