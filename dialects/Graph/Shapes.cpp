// Verifiers, folders and canonical forms of reductions, gather and data movement.
#include "dialects/Graph/Graph.h"

#include <mlir/IR/Builders.h>

using namespace mlir;
using namespace manaslu::graph;

#define GET_OP_CLASSES
#include "dialects/Graph/GraphShapes.cpp.inc"

namespace {

bool isIdentity(ArrayRef<int64_t> permutation) {
  for (auto [i, dim] : llvm::enumerate(permutation))
    if (dim != static_cast<int64_t>(i))
      return false;
  return true;
}

struct MergeReshapes : OpRewritePattern<ReshapeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ReshapeOp op, PatternRewriter &rewriter) const override {
    auto inner = op.getX().getDefiningOp<ReshapeOp>();
    if (!inner)
      return failure();
    rewriter.replaceOpWithNewOp<ReshapeOp>(op, op.getType(), inner.getX());
    return success();
  }
};

struct MergeTransposes : OpRewritePattern<TransposeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(TransposeOp op, PatternRewriter &rewriter) const override {
    auto inner = op.getX().getDefiningOp<TransposeOp>();
    if (!inner)
      return failure();
    SmallVector<int64_t> first = inner.getPermutation(), both;
    for (int64_t dim : op.getPermutation())
      both.push_back(first[dim]);
    rewriter.replaceOpWithNewOp<TransposeOp>(op, inner.getX(), rewriter.getDenseI64ArrayAttr(both));
    return success();
  }
};

/// A transpose that only moves dimensions of size one is a reshape.
struct TransposeOfUnits : OpRewritePattern<TransposeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(TransposeOp op, PatternRewriter &rewriter) const override {
    int64_t last = -1;
    for (int64_t dim : op.getPermutation()) {
      if (tensorOf(op.getX()).getDimSize(dim) == 1)
        continue;
      if (dim < last)
        return failure();
      last = dim;
    }
    rewriter.replaceOpWithNewOp<ReshapeOp>(op, op.getType(), op.getX());
    return success();
  }
};

} // namespace

LogicalResult ReshapeOp::verify() {
  RankedTensorType from = tensorOf(getX()), to = tensorOf(getResult());
  if (from.getElementType() == to.getElementType() && from.getNumElements() == to.getNumElements())
    return success();
  return emitOpError("cannot give ") << from << " (" << from.getNumElements() << " elements) the type " << to << " (" << to.getNumElements() << ")";
}
OpFoldResult ReshapeOp::fold(FoldAdaptor adaptor) {
  if (getX().getType() == getType())
    return getX();
  auto elements = dyn_cast_or_null<DenseElementsAttr>(adaptor.getX());
  return elements ? OpFoldResult(elements.reshape(tensorOf(getResult()))) : OpFoldResult();
}
void ReshapeOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) { patterns.add<MergeReshapes>(context); }

OpFoldResult TransposeOp::fold(FoldAdaptor) { return isIdentity(getPermutation()) ? OpFoldResult(getX()) : OpFoldResult(); }
void TransposeOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) { patterns.add<MergeTransposes, TransposeOfUnits>(context); }

LogicalResult BroadcastToOp::verify() {
  RankedTensorType from = tensorOf(getX()), to = tensorOf(getResult());
  if (from.getElementType() == to.getElementType() && from.getRank() <= to.getRank() && broadcastShapes(from.getShape(), to.getShape()) == Shape(to.getShape()))
    return success();
  return emitOpError("cannot broadcast ") << from << " to " << to;
}
OpFoldResult BroadcastToOp::fold(FoldAdaptor adaptor) {
  if (getX().getType() == getType())
    return getX();
  auto elements = dyn_cast_or_null<DenseElementsAttr>(adaptor.getX());
  return elements && elements.isSplat() ? OpFoldResult(DenseElementsAttr::get(tensorOf(getResult()), elements.getSplatValue<Attribute>())) : OpFoldResult();
}

// A slice, concat or pad that takes everything is its operand.
OpFoldResult SliceOp::fold(FoldAdaptor) { return getX().getType() == getType() ? OpFoldResult(getX()) : OpFoldResult(); }
OpFoldResult ConcatOp::fold(FoldAdaptor) { return getInputs().size() == 1 ? OpFoldResult(getInputs().front()) : OpFoldResult(); }
OpFoldResult PadOp::fold(FoldAdaptor) { return getX().getType() == getType() ? OpFoldResult(getX()) : OpFoldResult(); }

LogicalResult IotaOp::verify() {
  RankedTensorType type = tensorOf(getResult());
  if (!normalizeAxis(getAxis(), type.getRank()))
    return emitOpError("axis ") << getAxis() << " is out of range; the result has rank " << type.getRank();
  return success();
}

LogicalResult CumsumOp::verify() {
  if (normalizeAxis(getAxis(), tensorOf(getX()).getRank()))
    return success();
  return emitOpError("axis ") << getAxis() << " is out of range; the operand has rank " << tensorOf(getX()).getRank();
}

/// Of argmax and argmin.
template <class Op> static LogicalResult verifyPosition(Op op) {
  FailureOr<Type> expected = inferReduction(op.getLoc(), op.getX(), {static_cast<int64_t>(op.getAxis())}, op.getKeepdims());
  if (failed(expected))
    return failure();
  auto shape = cast<RankedTensorType>(*expected).getShape();
  if (tensorOf(op.getResult()).getShape() != shape)
    return op.emitOpError("result must have type ") << tensorOf(op.getResult()).clone(shape) << ", has " << op.getType();
  return success();
}
LogicalResult ArgmaxOp::verify() { return verifyPosition(*this); }
LogicalResult ArgminOp::verify() { return verifyPosition(*this); }
