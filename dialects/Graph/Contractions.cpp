// Verifiers of matrix products, convolutions, pooling and attention.
#include "dialects/Graph/Graph.h"

#include <mlir/IR/Builders.h>

using namespace mlir;
using namespace manaslu::graph;

#define GET_OP_CLASSES
#include "dialects/Graph/GraphContractions.cpp.inc"

namespace {

/// Reports a result whose shape is not `expected`.
LogicalResult expectShape(Operation *op, ArrayRef<int64_t> expected) {
  RankedTensorType type = tensorOf(op->getResult(0));
  if (type.getShape() == expected)
    return success();
  return op->emitOpError("result must have type ") << type.clone(expected) << ", has " << type;
}

LogicalResult expectSameElements(Operation *op, Value a, Value b) {
  if (tensorOf(a).getElementType() == tensorOf(b).getElementType())
    return success();
  return op->emitOpError("operands differ in element type: ") << a.getType() << " and " << b.getType();
}

/// What the matrix engine multiplies: equal types, or two that are narrower than fp32 (weights may be stored in another type than activations).
LogicalResult expectFactors(Operation *op, Value a, Value b) {
  auto narrow = [](Value x) { return !tensorOf(x).getElementType().isF32(); };
  return narrow(a) && narrow(b) ? success() : expectSameElements(op, a, b);
}

LogicalResult expectVector(Operation *op, Value bias, int64_t size) {
  if (!bias || tensorOf(bias).getShape() == ArrayRef<int64_t>(size))
    return success();
  return op->emitOpError("bias must have shape [") << size << "], is " << bias.getType();
}

/// `name` has two entries of at least `least`.
LogicalResult expectPair(Operation *op, StringRef name, ArrayRef<int64_t> values, int64_t least) {
  if (values.size() == 2 && values[0] >= least && values[1] >= least)
    return success();
  return op->emitOpError() << name << " needs two entries of at least " << least;
}

LogicalResult expectPadding(Operation *op, ArrayRef<int64_t> padding) {
  if ((padding.size() == 2 || padding.size() == 4) && llvm::all_of(padding, [](int64_t p) { return p >= 0; }))
    return success();
  return op->emitOpError("padding needs two or four entries of at least 0");
}

/// Checks windows over NCHW and the result's shape with `channels` channels.
LogicalResult expectWindows(Operation *op, Value x, int64_t channels, ArrayRef<int64_t> kernel, ArrayRef<int64_t> strides, ArrayRef<int64_t> padding,
                            ArrayRef<int64_t> dilation, bool ceil) {
  if (tensorOf(x).getRank() != 4)
    return op->emitOpError("operand must be NCHW, is ") << x.getType();
  if (failed(expectPair(op, "kernel", kernel, 1)) || failed(expectPair(op, "strides", strides, 1)) || failed(expectPair(op, "dilation", dilation, 1)) ||
      failed(expectPadding(op, padding)))
    return failure();
  SmallVector<int64_t, 4> sides = fullPadding(padding);
  Shape shape = {tensorOf(x).getDimSize(0), channels};
  for (int i = 0; i < 2; ++i)
    shape.push_back(windowCount(tensorOf(x).getDimSize(2 + i), kernel[i], strides[i], sides[i], sides[i] + sides[i + 2], dilation[i], ceil));
  return expectShape(op, shape);
}

} // namespace

LogicalResult MatmulOp::verify() {
  if (failed(expectFactors(*this, getA(), getB())))
    return failure();
  std::optional<Shape> shape = matmulShape(tensorOf(getA()).getShape(), tensorOf(getB()).getShape(), getTransposeA(), getTransposeB());
  if (!shape)
    return emitOpError("operands do not multiply: ") << getA().getType() << " and " << getB().getType();
  return expectShape(*this, *shape);
}

LogicalResult LinearOp::verify() {
  RankedTensorType x = tensorOf(getX()), weight = tensorOf(getWeight());
  if (failed(expectFactors(*this, getX(), getWeight())))
    return failure();
  if (weight.getRank() != 2 || x.getRank() < 1 || x.getShape().back() != weight.getDimSize(1))
    return emitOpError("weight must be [out, ") << (x.getRank() ? x.getShape().back() : 0) << "], is " << weight;
  if (failed(expectVector(*this, getBias(), weight.getDimSize(0))))
    return failure();
  Shape shape(x.getShape());
  shape.back() = weight.getDimSize(0);
  return expectShape(*this, shape);
}

LogicalResult Conv2dOp::verify() {
  RankedTensorType x = tensorOf(getX()), weight = tensorOf(getWeight());
  int64_t groups = getGroups();
  if (failed(expectFactors(*this, getX(), getWeight())))
    return failure();
  if (x.getRank() != 4 || weight.getRank() != 4 || groups < 1 || x.getDimSize(1) != weight.getDimSize(1) * groups || weight.getDimSize(0) % groups != 0)
    return emitOpError("weight ") << weight << " does not fit " << x << " with " << groups << " groups";
  if (failed(expectVector(*this, getBias(), weight.getDimSize(0))))
    return failure();
  return expectWindows(*this, getX(), weight.getDimSize(0), weight.getShape().take_back(2), getStrides(), getPadding(), getDilation(), false);
}

LogicalResult MaxPool2dOp::verify() {
  if (tensorOf(getX()).getRank() != 4)
    return emitOpError("operand must be NCHW, is ") << getX().getType();
  return expectWindows(*this, getX(), tensorOf(getX()).getDimSize(1), getKernel(), getStrides(), getPadding(), getDilation(), getCeilMode());
}

LogicalResult AvgPool2dOp::verify() {
  if (tensorOf(getX()).getRank() != 4)
    return emitOpError("operand must be NCHW, is ") << getX().getType();
  return expectWindows(*this, getX(), tensorOf(getX()).getDimSize(1), getKernel(), getStrides(), getPadding(), {1, 1}, false);
}

LogicalResult AttentionOp::verify() {
  ArrayRef<int64_t> q = tensorOf(getQ()).getShape(), k = tensorOf(getK()).getShape(), v = tensorOf(getV()).getShape();
  if (failed(expectSameElements(*this, getQ(), getK())) || failed(expectSameElements(*this, getQ(), getV())))
    return failure();
  size_t rank = q.size();
  if (rank < 2 || k.size() != rank || v.size() != rank || q[rank - 1] != k[rank - 1] || k[rank - 2] != v[rank - 2])
    return emitOpError("q, k and v do not fit: ") << getQ().getType() << ", " << getK().getType() << ", " << getV().getType();
  for (size_t i = 0; i + 2 < rank; ++i) {
    bool heads = getEnableGqa() && i + 3 == rank;
    if (k[i] != v[i] || (heads ? k[i] == 0 || q[i] % k[i] != 0 : q[i] != k[i]))
      return emitOpError("dimension ") << i << " of q, k and v does not fit: " << q[i] << ", " << k[i] << ", " << v[i]
                                       << (getEnableGqa() ? "" : " (heads may differ only with enable_gqa)");
  }
  Shape shape(q);
  if (getMask()) {
    Type element = tensorOf(getMask()).getElementType();
    shape.back() = k[rank - 2];
    if (!element.isInteger(1) && !isa<FloatType>(element))
      return emitOpError("mask must be bool or float, is ") << getMask().getType();
    if (broadcastShapes(shape, tensorOf(getMask()).getShape()) != shape)
      return emitOpError("mask ") << getMask().getType() << " does not broadcast to the scores";
  }
  shape.back() = v.back();
  return expectShape(*this, shape);
}
