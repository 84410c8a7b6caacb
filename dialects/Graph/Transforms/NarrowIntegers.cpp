// narrow-integers: the chip has no int64, so values whose range is proved become int32.
#include "dialects/Graph/Transforms/Intervals.h"
#include "dialects/Graph/Transforms/Passes.h"

using namespace mlir;

namespace manaslu::graph {

#define GEN_PASS_DEF_NARROWINTEGERS
#include "dialects/Graph/Transforms/Passes.h.inc"

namespace {

constexpr Interval kInt32 = {INT32_MIN, INT32_MAX};
/// Bounds of inputs that are tried when the full int32 range would overflow inside: plus and minus 2^bits.
constexpr int kBoundBits[] = {31, 24, 20, 16, 12, 8};

bool isWide(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  return type && type.getElementType().isInteger(64);
}

/// The rows of the smallest table that `value` indexes as it is, or nothing.
std::optional<int64_t> indexedRows(Value value) {
  std::optional<int64_t> least;
  auto take = [&](std::optional<int64_t> rows) {
    if (rows)
      least = least ? std::min(*least, *rows) : rows;
  };
  for (OpOperand &use : value.getUses()) {
    Operation *user = use.getOwner();
    if (auto gather = dyn_cast<GatherOp>(user); gather && use.getOperandNumber() == 1)
      take(tensorOf(gather.getTable()).getDimSize(*normalizeAxis(gather.getAxis(), tensorOf(gather.getTable()).getRank())));
    else if (isa<ReshapeOp, TransposeOp, BroadcastToOp>(user) ||
             (isa<CastOp>(user) && tensorOf(user->getResult(0)).getElementType().getIntOrFloatBitWidth() >= 32 &&
              isa<IntegerType>(tensorOf(user->getResult(0)).getElementType())))
      take(indexedRows(user->getResult(0)));
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
    for (int candidate : kBoundBits) {
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
    if (bits < 0)
      return last->emitOpError("MN-NUM-RANGE: values of int64 may reach ")
             << textOf(*found) << ", outside int32 " << textOf(kInt32) << "; use int32 in the model, or bound the operands";
    changeTypes(function, bits);
    return success();
  }

  Interval boundOf(BlockArgument argument, int bits) {
    if (std::optional<int64_t> rows = indexedRows(argument))
      return {0, *rows - 1};
    __int128 limit = __int128(1) << bits;
    return bits == 31 ? kInt32 : Interval{-limit, limit};
  }

  /// The first operation with an int64 result that may leave int32 when inputs stay within 2^bits, in `op`.
  Interval firstOverflow(func::FuncOp function, int bits, Operation *&op) {
    Intervals intervals;
    for (BlockArgument argument : function.getArguments())
      if (isWide(argument))
        intervals.set(argument, boundOf(argument, bits));
    Interval wrong;
    function.walk([&](Operation *current) {
      if (op || current->getNumResults() != 1 || current->getName().getDialectNamespace() != "graph")
        return;
      Value result = current->getResult(0);
      if (!isa<IntegerType>(tensorOf(result).getElementType()))
        return;
      Interval interval = intervals.result(current), full = fullInterval(tensorOf(result).getElementType());
      if (isWide(result) && !interval.within(kInt32)) {
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
      if (!isWide(argument))
        continue;
      Interval bound = boundOf(argument, bits);
      function.setArgAttr(argument.getArgNumber(), kHostTypeAttribute, builder.getStringAttr("int64"));
      if (!kInt32.within(bound))
        function.setArgAttr(argument.getArgNumber(), kRangeAttribute,
                            builder.getDenseI64ArrayAttr({static_cast<int64_t>(bound.low), static_cast<int64_t>(bound.high)}));
      argument.setType(narrowed(argument.getType()));
    }
    function.walk([&](Operation *op) {
      for (Value result : op->getResults())
        if (isWide(result))
          result.setType(narrowed(result.getType()));
      if (auto constant = dyn_cast<ConstantOp>(op)) {
        auto dense = dyn_cast<DenseIntElementsAttr>(constant.getValue());
        if (dense && dense.getElementType().isInteger(64))
          constant.setValueAttr(dense.mapValues(builder.getI32Type(), [](const APInt &value) { return value.trunc(32); }));
      }
    });
    SmallVector<Type> results;
    for (auto [i, type] : llvm::enumerate(function.getResultTypes())) {
      bool wide = isa<RankedTensorType>(type) && cast<RankedTensorType>(type).getElementType().isInteger(64);
      results.push_back(wide ? Type(narrowed(type)) : type);
      if (wide)
        function.setResultAttr(i, kHostTypeAttribute, builder.getStringAttr("int64"));
    }
    function.setType(builder.getFunctionType(function.getBody().getArgumentTypes(), results));
  }
};

} // namespace

} // namespace manaslu::graph
