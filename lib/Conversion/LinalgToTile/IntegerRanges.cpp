// Range rules of tensors; scalars follow the rules that arith has upstream.
#include "lib/Conversion/LinalgToTile/IntegerRanges.h"

#include <mlir/Dialect/Arith/IR/Arith.h>
#include <mlir/Dialect/Math/IR/Math.h>
#include <mlir/Dialect/Tensor/IR/Tensor.h>
#include <mlir/IR/Matchers.h>
#include <mlir/Interfaces/Utils/InferIntRangeCommon.h>

using namespace mlir;

namespace manaslu::tiling {

namespace {

unsigned widthOf(Value value) { return ConstantIntRanges::getStorageBitwidth(getElementTypeOrSelf(value.getType())); }

ConstantIntRanges fromBounds(Bounds bounds, unsigned width) {
  if (width == 1)
    return ConstantIntRanges::fromUnsigned(APInt(1, bounds.low), APInt(1, bounds.high));
  return ConstantIntRanges::fromSigned(APInt(width, bounds.low, /*isSigned=*/true), APInt(width, bounds.high, /*isSigned=*/true));
}

/// What a value of the type can hold on the chip, whose widest integer is int32.
ConstantIntRanges stored(unsigned width) { return width > 32 ? fromBounds(kInt32, width) : ConstantIntRanges::maxRange(width); }

ConstantIntRanges elements(DenseElementsAttr values) {
  unsigned width = values.getElementType().getIntOrFloatBitWidth();
  std::optional<ConstantIntRanges> out;
  auto add = [&](const APInt &value) {
    auto one = ConstantIntRanges::constant(value);
    out = out ? out->rangeUnion(one) : one;
  };
  if (values.isSplat())
    add(values.getSplatValue<APInt>());
  else
    for (const APInt &value : values.getValues<APInt>())
      add(value);
  return out.value_or(ConstantIntRanges::maxRange(width));
}

/// b of a - floor(a / b) * b, the remainder with the sign of b.
Value floorModulus(arith::SubIOp op) {
  auto product = op.getRhs().getDefiningOp<arith::MulIOp>();
  if (!product)
    return {};
  for (int side : {0, 1})
    if (auto quotient = product->getOperand(side).getDefiningOp<arith::FloorDivSIOp>();
        quotient && quotient.getLhs() == op.getLhs() && quotient.getRhs() == product->getOperand(1 - side))
      return quotient.getRhs();
  return {};
}

} // namespace

Bounds boundsOf(Type type) {
  unsigned width = type.isIndex() ? 64 : type.getIntOrFloatBitWidth();
  if (width == 1)
    return {0, 1};
  return width >= 64 ? Bounds{INT64_MIN, INT64_MAX} : Bounds{-(int64_t{1} << (width - 1)), (int64_t{1} << (width - 1)) - 1};
}

IntegerRanges::IntegerRanges(func::FuncOp function) {
  for (BlockArgument argument : function.getArguments())
    this->argument(function, argument);
  for (Operation &op : function.getBody().front())
    tensor(op);
}

Bounds IntegerRanges::of(Value value) const {
  ConstantIntRanges found = range(value);
  if (found.smin().getBitWidth() == 1)
    return {static_cast<int64_t>(found.umin().getZExtValue()), static_cast<int64_t>(found.umax().getZExtValue())};
  return {found.smin().getSExtValue(), found.smax().getSExtValue()};
}

ConstantIntRanges IntegerRanges::range(Value value) const {
  if (auto at = known.find(value); at != known.end())
    return at->second;
  APInt constant; // bodies read constants from outside
  return value.getType().isIntOrIndex() && matchPattern(value, m_ConstantInt(&constant)) ? ConstantIntRanges::constant(constant) : stored(widthOf(value));
}

void IntegerRanges::argument(func::FuncOp function, BlockArgument argument) {
  auto limits = function.getArgAttrOfType<DenseI64ArrayAttr>(argument.getArgNumber(), "graph.range");
  if (limits && limits.size() == 2)
    set(argument, fromBounds({limits[0], limits[1]}, widthOf(argument)));
}

void IntegerRanges::tensor(Operation &op) {
  if (auto loops = dyn_cast<linalg::GenericOp>(op))
    return generic(loops);
  if (op.getNumResults() != 1 || !isa<RankedTensorType>(op.getResult(0).getType()) || !getElementTypeOrSelf(op.getResult(0).getType()).isIntOrIndex())
    return;
  Value result = op.getResult(0);
  DenseElementsAttr dense;
  Attribute number;
  if (matchPattern(result, m_Constant(&dense)))
    return set(result, elements(dense));
  if (auto fill = dyn_cast<linalg::FillOp>(op)) {
    if (matchPattern(fill.getInputs()[0], m_Constant(&number)))
      set(result, ConstantIntRanges::constant(cast<IntegerAttr>(number).getValue()));
    return;
  }
  if (auto pad = dyn_cast<tensor::PadOp>(op)) {
    if (Value value = pad.getConstantPaddingValue(); value && matchPattern(value, m_Constant(&number)))
      set(result, range(pad.getSource()).rangeUnion(ConstantIntRanges::constant(cast<IntegerAttr>(number).getValue())));
    return;
  }
  if (auto insert = dyn_cast<tensor::InsertSliceOp>(op)) {
    bool covers = insert.getDest().getDefiningOp<tensor::EmptyOp>() != nullptr;
    return set(result, covers ? range(insert.getSource()) : range(insert.getSource()).rangeUnion(range(insert.getDest())));
  }
  if (isa<tensor::CollapseShapeOp, tensor::ExpandShapeOp, tensor::ExtractSliceOp, tensor::CastOp, linalg::TransposeOp>(op))
    return set(result, range(op.getOperand(0)));
  if (auto concat = dyn_cast<tensor::ConcatOp>(op)) {
    ConstantIntRanges all = range(concat.getInputs().front());
    for (Value input : concat.getInputs())
      all = all.rangeUnion(range(input));
    set(result, all);
  }
}

void IntegerRanges::generic(linalg::GenericOp op) {
  SmallVector<int64_t> loops = op.getStaticLoopRanges();
  bool reduces = op.getNumReductionLoops() > 0;
  for (OpOperand &operand : op->getOpOperands()) {
    BlockArgument argument = op.getMatchingBlockArgument(&operand);
    bool accumulates = reduces && operand.getOperandNumber() >= op.getNumDpsInputs();
    if (argument.getType().isIntOrIndex() && !accumulates)
      set(argument, range(operand.get()));
  }
  for (Operation &inner : op.getBlock()->without_terminator())
    scalar(inner, loops);
  for (unsigned result = 0; result < op.getNumResults(); ++result)
    if (Value yielded = op.getBlock()->getTerminator()->getOperand(result); yielded.getType().isIntOrIndex())
      set(op.getResult(result), reduces ? reduced(op, result) : range(yielded));
}

void IntegerRanges::scalar(Operation &op, ArrayRef<int64_t> loops) {
  if (op.getNumResults() != 1 || !op.getResult(0).getType().isIntOrIndex())
    return;
  Value result = op.getResult(0);
  unsigned width = widthOf(result);
  if (auto index = dyn_cast<linalg::IndexOp>(op))
    return set(result, fromBounds({0, loops[index.getDim()] - 1}, width));
  if (auto extract = dyn_cast<tensor::ExtractOp>(op))
    return set(result, range(extract.getTensor()));
  if (auto absolute = dyn_cast<math::AbsIOp>(op)) {
    Bounds x = of(absolute.getOperand());
    if (x.low > boundsOf(result.getType()).low)
      set(result, fromBounds({x.low > 0 ? x.low : x.high < 0 ? -x.high : 0, std::max(-x.low, x.high)}, width));
    return;
  }
  auto rules = dyn_cast<InferIntRangeInterface>(op);
  if (!rules)
    return set(result, ConstantIntRanges::maxRange(width));
  SmallVector<IntegerValueRange> operands =
      llvm::map_to_vector(op.getOperands(), [&](Value operand) { return widthOf(operand) ? IntegerValueRange(range(operand)) : IntegerValueRange(); });
  rules.inferResultRangesFromOptional(operands, [&](Value value, const IntegerValueRange &inferred) {
    if (!inferred.isUninitialized())
      set(value, inferred.getValue());
  });
  auto refine = [&](Bounds bounds) {
    if (bounds.within(boundsOf(result.getType()))) {
      known.erase(result);
      set(result, fromBounds(bounds, width));
    }
  };
  if (auto difference = dyn_cast<arith::SubIOp>(op)) {
    if (Value modulus = floorModulus(difference)) {
      Bounds b = of(modulus);
      refine({b.low < 0 ? b.low + 1 : 0, b.high > 0 ? b.high - 1 : 0});
    }
  } else if (isa<arith::DivSIOp, arith::FloorDivSIOp, arith::RemSIOp>(op) && of(result).low == boundsOf(result.getType()).low) {
    // Upstream gives up where the divisor may be 0; a program that divides by 0 has no right result anyway.
    Bounds a = of(op.getOperand(0));
    int64_t size = std::max(-std::max(a.low, -INT64_MAX), a.high);
    refine({-size, size});
  }
}

ConstantIntRanges IntegerRanges::reduced(linalg::GenericOp op, unsigned result) const {
  Operation *combine = op.getBlock()->getTerminator()->getOperand(result).getDefiningOp();
  Value accumulator = op.getBlock()->getArgument(op.getNumDpsInputs() + result), init = op.getOutputs()[result];
  unsigned width = widthOf(accumulator);
  if (!combine || combine->getNumOperands() != 2 || !llvm::is_contained(combine->getOperands(), accumulator))
    return stored(width);
  Value term = combine->getOperand(combine->getOperand(0) == accumulator);
  if (isa<arith::MaxSIOp>(combine) && width > 1)
    return intrange::inferMaxS({range(term), range(init)});
  if (isa<arith::MinSIOp>(combine) && width > 1)
    return intrange::inferMinS({range(term), range(init)});
  if (!isa<arith::AddIOp>(combine) || width == 1)
    return stored(width);
  __int128 count = 1;
  for (auto [size, type] : llvm::zip(op.getStaticLoopRanges(), op.getIteratorTypesArray()))
    count *= type == utils::IteratorType::reduction ? size : 1;
  Bounds one = of(term), start = of(init), limit = boundsOf(accumulator.getType());
  __int128 low = start.low + count * one.low, high = start.high + count * one.high;
  if (low < limit.low || high > limit.high)
    return ConstantIntRanges::maxRange(width);
  return fromBounds({static_cast<int64_t>(low), static_cast<int64_t>(high)}, width);
}

} // namespace manaslu::tiling
