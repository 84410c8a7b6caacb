// auto-cast: lowers the float type of contraction operands, or of every value, with casts at the border of the function.
#include <llvm/ADT/TypeSwitch.h>
#include <mlir/IR/Matchers.h>

#include "dialects/Graph/Transforms/Build.h"
#include "dialects/Graph/Transforms/Passes.h"

using namespace mlir;

namespace manaslu::graph {

#define GEN_PASS_DEF_AUTOCAST
#include "dialects/Graph/Transforms/Passes.h.inc"

namespace {

/// The types that auto-cast can select: one line a type.
FloatType selectableType(StringRef name, Builder &builder) {
  if (name == "bf16")
    return builder.getBF16Type();
  if (name == "f16" || name == "fp16")
    return builder.getF16Type();
  return {};
}

/// How many leading operands of a contraction the matrix engine reads; the others (bias, mask) keep their type.
unsigned contractedOperands(Operation *op) {
  return llvm::TypeSwitch<Operation *, unsigned>(op)
      .Case<MatmulOp, LinearOp, Conv2dOp>([](auto) { return 2u; })
      .Case<AttentionOp>([](auto) { return 3u; })
      .Default([](Operation *) { return 0u; });
}

/// Constants of the narrow type: finite stays finite (the usual -3.4e38 of masks would become -inf).
DenseElementsAttr narrowed(DenseElementsAttr value, FloatType narrow) {
  const llvm::fltSemantics &semantics = narrow.getFloatSemantics();
  auto convert = [&](const APFloat &wide) {
    APFloat out = wide;
    bool lost = false;
    out.convert(semantics, APFloat::rmNearestTiesToEven, &lost);
    if (out.isInfinity() && wide.isFinite())
      out = APFloat::getLargest(semantics, wide.isNegative());
    return out.bitcastToAPInt();
  };
  if (auto splat = dyn_cast<SplatElementsAttr>(value))
    return DenseElementsAttr::get(cast<ShapedType>(value.getType()).clone(narrow), APFloat(semantics, convert(splat.getSplatValue<APFloat>())));
  return cast<DenseFPElementsAttr>(value).mapValues(narrow, convert);
}

struct AutoCastPass : impl::AutoCastBase<AutoCastPass> {
  using Base::Base;

  void runOnOperation() override {
    if (mode == "none")
      return;
    Builder builder(&getContext());
    narrow = selectableType(type, builder);
    if (!narrow || (mode != "matmult" && mode != "all")) {
      getOperation().emitError("MN-NUM-TYPE: auto-cast takes mode none, matmult or all and type bf16 or f16, not mode ") << mode << " and type " << type;
      return signalPassFailure();
    }
    if (mode == "matmult")
      castContractions();
    else
      castEverything();
  }

private:
  FloatType narrow;
  llvm::DenseSet<Operation *> host; ///< membership only, never iterated

  bool isWide(Value value) { return isa<RankedTensorType>(value.getType()) && tensorOf(value).getElementType().isF32(); }

  void castContractions() {
    getOperation().walk([&](Operation *op) {
      OpBuilder builder(op);
      Build build(builder, op->getLoc());
      for (OpOperand &operand : op->getOpOperands().take_front(contractedOperands(op)))
        if (isWide(operand.get()))
          operand.set(build.cast(operand.get(), narrow));
    });
  }

  void castEverything() {
    func::FuncOp function = getOperation();
    OpBuilder builder(function.getContext());
    SmallVector<Operation *> operations;
    function.walk([&](Operation *op) { operations.push_back(op); });
    for (Operation *op : operations)
      if (computedOnHost(op))
        host.insert(op);
    builder.setInsertionPointToStart(&function.getBody().front());
    for (BlockArgument argument : function.getArguments())
      castBorder(builder, argument);
    for (Operation *op : operations)
      castOperation(builder, op);
  }

  /// What depends on parameters and constants alone is folded before the chip sees it: it stays in f32 (rotary angles would suffer) and is rounded once, at its
  /// border.
  bool computedOnHost(Operation *op) {
    if (op->getNumResults() != 1 || !isMemoryEffectFree(op))
      return false;
    if (op->getNumOperands() == 0)
      return isa<ParameterOp, ConstantOp, IotaOp>(op);
    return contractedOperands(op) == 0 &&
           llvm::all_of(op->getOperands(), [&](Value operand) { return operand.getDefiningOp() && host.contains(operand.getDefiningOp()); });
  }

  /// A value that keeps its type but whose users on the chip see the narrow one.
  void castBorder(OpBuilder &builder, Value value) {
    auto onChip = [&](OpOperand &use) { return !host.contains(use.getOwner()); };
    if (!isWide(value) || !llvm::any_of(value.getUses(), onChip))
      return;
    Value cast;
    DenseElementsAttr elements;
    if (matchPattern(value, m_Constant(&elements)))
      cast = ConstantOp::create(builder, value.getLoc(), narrowed(elements, narrow));
    else
      cast = CastOp::create(builder, value.getLoc(), tensorOf(value).clone(narrow), value);
    value.replaceUsesWithIf(cast, [&](OpOperand &use) { return onChip(use) && use.getOwner() != cast.getDefiningOp(); });
  }

  void castOperation(OpBuilder &builder, Operation *op) {
    if (isa<func::ReturnOp, StateWriteOp>(op)) {
      builder.setInsertionPoint(op);
      castBack(builder, op);
    } else if (host.contains(op) || isa<StateReadOp>(op)) {
      builder.setInsertionPointAfter(op);
      castBorder(builder, op->getResult(0));
    } else {
      for (Value result : op->getResults())
        if (isWide(result))
          result.setType(tensorOf(result).clone(narrow));
    }
  }

  /// Results and states keep the types of the signature.
  void castBack(OpBuilder &builder, Operation *op) {
    Build build(builder, op->getLoc());
    auto function = getOperation();
    for (OpOperand &operand : op->getOpOperands()) {
      if (tensorOf(operand.get()).getElementType() != narrow)
        continue;
      bool returned = isa<func::ReturnOp>(op);
      auto expected = returned ? cast<RankedTensorType>(function.getResultTypes()[operand.getOperandNumber()]) : stateType(cast<StateWriteOp>(op));
      if (expected)
        operand.set(build.cast(operand.get(), expected.getElementType()));
    }
  }

  /// The type under which a state is read; f32 for one that is only written.
  RankedTensorType stateType(StateWriteOp write) {
    RankedTensorType type = tensorOf(write.getValue()).clone(FloatType(Float32Type::get(&getContext())));
    getOperation().walk([&](StateReadOp read) {
      if (read.getName() == write.getName())
        type = tensorOf(read.getResult());
    });
    return type;
  }
};

} // namespace

} // namespace manaslu::graph
