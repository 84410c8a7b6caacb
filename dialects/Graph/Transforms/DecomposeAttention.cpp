// attention as two products around a softmax whose division comes last, on the smaller tensor.
#include <cmath>

#include "dialects/Graph/Transforms/Build.h"
#include "dialects/Graph/Transforms/Decompose.h"

using namespace mlir;

namespace manaslu::graph {

namespace {

/// What a masked score becomes: far below every score, and small enough that a row masked whole keeps its weights finite when the scale rounds.
constexpr double kMasked = -1e9;

/// Grouped heads: q [.., H, T, D] and k, v [.., G, T, D] become [.., G, H/G * T, D], so that a group's queries share one product and nothing is copied.
struct Heads {
  int64_t queries; ///< Tq
  int64_t repeats; ///< H / G
  Shape original;  ///< of q
};

Value groupQueries(Build &build, Value q, Value k, Heads &heads) {
  Shape shape(tensorOf(q).getShape());
  size_t rank = shape.size();
  heads = {shape[rank - 2], 1, shape};
  if (rank < 3 || shape[rank - 3] == tensorOf(k).getDimSize(rank - 3))
    return q;
  heads.repeats = shape[rank - 3] / tensorOf(k).getDimSize(rank - 3);
  shape[rank - 3] /= heads.repeats;
  shape[rank - 2] *= heads.repeats;
  return build.reshape(q, shape);
}

/// The scores with the repeats apart from the queries: [.., G, R, Tq, Tk]; they stay as they are when there is one repeat.
Value splitRepeats(Build &build, Value scores, const Heads &heads) {
  if (heads.repeats == 1)
    return scores;
  Shape shape(tensorOf(scores).getShape());
  shape[shape.size() - 2] = heads.queries;
  shape.insert(shape.end() - 2, heads.repeats);
  return build.reshape(scores, shape);
}

/// A mask over [.., H, Tq, Tk] for scores of [.., G, R, Tq, Tk].
Value splitMask(Build &build, Value mask, const Heads &heads) {
  Shape shape(tensorOf(mask).getShape());
  if (heads.repeats == 1 || shape.size() < 3)
    return mask;
  int64_t &count = shape[shape.size() - 3];
  bool shared = count == 1;
  count = shared ? 1 : count / heads.repeats;
  shape.insert(shape.end() - 2, shared ? 1 : heads.repeats);
  return build.reshape(mask, shape);
}

Value applyMask(Build &build, Value scores, Value mask) {
  if (!tensorOf(mask).getElementType().isInteger(1))
    return build.make<AddOp>(scores, build.f32(mask));
  return build.make<SelectOp>(mask, scores, build.splat(kMasked, scores));
}

/// Keeps key j for query i where i >= j: the form that GraphToLinalg makes a generic of linalg.index from.
Value applyCausal(Build &build, Value scores) {
  ArrayRef<int64_t> shape = tensorOf(scores).getShape();
  auto index = RankedTensorType::get(shape.take_back(2), build.b.getI32Type());
  Value query = build.make<IotaOp>(index, build.b.getI64IntegerAttr(0)), key = build.make<IotaOp>(index, build.b.getI64IntegerAttr(1));
  return build.make<SelectOp>(build.make<CompareOp>(query, key, build.b.getStringAttr("ge")), scores, build.splat(kMasked, scores));
}

struct DecomposeAttention : OpRewritePattern<AttentionOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(AttentionOp op, PatternRewriter &rewriter) const override {
    Build build(rewriter, op.getLoc());
    Type f32 = rewriter.getF32Type(), narrow = tensorOf(op.getV()).getElementType();
    Heads heads;
    Value q = groupQueries(build, op.getQ(), op.getK(), heads);
    Value scores = build.matmul(q, op.getK(), f32, /*transposeY=*/true);
    Shape flat(tensorOf(scores).getShape());
    scores = splitRepeats(build, scores, heads);
    // A positive scale moves behind the maximum, into the function that takes x * scale + bias; what is added to the scores must come after it.
    double scale = op.getScale();
    bool late = scale > 0 && (!op.getMask() || tensorOf(op.getMask()).getElementType().isInteger(1));
    if (!late)
      scores = build.make<MulOp>(scores, build.splat(scale, scores));
    if (op.getMask())
      scores = applyMask(build, scores, splitMask(build, op.getMask(), heads));
    if (op.getCausal())
      scores = applyCausal(build, scores);
    int64_t axis = tensorOf(scores).getRank() - 1;
    Value most = build.max(scores, axis);
    if (late) {
      most = build.make<MulOp>(most, build.splat(-scale, most));
      scores = build.make<MulOp>(scores, build.splat(scale, scores));
    }
    Value power = build.make<ExpOp>(late ? build.make<AddOp>(scores, most) : build.make<SubOp>(scores, most));
    Value total = build.sum(power, axis);
    power = build.reshape(build.cast(power, narrow), flat);
    Value out = build.matmul(power, op.getV(), f32);
    flat.back() = 1;
    out = build.make<MulOp>(out, build.make<ReciprocalOp>(build.reshape(total, flat)));
    out = build.reshape(out, tensorOf(op.getResult()).getShape());
    rewriter.replaceOp(op, build.cast(out, tensorOf(op.getResult()).getElementType()));
    return success();
  }
};

} // namespace

void addAttentionDecomposition(RewritePatternSet &patterns) { patterns.add<DecomposeAttention>(patterns.getContext()); }

} // namespace manaslu::graph
