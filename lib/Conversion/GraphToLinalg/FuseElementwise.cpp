// fuse-elementwise: upstream's fusion of element-wise generics under our rule, and f32 kept between the parts of a fused body.
#include <mlir/Dialect/Linalg/Transforms/Transforms.h>
#include <mlir/Transforms/GreedyPatternRewriteDriver.h>

#include "dialects/Graph/Graph.h"
#include "lib/Conversion/GraphToLinalg/Passes.h"

using namespace mlir;

namespace manaslu {

#define GEN_PASS_DEF_FUSEELEMENTWISE
#include "lib/Conversion/GraphToLinalg/Passes.h.inc"

namespace {

/// Multiplies two inputs and sums: work of the matrix engine, whose operands must be tensors as they are.
bool isContraction(linalg::LinalgOp op) {
  if (op.getNumReductionLoops() == 0 || op.getNumDpsInits() != 1)
    return false;
  Operation *sum = op.getBlock()->getTerminator()->getOperand(0).getDefiningOp();
  if (!isa_and_nonnull<arith::AddFOp, arith::AddIOp>(sum))
    return false;
  return llvm::any_of(sum->getOperands(), [](Value operand) {
    return isa_and_nonnull<arith::MulFOp, arith::MulIOp>(operand.getDefiningOp()) &&
           operand.getDefiningOp()->getOperand(0) != operand.getDefiningOp()->getOperand(1);
  });
}

/// A window reads each element several times, at computed places: its input must be a tensor.
bool readsWindows(linalg::LinalgOp op) {
  return llvm::any_of(op.getIndexingMapsArray(),
                      [](AffineMap map) { return llvm::any_of(map.getResults(), [](AffineExpr e) { return isa<AffineBinaryOpExpr>(e); }); });
}

bool mayFuse(OpOperand *operand) {
  auto producer = operand->get().getDefiningOp<linalg::GenericOp>();
  auto consumer = dyn_cast<linalg::GenericOp>(operand->getOwner());
  if (!producer || !consumer || !operand->get().hasOneUse() || producer.getNumReductionLoops() != 0)
    return false;
  // Nobody narrows to an 8-bit float for nothing: the value is rounded also where its reader widens it again.
  if (graph::isFloat8(getElementTypeOrSelf(operand->get())))
    return false;
  // A gather is a move of its own.
  bool gathers = producer.getBlock()->walk([](tensor::ExtractOp) { return WalkResult::interrupt(); }).wasInterrupted();
  bool consumerGathers = consumer.getBlock()->walk([](tensor::ExtractOp) { return WalkResult::interrupt(); }).wasInterrupted();
  return !gathers && !consumerGathers && !isContraction(consumer) && !readsWindows(consumer);
}

/// extf(truncf(x)) is x where both stand in one body: fused values need not be rounded in between.
struct KeepWide : OpRewritePattern<arith::ExtFOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(arith::ExtFOp op, PatternRewriter &rewriter) const override {
    auto narrow = op.getIn().getDefiningOp<arith::TruncFOp>();
    if (!narrow || narrow.getIn().getType() != op.getType() || narrow->getBlock() != op->getBlock() || !isa<linalg::GenericOp>(op->getParentOp()))
      return failure();
    rewriter.replaceOp(op, narrow.getIn());
    return success();
  }
};

struct FuseElementwisePass : impl::FuseElementwiseBase<FuseElementwisePass> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    linalg::populateElementwiseOpsFusionPatterns(patterns, mayFuse);
    linalg::GenericOp::getCanonicalizationPatterns(patterns, &getContext());
    patterns.add<KeepWide>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace

} // namespace manaslu
