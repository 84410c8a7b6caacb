// Element-wise operations as generics. What needs no memory (splat constants, indices and what is computed from them) goes into the body.
#include "lib/Conversion/GraphToLinalg/Lowering.h"

using namespace mlir;

namespace manaslu {

namespace {

/// A constant of one number, if `value` is one.
DenseElementsAttr splatOf(Value value) {
  auto constant = value.getDefiningOp<graph::ConstantOp>();
  auto elements = constant ? dyn_cast<DenseElementsAttr>(constant.getValue()) : DenseElementsAttr();
  return elements && elements.isSplat() ? elements : DenseElementsAttr();
}

/// Computed in the body from loop indices and numbers alone.
bool isFree(Value value) {
  if (splatOf(value) || value.getDefiningOp<graph::IotaOp>())
    return true;
  Operation *op = value.getDefiningOp();
  return isElementwise(op) && llvm::all_of(op->getOperands(), isFree);
}

/// NumPy's broadcast is implied by the indexing maps: a broadcast operand is read as it is.
Value source(Value value) {
  while (auto broadcast = value.getDefiningOp<graph::BroadcastToOp>())
    value = broadcast.getX();
  return value;
}

/// One generic over `shape`.
struct Body {
  Lowering &lowering;
  ArrayRef<int64_t> shape;
  SmallVector<Value> inputs; ///< graph values read as tensors
  ValueRange arguments;      ///< of the body, while it is built

  void collect(Operation *op) {
    for (Value operand : op->getOperands())
      if (Value read = source(operand); !isFree(read) && !llvm::is_contained(inputs, read))
        inputs.push_back(read);
  }

  AffineMap mapOf(Value input) {
    ArrayRef<int64_t> from = graph::tensorOf(input).getShape();
    SmallVector<AffineExpr> results;
    for (size_t i = 0; i < from.size(); ++i) {
      size_t loop = shape.size() - from.size() + i;
      results.push_back(from[i] == 1 && shape[loop] != 1 ? lowering.b.getAffineConstantExpr(0) : lowering.b.getAffineDimExpr(loop));
    }
    return lowering.map(shape.size(), results);
  }

  Value emit(Value operand) {
    Value read = source(operand);
    if (auto at = llvm::find(inputs, read); at != inputs.end())
      return lowering.widen(arguments[at - inputs.begin()]);
    if (DenseElementsAttr splat = splatOf(read))
      return emitNumber(splat);
    if (auto iota = read.getDefiningOp<graph::IotaOp>())
      return emitIndex(iota);
    return emitOperation(read.getDefiningOp());
  }

  Value emitNumber(DenseElementsAttr splat) {
    auto number = splat.getSplatValue<TypedAttr>();
    if (isa<FloatAttr>(number))
      return lowering.number(lowering.b.getF32Type(), cast<FloatAttr>(number).getValueAsDouble());
    auto integer = cast<IntegerAttr>(number);
    return arith::ConstantOp::create(lowering.b, lowering.b.getIntegerAttr(lowering.b.getIntegerType(integer.getValue().getBitWidth()), integer.getValue()));
  }

  Value emitIndex(graph::IotaOp iota) {
    RankedTensorType type = graph::tensorOf(iota.getResult());
    int64_t axis = *graph::normalizeAxis(iota.getAxis(), type.getRank());
    bool isFloat = isa<FloatType>(type.getElementType());
    Type element = isFloat ? Type(lowering.b.getI32Type()) : signlessType(type).getElementType();
    if (type.getDimSize(axis) == 1)
      return lowering.number(isFloat ? Type(lowering.b.getF32Type()) : element, 0);
    Value index = linalg::IndexOp::create(lowering.b, shape.size() - type.getRank() + axis);
    Value integer = arith::IndexCastOp::create(lowering.b, element, index);
    return isFloat ? Value(arith::SIToFPOp::create(lowering.b, lowering.b.getF32Type(), integer)) : integer;
  }

  Value emitOperation(Operation *op) {
    SmallVector<Value> operands = llvm::map_to_vector(op->getOperands(), [&](Value operand) { return emit(operand); });
    return scalarBody(lowering.b, op, operands);
  }
};

} // namespace

LogicalResult lowerElementwise(Lowering &lowering, Operation *op) {
  bool copies = isa<graph::BroadcastToOp, graph::IotaOp>(op);
  if (!copies && !isElementwise(op))
    return failure();
  // Nothing of its own: users put it into their bodies; only a use of another kind needs a tensor.
  Value result = op->getResult(0);
  bool hidden = isFree(result) || isa<graph::BroadcastToOp>(op);
  if (hidden && llvm::all_of(op->getUsers(), [](Operation *user) { return isElementwise(user) || isa<graph::BroadcastToOp>(user); }))
    return success();
  RankedTensorType type = signlessType(result.getType());
  Body body{lowering, type.getShape(), {}, {}};
  if (isa<graph::BroadcastToOp>(op) && !isFree(source(result)))
    body.inputs.push_back(source(result));
  else
    body.collect(op);
  SmallVector<Value> tensors;
  SmallVector<AffineMap> maps;
  for (Value input : body.inputs) {
    tensors.push_back(lowering.tensor(input));
    maps.push_back(body.mapOf(input));
  }
  maps.push_back(lowering.b.getMultiDimIdentityMap(type.getRank()));
  Value out = lowering.generic(tensors, lowering.empty(type.getShape(), type.getElementType()), maps, 0, [&](ValueRange arguments) {
    body.arguments = arguments;
    if (isa<graph::BroadcastToOp>(op) && !body.inputs.empty())
      return arguments[0];
    Value scalar = copies ? body.emit(result) : body.emitOperation(op);
    if (scalar.getType() == type.getElementType())
      return scalar;
    auto narrow = arith::TruncFOp::create(lowering.b, type.getElementType(), scalar);
    if (auto cast = dyn_cast<graph::CastOp>(op); cast && cast.getOverflow() == "propagate" && graph::isFloat8(type.getElementType()))
      narrow->setAttr(graph::kPropagateAttribute, lowering.b.getUnitAttr());
    return Value(narrow);
  });
  lowering.set(result, out);
  return success();
}

} // namespace manaslu
