// Normalisations, softmax, means and running sums as simple operations, with statistics in f32.
#include "dialects/Graph/Transforms/Build.h"
#include "dialects/Graph/Transforms/Decompose.h"

using namespace mlir;

namespace manaslu::graph {

namespace {

/// (x - mean) / sqrt(variance + eps) over `axes`, in f32.
Value standardize(Build &build, Value x, ArrayRef<int64_t> axes, double eps) {
  double count = 1;
  for (int64_t axis : axes)
    count *= static_cast<double>(tensorOf(x).getDimSize(axis));
  Value inverse = build.splat(1 / count, x);
  Value centered = build.make<SubOp>(x, build.make<MulOp>(build.sum(x, axes), inverse));
  Value variance = build.make<MulOp>(build.sum(build.make<SquareOp>(centered), axes), inverse);
  Value scale = build.make<RsqrtOp>(build.make<AddOp>(variance, build.splat(eps, x)));
  return build.make<MulOp>(centered, scale);
}

/// x * weight + bias, each if there, widened to f32.
Value affine(Build &build, Value x, Value weight, Value bias) {
  if (weight)
    x = build.make<MulOp>(x, build.f32(weight));
  return bias ? build.make<AddOp>(x, build.f32(bias)) : x;
}

/// Replaces `op` by `value`, rounded to its element type.
LogicalResult finish(PatternRewriter &rewriter, Build &build, Operation *op, Value value) {
  rewriter.replaceOp(op, build.cast(value, tensorOf(op->getResult(0)).getElementType()));
  return success();
}

struct DecomposeLayerNorm : OpRewritePattern<LayerNormOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(LayerNormOp op, PatternRewriter &rewriter) const override {
    Build build(rewriter, op.getLoc());
    int64_t rank = tensorOf(op.getX()).getRank();
    SmallVector<int64_t> axes = llvm::to_vector(llvm::seq<int64_t>(rank - op.getNormalizedRank(), rank));
    Value out = standardize(build, build.f32(op.getX()), axes, op.getEps());
    return finish(rewriter, build, op, affine(build, out, op.getWeight(), op.getBias()));
  }
};

struct DecomposeRmsNorm : OpRewritePattern<RmsNormOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(RmsNormOp op, PatternRewriter &rewriter) const override {
    Build build(rewriter, op.getLoc());
    Value x = build.f32(op.getX());
    int64_t axis = tensorOf(x).getRank() - 1;
    Value mean = build.make<MulOp>(build.sum(build.make<SquareOp>(x), axis), build.splat(1.0 / static_cast<double>(tensorOf(x).getDimSize(axis)), x));
    Value scale = build.make<RsqrtOp>(build.make<AddOp>(mean, build.splat(op.getEps(), x)));
    return finish(rewriter, build, op, affine(build, build.make<MulOp>(x, scale), op.getWeight(), Value()));
  }
};

/// The statistics are given, so scale and shift depend on parameters alone and fold on the host.
struct DecomposeBatchNorm : OpRewritePattern<BatchNormOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(BatchNormOp op, PatternRewriter &rewriter) const override {
    Build build(rewriter, op.getLoc());
    Value variance = build.f32(op.getVariance());
    Value scale = build.make<MulOp>(build.make<RsqrtOp>(build.make<AddOp>(variance, build.splat(op.getEps(), variance))), build.f32(op.getWeight()));
    Value shift = build.make<SubOp>(build.f32(op.getBias()), build.make<MulOp>(build.f32(op.getMean()), scale));
    int64_t rank = tensorOf(op.getX()).getRank();
    return finish(rewriter, build, op, affine(build, build.f32(op.getX()), build.along(scale, 1, rank), build.along(shift, 1, rank)));
  }
};

struct DecomposeGroupNorm : OpRewritePattern<GroupNormOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(GroupNormOp op, PatternRewriter &rewriter) const override {
    Build build(rewriter, op.getLoc());
    RankedTensorType type = tensorOf(op.getX());
    int64_t groups = op.getGroups(), rank = type.getRank();
    Shape grouped = {type.getDimSize(0), groups, type.getDimSize(1) / groups};
    llvm::append_range(grouped, type.getShape().drop_front(2));
    SmallVector<int64_t> axes = llvm::to_vector(llvm::seq<int64_t>(2, rank + 1));
    Value out = build.reshape(standardize(build, build.reshape(build.f32(op.getX()), grouped), axes, op.getEps()), type.getShape());
    Value weight = op.getWeight() ? build.along(op.getWeight(), 1, rank) : Value(), bias = op.getBias() ? build.along(op.getBias(), 1, rank) : Value();
    return finish(rewriter, build, op, affine(build, out, weight, bias));
  }
};

struct DecomposeSoftmax : OpRewritePattern<SoftmaxOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(SoftmaxOp op, PatternRewriter &rewriter) const override {
    Build build(rewriter, op.getLoc());
    Value x = build.f32(op.getX());
    int64_t axis = *normalizeAxis(op.getAxis(), tensorOf(x).getRank());
    Value power = build.make<ExpOp>(build.make<SubOp>(x, build.max(x, axis)));
    return finish(rewriter, build, op, build.make<MulOp>(power, build.make<ReciprocalOp>(build.sum(power, axis))));
  }
};

struct DecomposeLogSoftmax : OpRewritePattern<LogSoftmaxOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(LogSoftmaxOp op, PatternRewriter &rewriter) const override {
    Build build(rewriter, op.getLoc());
    Value x = build.f32(op.getX());
    int64_t axis = *normalizeAxis(op.getAxis(), tensorOf(x).getRank());
    Value shifted = build.make<SubOp>(x, build.max(x, axis));
    return finish(rewriter, build, op, build.make<SubOp>(shifted, build.make<LogOp>(build.sum(build.make<ExpOp>(shifted), axis))));
  }
};

struct DecomposeMean : OpRewritePattern<ReduceMeanOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ReduceMeanOp op, PatternRewriter &rewriter) const override {
    Build build(rewriter, op.getLoc());
    Value x = build.f32(op.getX());
    double count = static_cast<double>(tensorOf(x).getNumElements()) / static_cast<double>(tensorOf(op.getResult()).getNumElements());
    Value total = build.make<ReduceSumOp>(x, op.getAxesAttr(), op.getKeepdimsAttr());
    return finish(rewriter, build, op, build.make<MulOp>(total, build.splat(1 / count, x)));
  }
};

/// A running sum is a product with a triangle of ones. Integers keep their own operation: f32 would not be exact.
struct DecomposeCumsum : OpRewritePattern<CumsumOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(CumsumOp op, PatternRewriter &rewriter) const override {
    RankedTensorType type = tensorOf(op.getX());
    if (!isa<FloatType>(type.getElementType()))
      return failure();
    Build build(rewriter, op.getLoc());
    int64_t rank = type.getRank(), axis = *normalizeAxis(op.getAxis(), rank), size = type.getDimSize(axis);
    Value x = build.exchange(build.f32(op.getX()), axis, rank - 1);
    Shape last(tensorOf(x).getShape());
    auto index = RankedTensorType::get({size, size}, rewriter.getI32Type());
    Value row = build.make<IotaOp>(index, rewriter.getI64IntegerAttr(0)), column = build.make<IotaOp>(index, rewriter.getI64IntegerAttr(1));
    Value triangle = build.f32(build.make<CompareOp>(row, column, rewriter.getStringAttr("le")));
    Value flat = build.reshape(x, {type.getNumElements() / size, size});
    Value sums = build.reshape(build.matmul(flat, triangle, rewriter.getF32Type()), last);
    return finish(rewriter, build, op, build.exchange(sums, axis, rank - 1));
  }
};

} // namespace

void addNormalizationDecompositions(RewritePatternSet &patterns) {
  patterns
      .add<DecomposeLayerNorm, DecomposeRmsNorm, DecomposeBatchNorm, DecomposeGroupNorm, DecomposeSoftmax, DecomposeLogSoftmax, DecomposeMean, DecomposeCumsum>(
          patterns.getContext());
}

} // namespace manaslu::graph
