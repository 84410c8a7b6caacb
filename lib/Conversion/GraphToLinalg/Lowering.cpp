// Building blocks of the conversion from graph to linalg.
#include "lib/Conversion/GraphToLinalg/Lowering.h"

#include <limits>

using namespace mlir;

namespace manaslu {

RankedTensorType signlessType(Type type) {
  auto tensor = cast<RankedTensorType>(type);
  Type element = tensor.getElementType();
  return element.isUnsignedInteger() ? tensor.clone(IntegerType::get(type.getContext(), element.getIntOrFloatBitWidth())) : tensor;
}

LogicalResult Lowering::lower(Operation *op) {
  b.setLoc(op->getLoc());
  b.setInsertionPoint(op);
  if (isa<graph::ConstantOp>(op))
    return success();
  for (auto family : {lowerElementwise, lowerContraction, lowerReduction, lowerMovement})
    if (succeeded(family(*this, op)))
      return success();
  return op->emitOpError("MN-INTERNAL: has no lowering to linalg; run decompose-graph before");
}

Value Lowering::tensor(Value graphValue) {
  if (auto at = tensors.find(graphValue); at != tensors.end())
    return at->second;
  // Only constants are lazy; they are made at the start of the block, so that every later use may share them.
  auto constant = graphValue.getDefiningOp<graph::ConstantOp>();
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(constant->getBlock());
  ElementsAttr elements = constant.getValue();
  RankedTensorType type = signlessType(constant.getType());
  if (type != elements.getShapedType())
    elements = cast<DenseElementsAttr>(elements).bitcast(type.getElementType());
  return tensors[graphValue] = arith::ConstantOp::create(b, constant.getLoc(), type, elements);
}

Value Lowering::generic(ValueRange inputs, Value output, ArrayRef<AffineMap> maps, unsigned reductions, Body body) {
  unsigned loops = maps.back().getNumDims();
  SmallVector<utils::IteratorType> iterators(loops - reductions, utils::IteratorType::parallel);
  iterators.append(reductions, utils::IteratorType::reduction);
  return linalg::GenericOp::create(b, output.getType(), inputs, output, maps, iterators,
                                   [&](OpBuilder &inner, Location loc, ValueRange arguments) {
                                     OpBuilder::InsertionGuard guard(b);
                                     b.setInsertionPointToEnd(inner.getInsertionBlock());
                                     linalg::YieldOp::create(b, body(arguments));
                                   })
      .getResult(0);
}

Value Lowering::empty(ArrayRef<int64_t> shape, Type element) { return tensor::EmptyOp::create(b, shape, element); }

Value Lowering::number(Type element, double value) {
  if (auto type = dyn_cast<FloatType>(element)) {
    // The limits of a narrower type: an infinity stays one, a finite number stays finite.
    bool lost = false;
    APFloat out(value);
    out.convert(type.getFloatSemantics(), APFloat::rmNearestTiesToEven, &lost);
    if (out.isInfinity() && std::abs(value) != std::numeric_limits<double>::infinity())
      out = APFloat::getLargest(type.getFloatSemantics(), value < 0);
    return arith::ConstantOp::create(b, FloatAttr::get(type, out));
  }
  return arith::ConstantOp::create(b, b.getIntegerAttr(element, static_cast<int64_t>(value)));
}

Value Lowering::fill(ArrayRef<int64_t> shape, Type element, double value) {
  return linalg::FillOp::create(b, number(element, value), empty(shape, element)).getResult(0);
}

Value Lowering::reshape(Value x, ArrayRef<int64_t> shape) {
  ArrayRef<int64_t> from = graph::tensorOf(x).getShape();
  if (from == shape)
    return x;
  // Dimensions of both shapes in groups of equal products: collapse each group, then expand it.
  SmallVector<ReassociationIndices> collapsed, expanded;
  SmallVector<int64_t> middle;
  size_t i = 0, j = 0;
  while (i < from.size() && j < shape.size()) {
    ReassociationIndices left = {static_cast<int64_t>(i)}, right = {static_cast<int64_t>(j)};
    int64_t a = from[i++], c = shape[j++];
    while (a != c) {
      if (a < c) {
        left.push_back(i);
        a *= from[i++];
      } else {
        right.push_back(j);
        c *= shape[j++];
      }
    }
    collapsed.push_back(left);
    expanded.push_back(right);
    middle.push_back(a);
  }
  // What is left on one side are ones: they join the last group (there is none for rank 0).
  for (; i < from.size() && !collapsed.empty(); ++i)
    collapsed.back().push_back(i);
  for (; j < shape.size() && !expanded.empty(); ++j)
    expanded.back().push_back(j);
  RankedTensorType type = graph::tensorOf(x);
  if (middle.size() != from.size())
    x = tensor::CollapseShapeOp::create(b, type.clone(middle), x, collapsed);
  if (middle.size() != shape.size())
    x = tensor::ExpandShapeOp::create(b, type.clone(shape), x, expanded);
  return x;
}

Value Lowering::pad(Value x, ArrayRef<int64_t> low, ArrayRef<int64_t> high, double value) {
  RankedTensorType type = graph::tensorOf(x);
  auto isZero = [](int64_t size) { return size == 0; };
  if (llvm::all_of(low, isZero) && llvm::all_of(high, isZero))
    return x;
  SmallVector<int64_t> shape;
  for (auto [size, before, after] : llvm::zip_equal(type.getShape(), low, high))
    shape.push_back(size + before + after);
  auto attributes = [&](ArrayRef<int64_t> sizes) { return llvm::map_to_vector(sizes, [&](int64_t size) -> OpFoldResult { return b.getIndexAttr(size); }); };
  return tensor::PadOp::create(b, type.clone(shape), x, attributes(low), attributes(high), number(type.getElementType(), value));
}

Value Lowering::widen(Value scalar) {
  auto type = dyn_cast<FloatType>(scalar.getType());
  return type && type.getWidth() < 32 ? Value(arith::ExtFOp::create(b, b.getF32Type(), scalar)) : scalar;
}

Value Lowering::convert(Value x, Type element) {
  RankedTensorType type = graph::tensorOf(x);
  if (type.getElementType() == element)
    return x;
  AffineMap identity = b.getMultiDimIdentityMap(type.getRank());
  return generic(x, empty(type.getShape(), element), {identity, identity}, 0, [&](ValueRange arguments) {
    Value wide = widen(arguments[0]);
    return element.isF32() ? wide : Value(arith::TruncFOp::create(b, element, wide));
  });
}

} // namespace manaslu
