// linear becomes a product and a sum; a convolution's bias becomes a sum.
#include "dialects/Graph/Transforms/Build.h"
#include "dialects/Graph/Transforms/Decompose.h"

using namespace mlir;

namespace manaslu::graph {

namespace {

/// x + bias with the bias along `axis`: the sum is in f32 (the product already is, unless the model is narrow), rounded once to `element`.
Value addBias(Build &build, Value product, Value bias, int64_t axis, Type element) {
  Value spread = build.along(build.f32(bias), axis, tensorOf(product).getRank());
  return build.cast(build.make<AddOp>(product, spread), element);
}

struct DecomposeLinear : OpRewritePattern<LinearOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(LinearOp op, PatternRewriter &rewriter) const override {
    Build build(rewriter, op.getLoc());
    Type element = tensorOf(op.getResult()).getElementType();
    Value x = op.getX();
    bool vector = tensorOf(x).getRank() == 1;
    if (vector)
      x = build.reshape(x, {1, tensorOf(x).getDimSize(0)});
    Value out = build.matmul(x, op.getWeight(), op.getBias() ? Type(rewriter.getF32Type()) : element, /*transposeY=*/true);
    if (op.getBias())
      out = addBias(build, out, op.getBias(), tensorOf(out).getRank() - 1, element);
    rewriter.replaceOp(op, vector ? build.reshape(out, tensorOf(op.getResult()).getShape()) : out);
    return success();
  }
};

struct SplitConvolutionBias : OpRewritePattern<Conv2dOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(Conv2dOp op, PatternRewriter &rewriter) const override {
    if (!op.getBias())
      return failure();
    Build build(rewriter, op.getLoc());
    RankedTensorType type = tensorOf(op.getResult());
    Value out = build.make<Conv2dOp>(type.clone(rewriter.getF32Type()), op.getX(), op.getWeight(), Value(), op.getStridesAttr(), op.getPaddingAttr(),
                                     op.getDilationAttr(), op.getGroupsAttr());
    rewriter.replaceOp(op, addBias(build, out, op.getBias(), 1, type.getElementType()));
    return success();
  }
};

} // namespace

void addContractionDecompositions(RewritePatternSet &patterns) { patterns.add<DecomposeLinear, SplitConvolutionBias>(patterns.getContext()); }

} // namespace manaslu::graph
