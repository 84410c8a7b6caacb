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
  /// linalg knows signless integers only: ui8 becomes i8, and the signature keeps a note.
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
    SmallVector<UnrealizedConversionCastOp> placeholders;
    lowering.b.setInsertionPointToStart(&block);
    for (BlockArgument argument : block.getArguments()) {
      if (!isa<RankedTensorType>(argument.getType()))
        continue;
      Value tensor = argument;
      // Graph operations must see the unsigned type until they are gone.
      if (RankedTensorType type = signlessType(argument.getType()); type != argument.getType()) {
        function.setArgAttr(argument.getArgNumber(), graph::kHostTypeAttribute, builder.getStringAttr("uint8"));
        placeholders.push_back(UnrealizedConversionCastOp::create(lowering.b, type, argument));
        tensor = placeholders.back().getResult(0);
      }
      lowering.set(argument, tensor);
    }
    bool failedAny = false;
    for (Operation *op : converted)
      failedAny |= failed(lowering.lower(op));
    if (failedAny)
      return failure();
    Operation *end = block.getTerminator();
    lowering.b.setInsertionPoint(end);
    for (OpOperand &operand : end->getOpOperands()) {
      if (!isa<RankedTensorType>(operand.get().getType()))
        continue;
      if (signlessType(operand.get().getType()) != operand.get().getType())
        function.setResultAttr(operand.getOperandNumber(), graph::kHostTypeAttribute, builder.getStringAttr("uint8"));
      operand.set(lowering.tensor(operand.get()));
    }
    for (Operation *op : llvm::reverse(converted))
      op->erase();
    for (UnrealizedConversionCastOp placeholder : placeholders) {
      Value argument = placeholder.getOperand(0);
      argument.setType(placeholder.getResult(0).getType());
      placeholder.getResult(0).replaceAllUsesWith(argument);
      placeholder.erase();
    }
    function.setType(builder.getFunctionType(block.getArgumentTypes(), end->getOperandTypes()));
    return success();
  }
};

} // namespace

} // namespace manaslu
