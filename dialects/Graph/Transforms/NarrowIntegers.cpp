// narrow-integers: the chip has no int64, so values whose range is proved become int32; uint8, which linalg cannot write, becomes int32 too.
#include "dialects/Graph/Transforms/Intervals.h"
#include "dialects/Graph/Transforms/Passes.h"

using namespace mlir;

namespace manaslu::graph {

#define GEN_PASS_DEF_NARROWINTEGERS
#include "dialects/Graph/Transforms/Passes.h.inc"

namespace {

/// Inputs are bounded to fewer bits, one at a time, when the full int32 range would overflow inside; with fewer than these nothing useful is left.
constexpr int kAllBits = 31, kFewestBits = 8;

/// Whether a type is replaced by int32: i64 (signless) and ui8.
bool isReplaced(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor && (tensor.getElementType().isSignlessInteger(64) || tensor.getElementType().isUnsignedInteger(8));
}
bool isReplaced(Value value) { return isReplaced(value.getType()); }

/// The framework's name of a replaced type.
StringRef hostName(Type type) { return cast<RankedTensorType>(type).getElementType().isUnsignedInteger() ? "uint8" : "int64"; }

/// What a value of the type may hold after the replacement: uint8 keeps its range, since nothing wraps around there any more.
Interval allowed(Type type) { return hostName(type) == "uint8" ? Interval{0, 255} : Interval{INT32_MIN, INT32_MAX}; }

/// The number in every element of a constant.
std::optional<int64_t> splatOf(Value value) {
  auto constant = value.getDefiningOp<ConstantOp>();
  auto elements = constant ? dyn_cast<DenseIntElementsAttr>(constant.getValue()) : DenseIntElementsAttr();
  return elements && elements.isSplat() ? std::optional(elements.getSplatValue<APInt>().getSExtValue()) : std::nullopt;
}

/// n, if the result is x where x >= 0 and x + n elsewhere: an index that counts from the end when it is negative.
std::optional<int64_t> wrapOf(SelectOp op, Value x) {
  auto below = op.getCondition().getDefiningOp<CompareOp>();
  auto shifted = op.getA().getDefiningOp<AddOp>();
  if (op.getB() != x || !below || below.getPredicate() != "lt" || below.getA() != x || splatOf(below.getB()) != 0 || !shifted || shifted.getA() != x)
    return std::nullopt;
  return splatOf(shifted.getB());
}

/// What `value` may hold where it indexes tables as it is, or from their end: other values would be indices out of range. Nothing if it indexes none.
std::optional<Interval> indexInterval(Value value) {
  std::optional<Interval> least;
  auto take = [&](std::optional<Interval> interval) {
    if (interval)
      least = least ? Interval{std::max(least->low, interval->low), std::min(least->high, interval->high)} : *interval;
  };
  for (OpOperand &use : value.getUses()) {
    Operation *user = use.getOwner();
    if (auto gather = dyn_cast<GatherOp>(user); gather && use.getOperandNumber() == 1) {
      take(Interval{0, tensorOf(gather.getTable()).getDimSize(*normalizeAxis(gather.getAxis(), tensorOf(gather.getTable()).getRank())) - 1});
    } else if (auto select = dyn_cast<SelectOp>(user)) {
      std::optional<int64_t> size = wrapOf(select, value);
      if (std::optional<Interval> wrapped = size ? indexInterval(select.getResult()) : std::nullopt)
        take(Interval{-*size, wrapped->high});
    } else if (isa<ReshapeOp, TransposeOp, BroadcastToOp>(user) ||
               (isa<CastOp>(user) && tensorOf(user->getResult(0)).getElementType().getIntOrFloatBitWidth() >= 32 &&
                isa<IntegerType>(tensorOf(user->getResult(0)).getElementType()))) {
      take(indexInterval(user->getResult(0)));
    }
  }
  return least;
}

struct NarrowIntegersPass : impl::NarrowIntegersBase<NarrowIntegersPass> {
  void runOnOperation() override {
    for (func::FuncOp function : getOperation().getOps<func::FuncOp>())
      if (failed(narrow(function)))
        return signalPassFailure();
  }

private:
  LogicalResult narrow(func::FuncOp function) {
    Operation *last = nullptr;
    std::optional<Interval> found;
    int bits = -1;
    for (int candidate = kAllBits; candidate >= kFewestBits; --candidate) {
      Operation *overflowing = nullptr;
      Interval interval = firstOverflow(function, candidate, overflowing);
      if (!overflowing) {
        bits = candidate;
        break;
      }
      // The tightest bound's message: a wider one would blame an operation that a bound makes fit.
      last = overflowing;
      found = interval;
    }
    if (bits < 0) {
      Type type = last->getResult(0).getType();
      return last->emitOpError("MN-NUM-RANGE: values of ")
             << hostName(type) << " may reach " << textOf(*found) << ", outside " << textOf(allowed(type)) << "; use int32 in the model, or bound the operands";
    }
    changeTypes(function, bits);
    return success();
  }

  /// A parameter of bytes stays as it is stored; its users see int32.
  void castParameter(ParameterOp parameter) {
    OpBuilder builder(&getContext());
    builder.setInsertionPointAfter(parameter);
    auto type = cast<RankedTensorType>(parameter.getType()).clone(builder.getI32Type());
    auto cast = CastOp::create(builder, parameter.getLoc(), type, parameter.getResult());
    parameter.getResult().replaceAllUsesExcept(cast.getResult(), cast);
  }

  Interval boundOf(BlockArgument argument, int bits) {
    Interval type = allowed(argument.getType());
    if (std::optional<Interval> index = indexInterval(argument))
      return {std::max(index->low, type.low), std::min(index->high, type.high)};
    if (type.low == 0)
      return type;
    __int128 limit = __int128(1) << bits;
    return Interval{-limit, limit - 1};
  }

  /// The first operation with an int64 result that may leave int32 when inputs have `bits` bits and a sign, in `op`.
  Interval firstOverflow(func::FuncOp function, int bits, Operation *&op) {
    Intervals intervals;
    for (BlockArgument argument : function.getArguments())
      if (isReplaced(argument))
        intervals.set(argument, boundOf(argument, bits));
    Interval wrong;
    function.walk([&](Operation *current) {
      if (op || current->getNumResults() != 1 || current->getName().getDialectNamespace() != "graph")
        return;
      Value result = current->getResult(0);
      if (!isa<IntegerType>(tensorOf(result).getElementType()))
        return;
      Interval interval = intervals.result(current), full = fullInterval(tensorOf(result).getElementType());
      if (isReplaced(result) && !interval.within(allowed(result.getType()))) {
        op = current;
        wrong = interval;
      }
      intervals.set(result, interval.within(full) ? interval : full);
    });
    return wrong;
  }

  void changeTypes(func::FuncOp function, int bits) {
    Builder builder(&getContext());
    auto narrowed = [&](Type type) { return cast<RankedTensorType>(type).clone(builder.getI32Type()); };
    for (BlockArgument argument : function.getArguments()) {
      if (!isReplaced(argument))
        continue;
      Interval bound = boundOf(argument, bits);
      function.setArgAttr(argument.getArgNumber(), kHostTypeAttribute, builder.getStringAttr(hostName(argument.getType())));
      if (!allowed(argument.getType()).within(bound))
        function.setArgAttr(argument.getArgNumber(), kRangeAttribute,
                            builder.getDenseI64ArrayAttr({static_cast<int64_t>(bound.low), static_cast<int64_t>(bound.high)}));
      argument.setType(narrowed(argument.getType()));
    }
    function.walk([&](Operation *op) {
      if (auto parameter = dyn_cast<ParameterOp>(op); parameter && hostName(parameter.getType()) == "uint8" && isReplaced(parameter.getResult()))
        return castParameter(parameter);
      for (Value result : op->getResults())
        if (isReplaced(result))
          result.setType(narrowed(result.getType()));
      if (auto constant = dyn_cast<ConstantOp>(op)) {
        auto dense = dyn_cast<DenseIntElementsAttr>(constant.getValue());
        if (dense && isReplaced(dense.getType()))
          constant.setValueAttr(dense.mapValues(builder.getI32Type(), [](const APInt &value) { return value.zextOrTrunc(32); }));
      }
    });
    SmallVector<Type> results;
    for (auto [i, type] : llvm::enumerate(function.getResultTypes())) {
      results.push_back(isReplaced(type) ? Type(narrowed(type)) : type);
      if (isReplaced(type))
        function.setResultAttr(i, kHostTypeAttribute, builder.getStringAttr(hostName(type)));
    }
    function.setType(builder.getFunctionType(function.getBody().getArgumentTypes(), results));
  }
};

} // namespace

} // namespace manaslu::graph
