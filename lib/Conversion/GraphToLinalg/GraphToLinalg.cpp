// convert-graph-to-linalg: walks each function once, in order, and puts linalg and tensor operations in place of graph operations.
#include "lib/Conversion/GraphToLinalg/Lowering.h"
#include "lib/Conversion/GraphToLinalg/Passes.h"

using namespace mlir;

namespace manaslu {

#define GEN_PASS_DEF_CONVERTGRAPHTOLINALG
#include "lib/Conversion/GraphToLinalg/Passes.h.inc"

namespace {

struct ConvertGraphToLinalgPass : impl::ConvertGraphToLinalgBase<ConvertGraphToLinalgPass> {
  void runOnOperation() override {
    for (func::FuncOp function : llvm::to_vector(getOperation().getOps<func::FuncOp>()))
      if (!function.isDeclaration() && failed(convert(function)))
        return signalPassFailure();
  }

private:
  LogicalResult convert(func::FuncOp function) {
    if (!function.getBody().hasOneBlock())
      return success();
    Block &block = function.getBody().front();
    OpBuilder builder(&getContext());
    Lowering lowering(builder);
    SmallVector<Operation *> converted;
    for (Operation &op : block)
      if (op.getName().getDialectNamespace() == "graph")
        converted.push_back(&op);
    for (BlockArgument argument : block.getArguments()) {
      if (!isa<RankedTensorType>(argument.getType()))
        continue;
      keepUnsigned(function, argument.getArgNumber(), argument.getType());
      lowering.set(argument, argument);
    }
    bool failedAny = false;
    for (Operation *op : converted)
      failedAny |= failed(lowering.lower(op));
    if (failedAny)
      return failure();
    for (BlockArgument argument : block.getArguments())
      if (isa<RankedTensorType>(argument.getType()))
        argument.setType(signlessType(argument.getType()));
    Operation *end = block.getTerminator();
    lowering.b.setInsertionPoint(end);
    for (OpOperand &operand : end->getOpOperands())
      if (isa<RankedTensorType>(operand.get().getType()))
        operand.set(lowering.tensor(operand.get()));
    function.setType(builder.getFunctionType(block.getArgumentTypes(), end->getOperandTypes()));
    for (Operation *op : llvm::reverse(converted))
      op->erase();
    return success();
  }

  /// linalg knows signless integers only: the signature keeps the note.
  void keepUnsigned(func::FuncOp function, unsigned number, Type type) {
    if (cast<RankedTensorType>(type).getElementType().isUnsignedInteger())
      function.setArgAttr(number, graph::kHostTypeAttribute, StringAttr::get(&getContext(), "uint8"));
  }
};

} // namespace

} // namespace manaslu
