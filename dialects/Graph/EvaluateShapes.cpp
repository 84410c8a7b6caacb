// The host evaluator's reductions, gather and data movement.
#include "dialects/Graph/EvaluateKernels.h"

#include <cmath>
#include <cstring>
#include <llvm/ADT/TypeSwitch.h>

using namespace mlir;

namespace manaslu::graph {

namespace {

using Index = std::vector<int64_t>;

SmallVector<int64_t> rowMajorStrides(ArrayRef<int64_t> shape) {
  SmallVector<int64_t> strides(shape.size(), 1);
  for (int64_t d = static_cast<int64_t>(shape.size()) - 2; d >= 0; --d)
    strides[d] = strides[d + 1] * shape[d + 1];
  return strides;
}

/// For each element of `shape`: offset + sum of coordinate * stride.
Index linearIndex(ArrayRef<int64_t> shape, ArrayRef<int64_t> strides, int64_t offset) {
  Index index = {offset};
  for (auto [size, stride] : llvm::zip_equal(shape, strides)) {
    Index next;
    next.reserve(index.size() * size);
    for (int64_t base : index)
      for (int64_t i = 0; i < size; ++i)
        next.push_back(base + i * stride);
    index = std::move(next);
  }
  return index;
}

/// out[i] = in[index[i]]
Array pick(RankedTensorType type, const Array &in, const Index &index) {
  Array out = Array::make(type);
  int64_t size = bytesOf(type.getElementType());
  for (size_t i = 0; i < index.size(); ++i)
    std::memcpy(out.bytes() + i * size, in.data + index[i] * size, size);
  return out;
}

/// out[index[i]] = in[i]
void place(Array &out, const Array &in, const Index &index) {
  int64_t size = bytesOf(out.type.getElementType());
  for (size_t i = 0; i < index.size(); ++i)
    std::memcpy(out.bytes() + index[i] * size, in.data + i * size, size);
}

std::optional<Array> transpose(TransposeOp op, const Array &x) {
  SmallVector<int64_t> strides = rowMajorStrides(x.type.getShape()), permuted;
  for (int64_t dim : op.getPermutation())
    permuted.push_back(strides[dim]);
  auto type = tensorOf(op.getResult());
  return pick(type, x, linearIndex(type.getShape(), permuted, 0));
}

std::optional<Array> slice(SliceOp op, const Array &x) {
  SmallVector<int64_t> strides = rowMajorStrides(x.type.getShape()), starts = op.getStarts(), steps = op.getStrides();
  int64_t offset = 0;
  for (size_t d = 0; d < strides.size(); ++d) {
    offset += starts[d] * strides[d];
    strides[d] *= steps[d];
  }
  auto type = tensorOf(op.getResult());
  return pick(type, x, linearIndex(type.getShape(), strides, offset));
}

std::optional<Array> concat(ConcatOp op, ArrayRef<Array> inputs) {
  Array out = Array::make(tensorOf(op.getResult()));
  int64_t axis = *normalizeAxis(op.getAxis(), out.type.getRank()), start = 0;
  SmallVector<int64_t> strides = rowMajorStrides(out.type.getShape());
  for (const Array &input : inputs) {
    place(out, input, linearIndex(input.type.getShape(), strides, start * strides[axis]));
    start += input.type.getDimSize(axis);
  }
  return out;
}

std::optional<Array> pad(PadOp op, const Array &x) {
  auto type = tensorOf(op.getResult());
  std::optional<Array> out;
  if (isa<FloatType>(type.getElementType()))
    out = arrayOf(type, std::vector<float>(type.getNumElements(), static_cast<float>(op.getValue())));
  else
    out = arrayOf(type, std::vector<int64_t>(type.getNumElements(), static_cast<int64_t>(op.getValue())));
  if (!out)
    return std::nullopt;
  SmallVector<int64_t> strides = rowMajorStrides(type.getShape());
  int64_t offset = 0;
  for (auto [low, stride] : llvm::zip_equal(op.getLow(), strides))
    offset += low * stride;
  place(*out, x, linearIndex(x.type.getShape(), strides, offset));
  return out;
}

std::optional<Array> gather(GatherOp op, const Array &table, const Array &indices) {
  auto type = tensorOf(op.getResult());
  int64_t axis = *normalizeAxis(op.getAxis(), table.type.getRank()), rows = table.type.getDimSize(axis);
  int64_t inner = 1;
  for (int64_t size : table.type.getShape().drop_front(axis + 1))
    inner *= size;
  std::vector<int64_t> at = integersIn(indices);
  Index index;
  for (int64_t base = 0; base < table.type.getNumElements(); base += rows * inner)
    for (int64_t row : at) {
      if (row < 0 || row >= rows)
        return std::nullopt;
      for (int64_t i = 0; i < inner; ++i)
        index.push_back(base + row * inner + i);
    }
  return pick(type, table, index);
}

/// Reduces elements of a group (same result element, row-major order) with `combine`.
template <class T, class Combine>
std::vector<T> reduceValues(const std::vector<T> &values, const Index &group, int64_t count, T start, bool fromFirst, Combine combine) {
  std::vector<T> out(count, start);
  std::vector<bool> begun(count, !fromFirst);
  for (size_t i = 0; i < values.size(); ++i) {
    out[group[i]] = begun[group[i]] ? combine(out[group[i]], values[i]) : values[i];
    begun[group[i]] = true;
  }
  return out;
}

std::optional<Array> reduce(Operation *op, const Array &x, ArrayRef<int64_t> axes) {
  auto type = tensorOf(op->getResult(0));
  SmallVector<bool> reduced(x.type.getRank(), false);
  for (int64_t axis : axes)
    reduced[*normalizeAxis(axis, x.type.getRank())] = true;
  SmallVector<int64_t> strides(x.type.getRank(), 0);
  int64_t stride = 1, group = 1;
  for (int64_t d = x.type.getRank() - 1; d >= 0; --d) {
    (reduced[d] ? group : stride) *= x.type.getDimSize(d);
    strides[d] = reduced[d] ? 0 : stride / x.type.getDimSize(d);
  }
  Index index = linearIndex(x.type.getShape(), strides, 0);
  bool sums = isa<ReduceSumOp, ReduceMeanOp>(op), largest = isa<ReduceMaxOp>(op);
  if (!isa<FloatType>(x.type.getElementType())) {
    if (isa<ReduceMeanOp>(op))
      return std::nullopt;
    auto combine = [&](int64_t a, int64_t b) { return sums ? a + b : largest ? std::max(a, b) : std::min(a, b); };
    return arrayOf(type, reduceValues<int64_t>(integersIn(x), index, type.getNumElements(), 0, !sums, combine));
  }
  std::vector<float> narrow = floatsOf(x);
  std::vector<double> wide(narrow.begin(), narrow.end());
  auto combine = [&](double a, double b) { return sums ? a + b : std::isnan(a) || std::isnan(b) ? NAN : largest ? std::max(a, b) : std::min(a, b); };
  std::vector<double> out = reduceValues<double>(wide, index, type.getNumElements(), 0.0, !sums, combine);
  std::vector<float> values;
  for (double value : out)
    values.push_back(static_cast<float>(isa<ReduceMeanOp>(op) ? value / static_cast<double>(group) : value));
  return arrayOf(type, values);
}

std::optional<Array> cumsum(CumsumOp op, const Array &x) {
  int64_t axis = *normalizeAxis(op.getAxis(), x.type.getRank()), stride = rowMajorStrides(x.type.getShape())[axis], size = x.type.getDimSize(axis);
  auto run = [&](auto values) {
    for (size_t i = 0; i < values.size(); ++i)
      if (static_cast<int64_t>(i) / stride % size != 0)
        values[i] += values[i - stride];
    return values;
  };
  if (!isa<FloatType>(x.type.getElementType()))
    return arrayOf(x.type, run(integersIn(x)));
  return arrayOf(x.type, run(floatsOf(x)));
}

std::optional<Array> iota(IotaOp op) {
  auto type = tensorOf(op.getResult());
  SmallVector<int64_t> strides(type.getRank(), 0);
  strides[*normalizeAxis(op.getAxis(), type.getRank())] = 1;
  Index index = linearIndex(type.getShape(), strides, 0);
  return isa<FloatType>(type.getElementType()) ? std::optional(arrayOf(type, std::vector<float>(index.begin(), index.end()))) : arrayOf(type, index);
}

} // namespace

std::optional<Array> evaluateShape(Operation *op, ArrayRef<Array> operands) {
  using Out = std::optional<Array>;
  return llvm::TypeSwitch<Operation *, Out>(op)
      .Case<ReshapeOp>([&](ReshapeOp reshape) { return Array{tensorOf(reshape.getResult()), operands[0].data, operands[0].owned}; })
      .Case<TransposeOp>([&](TransposeOp transposeOp) { return transpose(transposeOp, operands[0]); })
      .Case<SliceOp>([&](SliceOp sliceOp) { return slice(sliceOp, operands[0]); })
      .Case<ConcatOp>([&](ConcatOp concatOp) { return concat(concatOp, operands); })
      .Case<PadOp>([&](PadOp padOp) { return pad(padOp, operands[0]); })
      .Case<GatherOp>([&](GatherOp gatherOp) { return gather(gatherOp, operands[0], operands[1]); })
      .Case<BroadcastToOp>([&](BroadcastToOp broadcast) {
        auto type = tensorOf(broadcast.getResult());
        return pick(type, operands[0], broadcastIndex(operands[0].type.getShape(), type.getShape()));
      })
      .Case<ReduceSumOp, ReduceMeanOp, ReduceMaxOp, ReduceMinOp>([&](auto reduceOp) { return reduce(reduceOp, operands[0], reduceOp.getAxes()); })
      .Case<CumsumOp>([&](CumsumOp cumsumOp) { return cumsum(cumsumOp, operands[0]); })
      .Case<IotaOp>([&](IotaOp iotaOp) { return iota(iotaOp); })
      .Default([](Operation *) { return Out(); });
}

} // namespace manaslu::graph
