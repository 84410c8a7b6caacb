// Verifiers, folders and canonical forms of sources and elementwise operations.
#include "dialects/Graph/Graph.h"

#include <mlir/IR/Builders.h>
#include <mlir/IR/Matchers.h>

using namespace mlir;
using namespace manaslu::graph;

#define GET_OP_CLASSES
#include "dialects/Graph/GraphElementwise.cpp.inc"

namespace {

/// Whether the attribute is a constant that holds `value` in every element.
bool isSplat(Attribute attribute, double value) {
  auto elements = dyn_cast_or_null<DenseElementsAttr>(attribute);
  return elements && elements.isSplat() && numberOf(elements.getSplatValue<Attribute>()) == value;
}

/// `x`, if replacing a result of `type` by it changes nothing.
OpFoldResult sameAs(Value x, Type type) { return x.getType() == type ? OpFoldResult(x) : OpFoldResult(); }

bool isFloat(Value value) { return isa<FloatType>(tensorOf(value).getElementType()); }

/// The words of a cast between two element types; of 8-bit floats the overflow that saturates.
std::pair<StringRef, StringRef> castModes(Type from, Type to) {
  if (isa<FloatType>(to))
    return {"nearest_even", isFloat8(to) ? "saturate" : "propagate"};
  if (isa<FloatType>(from))
    return {to.isInteger(1) ? "nearest_even" : "toward_zero", "saturate"};
  return {"nearest_even", to.isInteger(1) ? "saturate" : "wrap"};
}

/// cast(cast(x)) is one cast when the inner one loses nothing.
struct MergeCasts : OpRewritePattern<CastOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(CastOp op, PatternRewriter &rewriter) const override {
    auto inner = op.getX().getDefiningOp<CastOp>();
    if (!inner)
      return failure();
    Type from = tensorOf(inner.getX()).getElementType(), middle = tensorOf(inner).getElementType();
    bool wider = isa<FloatType>(from) && middle.isF32() && isa<FloatType>(tensorOf(op).getElementType());
    bool fromBool = from.isInteger(1) && !middle.isInteger(1);
    bool widerInteger = isa<IntegerType>(from) && isa<IntegerType>(middle) && !from.isInteger(1) && from.isUnsignedInteger() == middle.isUnsignedInteger() &&
                        from.getIntOrFloatBitWidth() <= middle.getIntOrFloatBitWidth();
    if (!wider && !fromBool && !widerInteger)
      return failure();
    std::string overflow = op.getOverflow().str();
    auto merged = rewriter.replaceOpWithNewOp<CastOp>(op, op.getType(), inner.getX());
    if (isFloat8(tensorOf(merged).getElementType()))
      merged.setOverflow(overflow);
    return success();
  }
};

/// x ** n for the exponents that have an operation of their own.
struct SimplePower : OpRewritePattern<PowOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(PowOp op, PatternRewriter &rewriter) const override {
    Attribute exponent;
    if (op.getA().getType() != op.getType() || !matchPattern(op.getB(), m_Constant(&exponent)))
      return failure();
    if (isSplat(exponent, 2))
      rewriter.replaceOpWithNewOp<SquareOp>(op, op.getType(), op.getA());
    else if (isSplat(exponent, 3))
      rewriter.replaceOpWithNewOp<MulOp>(op, SquareOp::create(rewriter, op.getLoc(), op.getType(), op.getA()), op.getA());
    else if (isSplat(exponent, 1))
      rewriter.replaceOp(op, op.getA());
    else if (isFloat(op.getA()) && isSplat(exponent, 0.5))
      rewriter.replaceOpWithNewOp<SqrtOp>(op, op.getType(), op.getA());
    else if (isFloat(op.getA()) && isSplat(exponent, -0.5))
      rewriter.replaceOpWithNewOp<RsqrtOp>(op, op.getType(), op.getA());
    else if (isFloat(op.getA()) && isSplat(exponent, -1))
      rewriter.replaceOpWithNewOp<ReciprocalOp>(op, op.getType(), op.getA());
    else
      return failure();
    return success();
  }
};

} // namespace

LogicalResult ConstantOp::verify() {
  if (getValue().getShapedType() == getType())
    return success();
  return emitOpError("value has type ") << getValue().getShapedType() << ", the result " << getType();
}
OpFoldResult ConstantOp::fold(FoldAdaptor) { return getValueAttr(); }

LogicalResult GeluOp::verify() {
  if (getApproximate() == "none" || getApproximate() == "tanh")
    return success();
  return emitOpError("approximate must be none or tanh, is ") << getApproximate();
}

LogicalResult CompareOp::verify() {
  if (llvm::is_contained({"eq", "ne", "lt", "le", "gt", "ge"}, getPredicate()))
    return success();
  return emitOpError("predicate must be eq, ne, lt, le, gt or ge, is ") << getPredicate();
}

void CastOp::build(OpBuilder &builder, OperationState &state, Type type, Value x) {
  auto [rounding, overflow] = castModes(tensorOf(x).getElementType(), cast<RankedTensorType>(type).getElementType());
  build(builder, state, type, x, rounding, overflow);
}
LogicalResult CastOp::verify() {
  if (tensorOf(getX()).getShape() != tensorOf(getResult()).getShape())
    return emitOpError("result must have type ") << tensorOf(getResult()).clone(tensorOf(getX()).getShape()) << ", has " << getType();
  Type from = tensorOf(getX()).getElementType(), to = tensorOf(getResult()).getElementType();
  auto [rounding, overflow] = castModes(from, to);
  if (getRounding() != rounding)
    return emitOpError("from ") << from << " to " << to << " rounds " << rounding << ", not " << getRounding();
  if (getOverflow() != overflow && !(isFloat8(to) && getOverflow() == "propagate"))
    return emitOpError("overflow from ") << from << " to " << to << " is " << overflow << (isFloat8(to) ? " or propagate" : "") << ", not " << getOverflow();
  return success();
}
OpFoldResult CastOp::fold(FoldAdaptor) { return sameAs(getX(), getType()); }
void CastOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) { patterns.add<MergeCasts>(context); }
void PowOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) { patterns.add<SimplePower>(context); }

OpFoldResult NegOp::fold(FoldAdaptor) {
  auto inner = getX().getDefiningOp<NegOp>();
  return inner ? OpFoldResult(inner.getX()) : OpFoldResult();
}
OpFoldResult LogicalNotOp::fold(FoldAdaptor) {
  auto inner = getX().getDefiningOp<LogicalNotOp>();
  return inner ? OpFoldResult(inner.getX()) : OpFoldResult();
}

// Only identities that hold for every bit pattern: x + (-0.0) does, x + 0.0 turns -0.0 into 0.0.
OpFoldResult AddOp::fold(FoldAdaptor adaptor) { return !isFloat(getA()) && isSplat(adaptor.getB(), 0) ? sameAs(getA(), getType()) : OpFoldResult(); }
OpFoldResult SubOp::fold(FoldAdaptor adaptor) { return isSplat(adaptor.getB(), 0) && !isFloat(getA()) ? sameAs(getA(), getType()) : OpFoldResult(); }
OpFoldResult MulOp::fold(FoldAdaptor adaptor) { return isSplat(adaptor.getB(), 1) ? sameAs(getA(), getType()) : OpFoldResult(); }
OpFoldResult DivOp::fold(FoldAdaptor adaptor) { return isSplat(adaptor.getB(), 1) ? sameAs(getA(), getType()) : OpFoldResult(); }

OpFoldResult LogicalAndOp::fold(FoldAdaptor adaptor) {
  if (isSplat(adaptor.getB(), 1))
    return sameAs(getA(), getType());
  return isSplat(adaptor.getB(), 0) ? sameAs(getB(), getType()) : OpFoldResult();
}
OpFoldResult LogicalOrOp::fold(FoldAdaptor adaptor) {
  if (isSplat(adaptor.getB(), 0))
    return sameAs(getA(), getType());
  return isSplat(adaptor.getB(), 1) ? sameAs(getB(), getType()) : OpFoldResult();
}
