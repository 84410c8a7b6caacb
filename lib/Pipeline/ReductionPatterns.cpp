// Reduction patterns: each application is one try, which the reducer keeps when the test script still finds the bug.
#include "lib/Pipeline/ReductionPatterns.h"
#include "dialects/Graph/Graph.h"
#include "dialects/Isa/IsaDialect.h"
#include "dialects/Tile/TileDialect.h"

#include <mlir/Reducer/ReductionPatternInterface.h>

using namespace mlir;

namespace manaslu::pipeline {

namespace {

/// A graph operation becomes one of its operands of the same type.
struct ForwardOperand : RewritePattern {
  explicit ForwardOperand(MLIRContext *context) : RewritePattern(MatchAnyOpTypeTag(), 2, context) {}
  LogicalResult matchAndRewrite(mlir::Operation *op, PatternRewriter &rewriter) const override {
    if (!mlir::isa_and_nonnull<graph::GraphDialect>(op->getDialect()) || op->getNumResults() != 1)
      return failure();
    for (Value operand : op->getOperands())
      if (operand.getType() == op->getResult(0).getType()) {
        rewriter.replaceOp(op, operand);
        return success();
      }
    return failure();
  }
};

/// A graph operation becomes zeros, which cuts off all that fed it.
struct ReplaceByZeros : RewritePattern {
  explicit ReplaceByZeros(MLIRContext *context) : RewritePattern(MatchAnyOpTypeTag(), 1, context) {}
  LogicalResult matchAndRewrite(mlir::Operation *op, PatternRewriter &rewriter) const override {
    if (!mlir::isa_and_nonnull<graph::GraphDialect>(op->getDialect()) || op->getNumResults() != 1 || mlir::isa<graph::ConstantOp>(op))
      return failure();
    auto type = dyn_cast<RankedTensorType>(op->getResult(0).getType());
    if (!type)
      return failure();
    rewriter.replaceOpWithNewOp<graph::ConstantOp>(op, cast<ElementsAttr>(rewriter.getZeroAttr(type)));
    return success();
  }
};

/// An operation without results goes away: engine operations of the tile dialect, instructions of the isa dialect other than the last.
struct EraseInstruction : RewritePattern {
  explicit EraseInstruction(MLIRContext *context) : RewritePattern(MatchAnyOpTypeTag(), 1, context) {}
  LogicalResult matchAndRewrite(mlir::Operation *op, PatternRewriter &rewriter) const override {
    bool instruction = mlir::isa<tile::EngineOp>(op) || (mlir::isa_and_nonnull<isa::IsaDialect>(op->getDialect()) && op->getNumRegions() == 0 &&
                                                         !mlir::isa<isa::RegionOp>(op) && op->getNextNode());
    if (!instruction || op->getNumResults())
      return failure();
    rewriter.eraseOp(op);
    return success();
  }
};

struct GraphReduction : DialectReductionPatternInterface {
  explicit GraphReduction(Dialect *dialect) : DialectReductionPatternInterface(dialect) {}
  void populateReductionPatterns(RewritePatternSet &patterns) const override { patterns.add<ForwardOperand, ReplaceByZeros>(patterns.getContext()); }
};

struct InstructionReduction : DialectReductionPatternInterface {
  explicit InstructionReduction(Dialect *dialect) : DialectReductionPatternInterface(dialect) {}
  void populateReductionPatterns(RewritePatternSet &patterns) const override { patterns.add<EraseInstruction>(patterns.getContext()); }
};

} // namespace

void registerReductionPatterns(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *, graph::GraphDialect *dialect) { dialect->addInterfaces<GraphReduction>(); });
  registry.addExtension(+[](MLIRContext *, tile::TileDialect *dialect) { dialect->addInterfaces<InstructionReduction>(); });
  registry.addExtension(+[](MLIRContext *, isa::IsaDialect *dialect) { dialect->addInterfaces<InstructionReduction>(); });
}

} // namespace manaslu::pipeline
