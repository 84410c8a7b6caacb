// Interval rules of the graph's integer operations.
#include "dialects/Graph/Transforms/Intervals.h"

#include <llvm/ADT/TypeSwitch.h>

using namespace mlir;

namespace manaslu::graph {

namespace {

Interval product(const Interval &a, const Interval &b) {
  auto [low, high] = std::minmax({a.low * b.low, a.low * b.high, a.high * b.low, a.high * b.high});
  return {low, high};
}

Interval elements(DenseElementsAttr values) {
  bool isUnsigned = values.getElementType().isUnsignedInteger() || values.getElementType().isInteger(1);
  std::optional<Interval> out;
  auto extend = [&](const APInt &value) {
    __int128 number = isUnsigned ? static_cast<__int128>(value.getZExtValue()) : static_cast<__int128>(value.getSExtValue());
    out = out ? Interval::join(*out, {number, number}) : Interval{number, number};
  };
  if (values.isSplat())
    extend(values.getSplatValue<APInt>());
  else
    for (const APInt &value : values.getValues<APInt>())
      extend(value);
  return out.value_or(Interval{0, 0});
}

Interval absolute(const Interval &x) {
  return {x.low <= 0 && x.high >= 0 ? 0 : std::min(x.low < 0 ? -x.low : x.low, x.high < 0 ? -x.high : x.high), std::max(-x.low, x.high)};
}

/// Whole powers that are not negative; nothing for others and for what is too large to follow.
std::optional<Interval> power(const Interval &base, const Interval &exponent) {
  __int128 size = std::max<__int128>(absolute(base).high, 1), limit = __int128(1) << 64, result = 1;
  if (exponent.low < 0 || exponent.high > 64)
    return std::nullopt;
  for (__int128 step = 0; step < exponent.high; ++step)
    if (size > limit || (result *= size) > limit)
      return std::nullopt;
  return Interval{base.low < 0 ? -result : 0, result};
}

Interval remainder(const Interval &a, const Interval &b) {
  Interval size = absolute(b);
  if (a.low >= 0 && b.low > 0)
    return {0, std::min(a.high, size.high - 1)};
  return {b.low < 0 ? -size.high : 0, b.high > 0 ? size.high : 0};
}

} // namespace

Interval fullInterval(Type element) {
  auto width = element.getIntOrFloatBitWidth();
  __int128 one = 1;
  if (width == 1 || element.isUnsignedInteger())
    return {0, (one << width) - 1};
  return {-(one << (width - 1)), (one << (width - 1)) - 1};
}

std::string textOf(const Interval &interval) {
  auto number = [](__int128 value) {
    bool clamped = value > INT64_MAX || value < INT64_MIN;
    return clamped ? std::string(value > 0 ? "above 2^63" : "below -2^63") : std::to_string(static_cast<int64_t>(value));
  };
  return "[" + number(interval.low) + ", " + number(interval.high) + "]";
}

Interval Intervals::of(Value value) const {
  auto at = known_.find(value);
  return at != known_.end() ? at->second : fullInterval(tensorOf(value).getElementType());
}

Interval Intervals::result(Operation *op) const {
  Interval full = fullInterval(tensorOf(op->getResult(0)).getElementType());
  auto in = [&](unsigned i) { return of(op->getOperand(i)); };
  auto size = [&](int64_t axis) { return tensorOf(op->getOperand(0)).getDimSize(*normalizeAxis(axis, tensorOf(op->getOperand(0)).getRank())); };
  if (llvm::any_of(op->getOperandTypes(), [](Type type) { return isa<FloatType>(cast<RankedTensorType>(type).getElementType()); }) &&
      !isa<ArgmaxOp, ArgminOp>(op)) {
    // A float becomes an integer: the chip saturates at int32, and a float that large has no exact integer anyway.
    Interval narrow = fullInterval(IntegerType::get(op->getContext(), 32));
    return isa<CastOp>(op) && narrow.within(full) ? narrow : full;
  }
  return llvm::TypeSwitch<Operation *, Interval>(op)
      .Case<ConstantOp>([&](ConstantOp constant) {
        auto dense = dyn_cast<DenseElementsAttr>(constant.getValue());
        return dense ? elements(dense) : full;
      })
      .Case<ParameterOp, StateReadOp>([&](auto) { return Interval{std::max<__int128>(full.low, INT32_MIN), std::min<__int128>(full.high, INT32_MAX)}; })
      .Case<IotaOp>([&](IotaOp iota) {
        RankedTensorType type = tensorOf(iota.getResult());
        return Interval{0, type.getDimSize(*normalizeAxis(iota.getAxis(), type.getRank())) - 1};
      })
      .Case<ArgmaxOp, ArgminOp>([&](auto position) { return Interval{0, size(position.getAxis()) - 1}; })
      .Case<AddOp>([&](AddOp) { return Interval{in(0).low + in(1).low, in(0).high + in(1).high}; })
      .Case<SubOp>([&](SubOp) { return Interval{in(0).low - in(1).high, in(0).high - in(1).low}; })
      .Case<MulOp>([&](MulOp) { return product(in(0), in(1)); })
      .Case<SquareOp>([&](SquareOp) { return product(absolute(in(0)), absolute(in(0))); })
      .Case<DivOp, FloorDivOp>([&](auto) { return Interval{-absolute(in(0)).high, absolute(in(0)).high}; })
      .Case<RemainderOp>([&](RemainderOp) { return remainder(in(0), in(1)); })
      .Case<PowOp>([&](PowOp) { return power(in(0), in(1)).value_or(full); })
      .Case<MaxOp>([&](MaxOp) { return Interval{std::max(in(0).low, in(1).low), std::max(in(0).high, in(1).high)}; })
      .Case<MinOp>([&](MinOp) { return Interval{std::min(in(0).low, in(1).low), std::min(in(0).high, in(1).high)}; })
      .Case<NegOp>([&](NegOp) { return Interval{-in(0).high, -in(0).low}; })
      .Case<AbsOp>([&](AbsOp) { return absolute(in(0)); })
      .Case<ReluOp>([&](ReluOp) { return Interval{std::max<__int128>(in(0).low, 0), std::max<__int128>(in(0).high, 0)}; })
      .Case<SignOp>([&](SignOp) { return Interval{-1, 1}; })
      .Case<SelectOp>([&](SelectOp) { return Interval::join(in(1), in(2)); })
      .Case<CastOp>([&](CastOp) { return full.high == 1 ? full : in(0); })
      .Case<ReduceSumOp>([&](ReduceSumOp sum) {
        __int128 count = tensorOf(sum.getX()).getNumElements() / std::max<int64_t>(1, tensorOf(sum.getResult()).getNumElements());
        return Interval{in(0).low * count, in(0).high * count};
      })
      .Case<CumsumOp>([&](CumsumOp sum) {
        __int128 count = size(sum.getAxis());
        return Interval{std::min(in(0).low, in(0).low * count), std::max(in(0).high, in(0).high * count)};
      })
      .Case<ConcatOp>([&](ConcatOp concat) {
        Interval all = in(0);
        for (Value input : concat.getInputs())
          all = Interval::join(all, of(input));
        return all;
      })
      .Case<PadOp>([&](PadOp pad) {
        auto value = static_cast<__int128>(pad.getValue());
        return Interval::join(in(0), {value, value});
      })
      .Case<ReshapeOp, TransposeOp, SliceOp, BroadcastToOp, GatherOp, ReduceMaxOp, ReduceMinOp>([&](auto) { return in(0); })
      .Default([&](Operation *) { return full; });
}

} // namespace manaslu::graph
