// Short names for building graph operations at one location.
#include "dialects/Graph/Transforms/Build.h"

using namespace mlir;

namespace manaslu::graph {

Value Build::cast(Value x, Type element) {
  auto type = tensorOf(x).clone(element);
  return type == x.getType() ? x : make<CastOp>(type, x);
}

Value Build::splat(double value, Value like) {
  Type element = tensorOf(like).getElementType();
  Attribute number = isa<FloatType>(element) ? Attribute(b.getFloatAttr(element, value)) : Attribute(b.getIntegerAttr(element, static_cast<int64_t>(value)));
  return make<ConstantOp>(DenseElementsAttr::get(RankedTensorType::get({}, element), number));
}

Value Build::reshape(Value x, ArrayRef<int64_t> shape) {
  auto type = tensorOf(x).clone(shape);
  return type == x.getType() ? x : make<ReshapeOp>(type, x);
}

Value Build::transpose(Value x, ArrayRef<int64_t> permutation) {
  for (auto [i, dim] : llvm::enumerate(permutation))
    if (dim != static_cast<int64_t>(i))
      return make<TransposeOp>(x, b.getDenseI64ArrayAttr(permutation));
  return x;
}

Value Build::exchange(Value x, int64_t a, int64_t b) {
  Shape permutation;
  for (int64_t i = 0; i < tensorOf(x).getRank(); ++i)
    permutation.push_back(i == a ? b : i == b ? a : i);
  return transpose(x, permutation);
}

Value Build::sum(Value x, ArrayRef<int64_t> axes) { return make<ReduceSumOp>(x, b.getDenseI64ArrayAttr(axes), b.getUnitAttr()); }
Value Build::max(Value x, ArrayRef<int64_t> axes) { return make<ReduceMaxOp>(x, b.getDenseI64ArrayAttr(axes), b.getUnitAttr()); }

Value Build::addSlices(Value x, int64_t axis) {
  RankedTensorType type = tensorOf(x);
  Shape starts(type.getRank(), 0), limits(type.getShape()), strides(type.getRank(), 1);
  Value sum;
  for (int64_t i = 0; i < type.getDimSize(axis); ++i) {
    starts[axis] = i, limits[axis] = i + 1;
    Value part = make<SliceOp>(x, b.getDenseI64ArrayAttr(starts), b.getDenseI64ArrayAttr(limits), b.getDenseI64ArrayAttr(strides));
    sum = sum ? make<AddOp>(sum, part) : part;
  }
  return sum;
}

Value Build::matmul(Value x, Value y, Type element, bool transposeY) {
  std::optional<Shape> shape = matmulShape(tensorOf(x).getShape(), tensorOf(y).getShape(), false, transposeY);
  return make<MatmulOp>(RankedTensorType::get(*shape, element), x, y, Attribute(), transposeY ? Attribute(b.getUnitAttr()) : Attribute());
}

Value Build::along(Value vector, int64_t axis, int64_t rank) {
  Shape shape(rank, 1);
  shape[axis] = tensorOf(vector).getNumElements();
  return reshape(vector, shape);
}

} // namespace manaslu::graph
