// The rules of ShapeRules.h.
#include "dialects/Graph/Graph.h"

#include <mlir/IR/Diagnostics.h>

using namespace mlir;

namespace manaslu::graph {

namespace {

/// A shape as [1, 2, 3].
std::string text(ArrayRef<int64_t> shape) {
  std::string out = "[";
  for (int64_t size : shape)
    out += (out.size() > 1 ? ", " : "") + std::to_string(size);
  return out + "]";
}

FailureOr<Type> wrong(MaybeLocation location, const Twine &message) { return FailureOr<Type>(emitOptionalError(location, message)); }

} // namespace

SmallVector<int64_t> integersOf(Attribute attribute) {
  if (auto dense = dyn_cast_or_null<DenseI64ArrayAttr>(attribute))
    return SmallVector<int64_t>(dense.asArrayRef());
  SmallVector<int64_t> values;
  if (auto array = dyn_cast_or_null<ArrayAttr>(attribute))
    for (Attribute entry : array)
      values.push_back(cast<IntegerAttr>(entry).getInt());
  return values;
}

bool flagOf(Attribute attribute) {
  auto boolean = dyn_cast_or_null<BoolAttr>(attribute);
  return boolean ? boolean.getValue() : attribute != nullptr;
}

double numberOf(Attribute attribute) {
  if (auto number = dyn_cast<FloatAttr>(attribute))
    return number.getValueAsDouble();
  if (auto boolean = dyn_cast<BoolAttr>(attribute))
    return boolean.getValue() ? 1 : 0;
  return static_cast<double>(cast<IntegerAttr>(attribute).getValue().getSExtValue());
}

SmallVector<int64_t, 4> fullPadding(ArrayRef<int64_t> padding) {
  if (padding.size() == 2)
    return {padding[0], padding[1], padding[0], padding[1]};
  return SmallVector<int64_t, 4>(padding);
}

std::optional<Shape> broadcastShapes(ArrayRef<int64_t> a, ArrayRef<int64_t> b) {
  if (a.size() < b.size())
    std::swap(a, b);
  Shape out(a);
  for (size_t i = 0; i < b.size(); ++i) {
    int64_t &size = out[a.size() - b.size() + i];
    if (size != b[i] && size != 1 && b[i] != 1)
      return std::nullopt;
    size = size == 1 ? b[i] : size;
  }
  return out;
}

int64_t windowCount(int64_t size, int64_t kernel, int64_t stride, int64_t low, int64_t padding, int64_t dilation, bool ceil) {
  int64_t room = size + padding - (dilation * (kernel - 1) + 1);
  if (room < 0)
    return 0;
  if (!ceil)
    return room / stride + 1;
  int64_t count = (room + stride - 1) / stride + 1;
  return (count - 1) * stride >= size + low ? count - 1 : count;
}

std::optional<Shape> matmulShape(ArrayRef<int64_t> a, ArrayRef<int64_t> b, bool transposeA, bool transposeB) {
  if (a.size() < 2 || b.size() < 2)
    return std::nullopt;
  int64_t rows = a[a.size() - (transposeA ? 1 : 2)], inner = a[a.size() - (transposeA ? 2 : 1)];
  int64_t columns = b[b.size() - (transposeB ? 2 : 1)], innerB = b[b.size() - (transposeB ? 1 : 2)];
  std::optional<Shape> shape = broadcastShapes(a.drop_back(2), b.drop_back(2));
  if (!shape || inner != innerB)
    return std::nullopt;
  shape->append({rows, columns});
  return shape;
}

std::optional<int64_t> normalizeAxis(int64_t axis, int64_t rank) {
  if (axis < -rank || axis >= rank)
    return std::nullopt;
  return axis < 0 ? axis + rank : axis;
}

FailureOr<Type> inferSame(MaybeLocation, Value x) { return x.getType(); }

FailureOr<Type> inferBroadcast(MaybeLocation location, ValueRange operands) {
  RankedTensorType a = tensorOf(operands[0]), b = tensorOf(operands[1]);
  if (a.getElementType() != b.getElementType())
    return FailureOr<Type>(emitOptionalError(location, "operands differ in element type: ", a, " and ", b));
  std::optional<Shape> shape = broadcastShapes(a.getShape(), b.getShape());
  if (!shape)
    return wrong(location, "shapes " + text(a.getShape()) + " and " + text(b.getShape()) + " do not broadcast");
  return Type(RankedTensorType::get(*shape, a.getElementType()));
}

FailureOr<Type> inferCompare(MaybeLocation location, ValueRange operands) {
  FailureOr<Type> type = inferBroadcast(location, operands);
  if (failed(type))
    return failure();
  return Type(cast<RankedTensorType>(*type).clone(IntegerType::get(type->getContext(), 1)));
}

FailureOr<Type> inferSelect(MaybeLocation location, ValueRange operands) {
  FailureOr<Type> type = inferBroadcast(location, operands.drop_front());
  if (failed(type))
    return failure();
  auto tensor = cast<RankedTensorType>(*type);
  std::optional<Shape> shape = broadcastShapes(tensor.getShape(), tensorOf(operands[0]).getShape());
  if (!shape)
    return wrong(location, "the condition's shape " + text(tensorOf(operands[0]).getShape()) + " does not broadcast with " + text(tensor.getShape()));
  return Type(tensor.clone(*shape));
}

FailureOr<Type> inferReduction(MaybeLocation location, Value x, ArrayRef<int64_t> axes, bool keepdims) {
  RankedTensorType type = tensorOf(x);
  SmallVector<bool> reduced(type.getRank(), false);
  for (int64_t axis : axes) {
    std::optional<int64_t> at = normalizeAxis(axis, type.getRank());
    if (!at || reduced[*at])
      return wrong(location, "axis " + Twine(axis) + " is out of range or repeated; the operand has rank " + Twine(type.getRank()));
    reduced[*at] = true;
  }
  Shape shape;
  for (auto [size, gone] : llvm::zip_equal(type.getShape(), reduced))
    if (!gone || keepdims)
      shape.push_back(gone ? 1 : size);
  return Type(type.clone(shape));
}

FailureOr<Type> inferGather(MaybeLocation location, Value table, Value indices, int64_t axis) {
  RankedTensorType type = tensorOf(table);
  std::optional<int64_t> at = normalizeAxis(axis, type.getRank());
  if (!at)
    return wrong(location, "axis " + Twine(axis) + " is out of range; the table has rank " + Twine(type.getRank()));
  Shape shape(type.getShape().take_front(*at));
  llvm::append_range(shape, tensorOf(indices).getShape());
  llvm::append_range(shape, type.getShape().drop_front(*at + 1));
  return Type(type.clone(shape));
}

FailureOr<Type> inferTranspose(MaybeLocation location, Value x, ArrayRef<int64_t> permutation) {
  RankedTensorType type = tensorOf(x);
  SmallVector<bool> seen(type.getRank(), false);
  Shape shape;
  for (int64_t dim : permutation) {
    if (dim < 0 || dim >= type.getRank() || seen[dim])
      return wrong(location, text(permutation) + " is not a permutation of " + Twine(type.getRank()) + " dimensions");
    seen[dim] = true;
    shape.push_back(type.getDimSize(dim));
  }
  if (static_cast<int64_t>(shape.size()) != type.getRank())
    return wrong(location, text(permutation) + " is not a permutation of " + Twine(type.getRank()) + " dimensions");
  return Type(type.clone(shape));
}

FailureOr<Type> inferSlice(MaybeLocation location, Value x, ArrayRef<int64_t> starts, ArrayRef<int64_t> limits, ArrayRef<int64_t> strides) {
  RankedTensorType type = tensorOf(x);
  size_t rank = type.getRank();
  if (starts.size() != rank || limits.size() != rank || strides.size() != rank)
    return wrong(location, "starts, limits and strides need " + Twine(rank) + " entries each");
  Shape shape;
  for (size_t i = 0; i < rank; ++i) {
    if (starts[i] < 0 || limits[i] < starts[i] || limits[i] > type.getDimSize(i) || strides[i] < 1)
      return wrong(location, "slice " + Twine(starts[i]) + ":" + Twine(limits[i]) + ":" + Twine(strides[i]) + " leaves dimension " + Twine(i) + " of size " +
                                 Twine(type.getDimSize(i)));
    shape.push_back((limits[i] - starts[i] + strides[i] - 1) / strides[i]);
  }
  return Type(type.clone(shape));
}

FailureOr<Type> inferConcat(MaybeLocation location, ValueRange inputs, int64_t axis) {
  if (inputs.empty())
    return wrong(location, "needs at least one operand");
  RankedTensorType type = tensorOf(inputs.front());
  std::optional<int64_t> at = normalizeAxis(axis, type.getRank());
  if (!at)
    return wrong(location, "axis " + Twine(axis) + " is out of range; the operands have rank " + Twine(type.getRank()));
  Shape shape(type.getShape());
  for (Value input : inputs.drop_front()) {
    RankedTensorType other = tensorOf(input);
    Shape expected(type.getShape());
    if (other.getRank() == type.getRank())
      expected[*at] = other.getDimSize(*at);
    if (other != type.clone(expected))
      return wrong(location, "operand of shape " + text(other.getShape()) + " differs from " + text(type.getShape()) + " in more than dimension " + Twine(*at) +
                                 " or in element type");
    shape[*at] += other.getDimSize(*at);
  }
  return Type(type.clone(shape));
}

FailureOr<Type> inferPad(MaybeLocation location, Value x, ArrayRef<int64_t> low, ArrayRef<int64_t> high) {
  RankedTensorType type = tensorOf(x);
  if (static_cast<int64_t>(low.size()) != type.getRank() || static_cast<int64_t>(high.size()) != type.getRank())
    return wrong(location, "low and high need " + Twine(type.getRank()) + " entries each");
  Shape shape;
  for (auto [size, before, after] : llvm::zip_equal(type.getShape(), low, high)) {
    if (before < 0 || after < 0)
      return wrong(location, "padding is negative; slice instead");
    shape.push_back(size + before + after);
  }
  return Type(type.clone(shape));
}

} // namespace manaslu::graph
