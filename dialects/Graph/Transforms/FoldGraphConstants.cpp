// fold-graph-constants: integer and bool side graphs (positions, masks) that depend on no input are computed once, here.
#include "dialects/Graph/Evaluate.h"
#include "dialects/Graph/Transforms/Passes.h"

using namespace mlir;

namespace manaslu::graph {

#define GEN_PASS_DEF_FOLDGRAPHCONSTANTS
#include "dialects/Graph/Transforms/Passes.h.inc"

namespace {

/// An iota next to a comparison is how a causal mask is recognised later: keep it, it costs no memory.
bool feedsMask(Operation *op) {
  return isa<IotaOp>(op) || (isa<CompareOp>(op) && llvm::all_of(op->getOperands(), [](Value operand) { return operand.getDefiningOp<IotaOp>() != nullptr; }));
}

struct FoldGraphConstantsPass : impl::FoldGraphConstantsBase<FoldGraphConstantsPass> {
  using Base::Base;

  void runOnOperation() override {
    Evaluator evaluator(nullptr);
    SmallVector<Operation *> operations;
    getOperation().walk([&](Operation *op) { operations.push_back(op); });
    for (Operation *op : operations) {
      if (op->getNumResults() != 1 || isa<ConstantOp>(op) || feedsMask(op))
        continue;
      auto type = dyn_cast<RankedTensorType>(op->getResult(0).getType());
      if (!type || !isa<IntegerType>(type.getElementType()) || type.getNumElements() > limit)
        continue;
      std::optional<Array> array = evaluator.value(op->getResult(0));
      if (!array)
        continue;
      OpBuilder builder(op);
      op->getResult(0).replaceAllUsesWith(ConstantOp::create(builder, op->getLoc(), toAttribute(*array)).getResult());
    }
    for (Operation *op : llvm::reverse(operations))
      if (isOpTriviallyDead(op))
        op->erase();
  }
};

} // namespace

} // namespace manaslu::graph
