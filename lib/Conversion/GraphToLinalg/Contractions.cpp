// Matrix products and convolutions as generics that multiply and add in f32.
#include "lib/Conversion/GraphToLinalg/Lowering.h"

using namespace mlir;

namespace manaslu {

namespace {

/// The sum of products of the two inputs over the trailing loops, in f32, then narrowed to `element` by an operation of its own.
Value contraction(Lowering &lowering, Value a, Value b, ArrayRef<int64_t> shape, Type element, ArrayRef<AffineMap> maps, unsigned reductions) {
  Value zero = lowering.fill(shape, lowering.b.getF32Type(), 0);
  Value sum = lowering.generic({a, b}, zero, maps, reductions, [&](ValueRange arguments) {
    Value product = arith::MulFOp::create(lowering.b, lowering.widen(arguments[0]), lowering.widen(arguments[1]));
    return arith::AddFOp::create(lowering.b, arguments[2], product);
  });
  return lowering.convert(sum, element);
}

// Loops: batch dimensions, row, column, inner.
LogicalResult lowerMatmul(Lowering &lowering, graph::MatmulOp op) {
  RankedTensorType type = graph::tensorOf(op.getResult());
  unsigned rank = type.getRank(), loops = rank + 1;
  OpBuilder &b = lowering.b;
  AffineExpr row = b.getAffineDimExpr(rank - 2), column = b.getAffineDimExpr(rank - 1), inner = b.getAffineDimExpr(rank);
  auto operandMap = [&](Value operand, AffineExpr first, AffineExpr second) {
    ArrayRef<int64_t> shape = graph::tensorOf(operand).getShape().drop_back(2);
    SmallVector<AffineExpr> results;
    for (size_t i = 0; i < shape.size(); ++i) {
      unsigned loop = rank - 2 - shape.size() + i;
      results.push_back(shape[i] == 1 && type.getDimSize(loop) != 1 ? b.getAffineConstantExpr(0) : b.getAffineDimExpr(loop));
    }
    results.append({first, second});
    return lowering.map(loops, results);
  };
  AffineMap a = op.getTransposeA() ? operandMap(op.getA(), inner, row) : operandMap(op.getA(), row, inner);
  AffineMap c = op.getTransposeB() ? operandMap(op.getB(), column, inner) : operandMap(op.getB(), inner, column);
  AffineMap out = AffineMap::getMultiDimIdentityMap(loops, b.getContext()).dropResult(rank);
  lowering.set(op.getResult(),
               contraction(lowering, lowering.tensor(op.getA()), lowering.tensor(op.getB()), type.getShape(), type.getElementType(), {a, c, out}, 1));
  return success();
}

/// How the result's rows and columns reach into the padded input, for loops (.., height, width, .., kernel height, kernel width).
struct Window {
  AffineExpr row, column;
};
Window windowOf(OpBuilder &b, ArrayRef<int64_t> strides, ArrayRef<int64_t> dilation, unsigned output, unsigned kernel) {
  auto at = [&](unsigned i) { return b.getAffineDimExpr(output + i) * strides[i] + b.getAffineDimExpr(kernel + i) * dilation[i]; };
  return {at(0), at(1)};
}

// Loops: image, output channel, height, width, input channel, kernel height, kernel width: as upstream's conv_2d_nchw_fchw.
Value plainConvolution(Lowering &lowering, graph::Conv2dOp op, Value x, Value weight) {
  RankedTensorType type = graph::tensorOf(op.getResult());
  OpBuilder &b = lowering.b;
  auto d = [&](unsigned i) { return b.getAffineDimExpr(i); };
  Window window = windowOf(b, op.getStrides(), op.getDilation(), 2, 5);
  return contraction(
      lowering, x, weight, type.getShape(), type.getElementType(),
      {lowering.map(7, {d(0), d(4), window.row, window.column}), lowering.map(7, {d(1), d(4), d(5), d(6)}), lowering.map(7, {d(0), d(1), d(2), d(3)})}, 3);
}

// One input and one output channel a group. Loops: image, channel, height, width, kernel height, kernel width.
Value depthwiseConvolution(Lowering &lowering, graph::Conv2dOp op, Value x, Value weight) {
  RankedTensorType type = graph::tensorOf(op.getResult());
  ArrayRef<int64_t> kernel = graph::tensorOf(weight).getShape();
  OpBuilder &b = lowering.b;
  auto d = [&](unsigned i) { return b.getAffineDimExpr(i); };
  Window window = windowOf(b, op.getStrides(), op.getDilation(), 2, 4);
  return contraction(lowering, x, lowering.reshape(weight, {kernel[0], kernel[2], kernel[3]}), type.getShape(), type.getElementType(),
                     {lowering.map(6, {d(0), d(1), window.row, window.column}), lowering.map(6, {d(1), d(4), d(5)}), lowering.map(6, {d(0), d(1), d(2), d(3)})},
                     2);
}

// Loops: image, group, output channel, height, width, input channel, kernel height, kernel width.
Value groupedConvolution(Lowering &lowering, graph::Conv2dOp op, Value x, Value weight) {
  RankedTensorType type = graph::tensorOf(op.getResult());
  int64_t groups = op.getGroups();
  auto split = [&](ArrayRef<int64_t> shape, unsigned at) {
    SmallVector<int64_t> out(shape);
    out[at] /= groups;
    out.insert(out.begin() + at, groups);
    return out;
  };
  OpBuilder &b = lowering.b;
  auto d = [&](unsigned i) { return b.getAffineDimExpr(i); };
  Window window = windowOf(b, op.getStrides(), op.getDilation(), 3, 6);
  x = lowering.reshape(x, split(graph::tensorOf(x).getShape(), 1));
  weight = lowering.reshape(weight, split(graph::tensorOf(weight).getShape(), 0));
  Value out = contraction(lowering, x, weight, split(type.getShape(), 1), type.getElementType(),
                          {lowering.map(8, {d(0), d(1), d(5), window.row, window.column}), lowering.map(8, {d(1), d(2), d(5), d(6), d(7)}),
                           lowering.map(8, {d(0), d(1), d(2), d(3), d(4)})},
                          3);
  return lowering.reshape(out, type.getShape());
}

LogicalResult lowerConvolution(Lowering &lowering, graph::Conv2dOp op) {
  if (op.getBias())
    return failure();
  SmallVector<int64_t, 4> sides = graph::fullPadding(op.getPadding());
  Value x = lowering.pad(lowering.tensor(op.getX()), {0, 0, sides[0], sides[1]}, {0, 0, sides[2], sides[3]}, 0), weight = lowering.tensor(op.getWeight());
  int64_t groups = op.getGroups();
  bool depthwise = groups > 1 && groups == graph::tensorOf(op.getX()).getDimSize(1) && groups == graph::tensorOf(op.getResult()).getDimSize(1);
  lowering.set(op.getResult(), groups == 1 ? plainConvolution(lowering, op, x, weight)
                               : depthwise ? depthwiseConvolution(lowering, op, x, weight)
                                           : groupedConvolution(lowering, op, x, weight));
  return success();
}

} // namespace

LogicalResult lowerContraction(Lowering &lowering, Operation *op) {
  if (auto matmul = dyn_cast<graph::MatmulOp>(op))
    return lowerMatmul(lowering, matmul);
  if (auto convolution = dyn_cast<graph::Conv2dOp>(op))
    return lowerConvolution(lowering, convolution);
  return failure();
}

} // namespace manaslu
