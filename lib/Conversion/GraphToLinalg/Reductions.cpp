// Reductions, pooling, argmax and running sums of integers as generics.
#include <limits>
#include <llvm/ADT/TypeSwitch.h>

#include "lib/Conversion/GraphToLinalg/Lowering.h"

using namespace mlir;

namespace manaslu {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

enum class Combine { Sum, Max, Min };

/// The neutral element of an accumulator.
double neutral(Combine kind, Type element) {
  if (kind == Combine::Sum)
    return 0;
  if (isa<FloatType>(element))
    return kind == Combine::Max ? -kInfinity : kInfinity;
  if (element.isInteger(1))
    return kind == Combine::Max ? 0 : 1;
  double limit = std::ldexp(1.0, element.getIntOrFloatBitWidth() - 1);
  return kind == Combine::Max ? -limit : limit - 1;
}

/// One step of the accumulation.
Value combine(Lowering &lowering, Combine kind, Value x, Value accumulator) {
  ImplicitLocOpBuilder &b = lowering.b;
  bool isFloat = isa<FloatType>(accumulator.getType()), isBool = accumulator.getType().isInteger(1);
  if (kind == Combine::Sum)
    return isFloat ? Value(arith::AddFOp::create(b, x, accumulator)) : Value(arith::AddIOp::create(b, x, accumulator));
  if (isBool)
    return kind == Combine::Max ? Value(arith::OrIOp::create(b, x, accumulator)) : Value(arith::AndIOp::create(b, x, accumulator));
  if (kind == Combine::Max)
    return isFloat ? Value(arith::MaximumFOp::create(b, x, accumulator)) : Value(arith::MaxSIOp::create(b, x, accumulator));
  return isFloat ? Value(arith::MinimumFOp::create(b, x, accumulator)) : Value(arith::MinSIOp::create(b, x, accumulator));
}

/// Sums of narrow floats are accumulated in f32.
Type accumulatorType(Lowering &lowering, Type element) { return isa<FloatType>(element) ? Type(lowering.b.getF32Type()) : element; }

/// The first `count` of the loops; upstream's getMajorSubMap gives no map at all for a count of zero.
AffineMap leadingLoops(Lowering &lowering, unsigned loops, unsigned count) {
  return lowering.map(loops, AffineMap::getMultiDimIdentityMap(loops, lowering.b.getContext()).getResults().take_front(count));
}

LogicalResult lowerReduce(Lowering &lowering, Operation *op, ArrayRef<int64_t> axes, Combine kind) {
  Value x = lowering.tensor(op->getOperand(0));
  RankedTensorType type = graph::tensorOf(x), result = signlessType(op->getResult(0).getType());
  SmallVector<bool> reduced(type.getRank(), false);
  for (int64_t axis : axes)
    reduced[*graph::normalizeAxis(axis, type.getRank())] = true;
  // Reduced loops come last: the operand's map puts each dimension's loop in its place.
  SmallVector<int64_t> kept;
  SmallVector<AffineExpr> operand(type.getRank());
  for (int64_t dim = 0; dim < type.getRank(); ++dim)
    if (!reduced[dim]) {
      operand[dim] = lowering.b.getAffineDimExpr(kept.size());
      kept.push_back(type.getDimSize(dim));
    }
  unsigned loop = kept.size();
  for (int64_t dim = 0; dim < type.getRank(); ++dim)
    if (reduced[dim])
      operand[dim] = lowering.b.getAffineDimExpr(loop++);
  AffineMap out = leadingLoops(lowering, loop, kept.size());
  Type accumulator = accumulatorType(lowering, type.getElementType());
  Value start = lowering.fill(kept, accumulator, neutral(kind, accumulator));
  Value value = lowering.generic(x, start, {lowering.map(loop, operand), out}, loop - kept.size(),
                                 [&](ValueRange arguments) { return combine(lowering, kind, lowering.widen(arguments[0]), arguments[1]); });
  if (isa<FloatType>(result.getElementType()))
    value = lowering.convert(value, result.getElementType());
  lowering.set(op->getResult(0), lowering.reshape(value, result.getShape()));
  return success();
}

/// `kind` over windows of a padded NCHW tensor, in f32. Loops: image, channel, height, width, kernel height, kernel width.
Value windows(Lowering &lowering, Value x, ArrayRef<int64_t> shape, ArrayRef<int64_t> kernel, ArrayRef<int64_t> strides, ArrayRef<int64_t> dilation,
              Combine kind) {
  ImplicitLocOpBuilder &b = lowering.b;
  auto d = [&](unsigned i) { return b.getAffineDimExpr(i); };
  AffineMap in = lowering.map(6, {d(0), d(1), d(2) * strides[0] + d(4) * dilation[0], d(3) * strides[1] + d(5) * dilation[1]});
  Value start = lowering.fill(shape, b.getF32Type(), neutral(kind, b.getF32Type()));
  // The window's tensor holds no values: it gives the kernel's loops their bounds.
  Value window = lowering.empty(kernel, b.getF32Type());
  return lowering.generic({x, window}, start, {in, lowering.map(6, {d(4), d(5)}), lowering.map(6, {d(0), d(1), d(2), d(3)})}, 2,
                          [&](ValueRange arguments) { return combine(lowering, kind, lowering.widen(arguments[0]), arguments[2]); });
}

LogicalResult lowerMaxPool(Lowering &lowering, graph::MaxPool2dOp op) {
  RankedTensorType type = graph::tensorOf(op.getResult()), from = graph::tensorOf(op.getX());
  SmallVector<int64_t, 4> sides = graph::fullPadding(op.getPadding());
  SmallVector<int64_t> kernel = op.getKernel(), strides = op.getStrides(), dilation = op.getDilation(), high = {0, 0, sides[2], sides[3]};
  // With ceil_mode the last window may end outside the padding.
  for (int i = 0; i < 2; ++i) {
    int64_t end = (type.getDimSize(2 + i) - 1) * strides[i] + dilation[i] * (kernel[i] - 1) + 1;
    high[2 + i] = std::max(high[2 + i], end - from.getDimSize(2 + i) - sides[i]);
  }
  Value x = lowering.pad(lowering.tensor(op.getX()), {0, 0, sides[0], sides[1]}, high, -kInfinity);
  lowering.set(op.getResult(), lowering.convert(windows(lowering, x, type.getShape(), kernel, strides, dilation, Combine::Max), type.getElementType()));
  return success();
}

/// 1 / how many elements of the data each window covers, by output row and column.
Value inverseCounts(Lowering &lowering, graph::AvgPool2dOp op) {
  ArrayRef<int64_t> from = graph::tensorOf(op.getX()).getShape(), to = graph::tensorOf(op.getResult()).getShape();
  SmallVector<int64_t> kernel = op.getKernel(), strides = op.getStrides();
  SmallVector<int64_t, 4> sides = graph::fullPadding(op.getPadding());
  auto covered = [&](int i, int64_t at) {
    int64_t first = at * strides[i] - sides[i];
    return std::min(first + kernel[i], from[2 + i]) - std::max<int64_t>(first, 0);
  };
  SmallVector<float> values;
  for (int64_t row = 0; row < to[2]; ++row)
    for (int64_t column = 0; column < to[3]; ++column)
      values.push_back(1.0F / static_cast<float>(covered(0, row) * covered(1, column)));
  auto type = RankedTensorType::get(to.drop_front(2), lowering.b.getF32Type());
  return arith::ConstantOp::create(lowering.b, DenseElementsAttr::get(type, ArrayRef<float>(values)));
}

LogicalResult lowerAvgPool(Lowering &lowering, graph::AvgPool2dOp op) {
  RankedTensorType type = graph::tensorOf(op.getResult());
  SmallVector<int64_t, 4> sides = graph::fullPadding(op.getPadding());
  SmallVector<int64_t> kernel = op.getKernel();
  Value x = lowering.pad(lowering.tensor(op.getX()), {0, 0, sides[0], sides[1]}, {0, 0, sides[2], sides[3]}, 0);
  Value sum = windows(lowering, x, type.getShape(), kernel, op.getStrides(), {1, 1}, Combine::Sum);
  bool same = op.getCountIncludePad() || llvm::all_of(sides, [](int64_t side) { return side == 0; });
  SmallVector<Value> inputs = {sum};
  AffineMap identity = lowering.b.getMultiDimIdentityMap(4);
  SmallVector<AffineMap> maps = {identity};
  if (!same) {
    inputs.push_back(inverseCounts(lowering, op));
    maps.push_back(identity.getMinorSubMap(2));
  }
  maps.push_back(identity);
  Value mean = lowering.generic(inputs, lowering.empty(type.getShape(), lowering.b.getF32Type()), maps, 0, [&](ValueRange arguments) {
    Value factor = same ? lowering.number(lowering.b.getF32Type(), 1.0 / static_cast<double>(kernel[0] * kernel[1])) : arguments[1];
    return arith::MulFOp::create(lowering.b, arguments[0], factor);
  });
  lowering.set(op.getResult(), lowering.convert(mean, type.getElementType()));
  return success();
}

/// Integers: the sum over j <= i as a reduction over all j, masked by the loop indices (f32 products would not be exact).
LogicalResult lowerCumsum(Lowering &lowering, graph::CumsumOp op) {
  Value x = lowering.tensor(op.getX());
  RankedTensorType type = graph::tensorOf(x);
  if (isa<FloatType>(type.getElementType()))
    return failure();
  ImplicitLocOpBuilder &b = lowering.b;
  unsigned rank = type.getRank();
  int64_t axis = *graph::normalizeAxis(op.getAxis(), rank);
  SmallVector<AffineExpr> in = llvm::map_to_vector(llvm::seq<unsigned>(0, rank), [&](unsigned i) { return b.getAffineDimExpr(i); });
  AffineMap out = lowering.map(rank + 1, in);
  in[axis] = b.getAffineDimExpr(rank);
  Value sums = lowering.generic(x, lowering.fill(type.getShape(), type.getElementType(), 0), {lowering.map(rank + 1, in), out}, 1, [&](ValueRange arguments) {
    Value at = linalg::IndexOp::create(b, axis), other = linalg::IndexOp::create(b, rank);
    Value kept = arith::CmpIOp::create(b, arith::CmpIPredicate::sge, at, other);
    Value term = arith::SelectOp::create(b, kept, arguments[0], lowering.number(type.getElementType(), 0));
    return arith::AddIOp::create(b, term, arguments[1]);
  });
  lowering.set(op.getResult(), sums);
  return success();
}

/// The extremum along the axis, then the smallest index at which it, or a NaN, stands: two reductions that any engine has. The extremum of a row with a NaN is
/// NaN.
template <class Op> LogicalResult lowerPosition(Lowering &lowering, Op op, Combine kind) {
  Value x = lowering.tensor(op.getX());
  RankedTensorType type = graph::tensorOf(x), result = signlessType(op.getType());
  ImplicitLocOpBuilder &b = lowering.b;
  unsigned rank = type.getRank();
  int64_t axis = *graph::normalizeAxis(op.getAxis(), rank);
  SmallVector<AffineExpr> in;
  SmallVector<int64_t> kept;
  for (int64_t dim = 0; dim < type.getRank(); ++dim) {
    in.push_back(b.getAffineDimExpr(dim == axis ? rank - 1 : dim - (dim > axis)));
    if (dim != axis)
      kept.push_back(type.getDimSize(dim));
  }
  AffineMap read = lowering.map(rank, in), out = leadingLoops(lowering, rank, rank - 1);
  Type accumulator = accumulatorType(lowering, type.getElementType()), index = result.getElementType();
  Value best = lowering.generic(x, lowering.fill(kept, accumulator, neutral(kind, accumulator)), {read, out}, 1,
                                [&](ValueRange arguments) { return combine(lowering, kind, lowering.widen(arguments[0]), arguments[1]); });
  int64_t size = type.getDimSize(axis);
  Value place = lowering.generic({x, best}, lowering.fill(kept, index, size - 1), {read, out, out}, 1, [&](ValueRange arguments) {
    Value value = lowering.widen(arguments[0]), hit;
    if (isa<FloatType>(accumulator))
      hit = arith::OrIOp::create(b, arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, value, arguments[1]),
                                 arith::CmpFOp::create(b, arith::CmpFPredicate::UNE, value, value));
    else
      hit = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, value, arguments[1]);
    Value at = arith::IndexCastOp::create(b, index, linalg::IndexOp::create(b, rank - 1));
    Value candidate = arith::SelectOp::create(b, hit, at, lowering.number(index, static_cast<double>(size - 1)));
    return Value(arith::MinSIOp::create(b, candidate, arguments[2]));
  });
  lowering.set(op.getResult(), lowering.reshape(place, result.getShape()));
  return success();
}

} // namespace

LogicalResult lowerReduction(Lowering &lowering, Operation *op) {
  return llvm::TypeSwitch<Operation *, LogicalResult>(op)
      .Case<graph::ReduceSumOp>([&](auto reduce) { return lowerReduce(lowering, op, reduce.getAxes(), Combine::Sum); })
      .Case<graph::ReduceMaxOp>([&](auto reduce) { return lowerReduce(lowering, op, reduce.getAxes(), Combine::Max); })
      .Case<graph::ReduceMinOp>([&](auto reduce) { return lowerReduce(lowering, op, reduce.getAxes(), Combine::Min); })
      .Case<graph::MaxPool2dOp>([&](auto pool) { return lowerMaxPool(lowering, pool); })
      .Case<graph::AvgPool2dOp>([&](auto pool) { return lowerAvgPool(lowering, pool); })
      .Case<graph::CumsumOp>([&](auto sum) { return lowerCumsum(lowering, sum); })
      .Case<graph::ArgmaxOp>([&](auto argmax) { return lowerPosition(lowering, argmax, Combine::Max); })
      .Case<graph::ArgminOp>([&](auto argmin) { return lowerPosition(lowering, argmin, Combine::Min); })
      .Default([](Operation *) { return failure(); });
}

} // namespace manaslu
