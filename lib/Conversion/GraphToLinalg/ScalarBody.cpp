// Scalar bodies of element-wise graph operations in arith and math.
#include <llvm/ADT/StringMap.h>
#include <mlir/Dialect/Math/IR/Math.h>

#include "lib/Conversion/GraphToLinalg/Lowering.h"

using namespace mlir;

namespace manaslu {

namespace {

using B = ImplicitLocOpBuilder;
using Args = ArrayRef<Value>;
using Rule = Value (*)(B &b, Operation *op, Args x);

bool isFloat(Args x) { return isa<FloatType>(x.back().getType()); }
bool isUnsigned(Operation *op) {
  Type element = graph::tensorOf(op->getOperand(0)).getElementType();
  return element.isUnsignedInteger() || element.isInteger(1);
}

Value number(B &b, Type type, double value) {
  if (isa<FloatType>(type))
    return arith::ConstantOp::create(b, b.getFloatAttr(type, value));
  return arith::ConstantOp::create(b, b.getIntegerAttr(type, static_cast<int64_t>(value)));
}
Value like(B &b, Value x, double value) { return number(b, x.getType(), value); }

template <class Op> Value floatUnary(B &b, Operation *, Args x) { return Op::create(b, x[0]); }
template <class FloatOp, class SignedOp, class UnsignedOp = SignedOp> Value binary(B &b, Operation *op, Args x) {
  if (isFloat(x))
    return FloatOp::create(b, x[0], x[1]);
  return isUnsigned(op) ? Value(UnsignedOp::create(b, x[0], x[1])) : Value(SignedOp::create(b, x[0], x[1]));
}

Value neg(B &b, Operation *, Args x) { return isFloat(x) ? Value(arith::NegFOp::create(b, x[0])) : Value(arith::SubIOp::create(b, like(b, x[0], 0), x[0])); }
Value absolute(B &b, Operation *, Args x) { return isFloat(x) ? Value(math::AbsFOp::create(b, x[0])) : Value(math::AbsIOp::create(b, x[0])); }
Value square(B &b, Operation *, Args x) { return isFloat(x) ? Value(arith::MulFOp::create(b, x[0], x[0])) : Value(arith::MulIOp::create(b, x[0], x[0])); }
Value reciprocal(B &b, Operation *, Args x) { return arith::DivFOp::create(b, like(b, x[0], 1), x[0]); }
Value relu(B &b, Operation *, Args x) {
  return isFloat(x) ? Value(arith::MaximumFOp::create(b, x[0], like(b, x[0], 0))) : Value(arith::MaxSIOp::create(b, x[0], like(b, x[0], 0)));
}
Value logicalNot(B &b, Operation *, Args x) { return arith::XOrIOp::create(b, x[0], like(b, x[0], 1)); }

// 1 / (1 + exp(-x))
Value sigmoid(B &b, Operation *, Args x) {
  Value one = like(b, x[0], 1);
  return arith::DivFOp::create(b, one, arith::AddFOp::create(b, one, math::ExpOp::create(b, arith::NegFOp::create(b, x[0]))));
}
Value silu(B &b, Operation *op, Args x) { return arith::MulFOp::create(b, x[0], sigmoid(b, op, x)); }

// 0.5 x (1 + erf(x / sqrt 2)), or 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))
Value gelu(B &b, Operation *op, Args args) {
  Value x = args[0], inner;
  if (cast<graph::GeluOp>(op).getApproximate() == "tanh") {
    Value cube = arith::MulFOp::create(b, arith::MulFOp::create(b, x, x), x);
    Value sum = arith::AddFOp::create(b, x, arith::MulFOp::create(b, cube, like(b, x, 0.044715)));
    inner = math::TanhOp::create(b, arith::MulFOp::create(b, sum, like(b, x, 0.7978845608028654)));
  } else {
    inner = math::ErfOp::create(b, arith::MulFOp::create(b, x, like(b, x, 0.7071067811865476)));
  }
  return arith::MulFOp::create(b, arith::MulFOp::create(b, x, like(b, x, 0.5)), arith::AddFOp::create(b, inner, like(b, x, 1)));
}

Value compareValues(B &b, StringRef predicate, bool isUnsigned, Value x, Value y) {
  if (isa<FloatType>(x.getType())) {
    static const llvm::StringMap<arith::CmpFPredicate> floats = {{"eq", arith::CmpFPredicate::OEQ}, {"ne", arith::CmpFPredicate::UNE},
                                                                 {"lt", arith::CmpFPredicate::OLT}, {"le", arith::CmpFPredicate::OLE},
                                                                 {"gt", arith::CmpFPredicate::OGT}, {"ge", arith::CmpFPredicate::OGE}};
    return arith::CmpFOp::create(b, floats.lookup(predicate), x, y);
  }
  using P = arith::CmpIPredicate;
  static const llvm::StringMap<P> signedOnes = {{"eq", P::eq}, {"ne", P::ne}, {"lt", P::slt}, {"le", P::sle}, {"gt", P::sgt}, {"ge", P::sge}};
  static const llvm::StringMap<P> unsignedOnes = {{"eq", P::eq}, {"ne", P::ne}, {"lt", P::ult}, {"le", P::ule}, {"gt", P::ugt}, {"ge", P::uge}};
  return arith::CmpIOp::create(b, (isUnsigned ? unsignedOnes : signedOnes).lookup(predicate), x, y);
}
Value compare(B &b, Operation *op, Args x) { return compareValues(b, cast<graph::CompareOp>(op).getPredicate(), isUnsigned(op), x[0], x[1]); }
Value select(B &b, Operation *, Args x) { return arith::SelectOp::create(b, x[0], x[1], x[2]); }

Value sign(B &b, Operation *, Args x) {
  Value zero = like(b, x[0], 0);
  Value below = arith::SelectOp::create(b, compareValues(b, "lt", false, x[0], zero), like(b, x[0], -1), zero);
  return arith::SelectOp::create(b, compareValues(b, "gt", false, x[0], zero), like(b, x[0], 1), below);
}

Value power(B &b, Operation *, Args x) { return isFloat(x) ? Value(math::PowFOp::create(b, x[0], x[1])) : Value(math::IPowIOp::create(b, x[0], x[1])); }

// a - floor(a / b) b: the sign of b
Value remainder(B &b, Operation *op, Args x) {
  if (isFloat(x))
    return arith::SubFOp::create(b, x[0], arith::MulFOp::create(b, math::FloorOp::create(b, arith::DivFOp::create(b, x[0], x[1])), x[1]));
  if (isUnsigned(op))
    return arith::RemUIOp::create(b, x[0], x[1]);
  Value rest = arith::RemSIOp::create(b, x[0], x[1]), zero = like(b, rest, 0);
  Value differs = compareValues(b, "lt", false, arith::XOrIOp::create(b, rest, x[1]), zero);
  Value moves = arith::AndIOp::create(b, differs, compareValues(b, "ne", false, rest, zero));
  return arith::SelectOp::create(b, moves, arith::AddIOp::create(b, rest, x[1]), rest);
}

Value castScalar(B &b, Operation *op, Args args) {
  Value x = args[0];
  Type to = graph::tensorOf(op->getResult(0)).getElementType();
  bool fromUnsigned = isUnsigned(op);
  if (isa<FloatType>(to)) {
    if (isa<FloatType>(x.getType()))
      return x;
    return fromUnsigned ? Value(arith::UIToFPOp::create(b, b.getF32Type(), x)) : Value(arith::SIToFPOp::create(b, b.getF32Type(), x));
  }
  if (to.isInteger(1))
    return x.getType().isInteger(1) ? x : compareValues(b, "ne", false, x, like(b, x, 0));
  Type plain = b.getIntegerType(to.getIntOrFloatBitWidth());
  if (isa<FloatType>(x.getType()))
    return to.isUnsignedInteger() ? Value(arith::FPToUIOp::create(b, plain, x)) : Value(arith::FPToSIOp::create(b, plain, x));
  unsigned from = x.getType().getIntOrFloatBitWidth(), width = plain.getIntOrFloatBitWidth();
  if (from == width)
    return x;
  if (from > width)
    return arith::TruncIOp::create(b, plain, x);
  return fromUnsigned ? Value(arith::ExtUIOp::create(b, plain, x)) : Value(arith::ExtSIOp::create(b, plain, x));
}

const llvm::StringMap<Rule> &rules() {
  static const llvm::StringMap<Rule> table = {{"neg", neg},
                                              {"abs", absolute},
                                              {"exp", floatUnary<math::ExpOp>},
                                              {"exp2", floatUnary<math::Exp2Op>},
                                              {"log", floatUnary<math::LogOp>},
                                              {"log1p", floatUnary<math::Log1pOp>},
                                              {"expm1", floatUnary<math::ExpM1Op>},
                                              {"sqrt", floatUnary<math::SqrtOp>},
                                              {"rsqrt", floatUnary<math::RsqrtOp>},
                                              {"reciprocal", reciprocal},
                                              {"tanh", floatUnary<math::TanhOp>},
                                              {"sigmoid", sigmoid},
                                              {"erf", floatUnary<math::ErfOp>},
                                              {"gelu", gelu},
                                              {"silu", silu},
                                              {"relu", relu},
                                              {"sin", floatUnary<math::SinOp>},
                                              {"cos", floatUnary<math::CosOp>},
                                              {"floor", floatUnary<math::FloorOp>},
                                              {"sign", sign},
                                              {"logical_not", logicalNot},
                                              {"square", square},
                                              {"add", binary<arith::AddFOp, arith::AddIOp>},
                                              {"sub", binary<arith::SubFOp, arith::SubIOp>},
                                              {"mul", binary<arith::MulFOp, arith::MulIOp>},
                                              {"div", binary<arith::DivFOp, arith::DivSIOp, arith::DivUIOp>},
                                              {"pow", power},
                                              {"max", binary<arith::MaximumFOp, arith::MaxSIOp, arith::MaxUIOp>},
                                              {"min", binary<arith::MinimumFOp, arith::MinSIOp, arith::MinUIOp>},
                                              {"remainder", remainder},
                                              {"compare", compare},
                                              {"logical_and", binary<arith::AddFOp, arith::AndIOp>},
                                              {"logical_or", binary<arith::AddFOp, arith::OrIOp>},
                                              {"logical_xor", binary<arith::AddFOp, arith::XOrIOp>},
                                              {"select", select},
                                              {"cast", castScalar}};
  return table;
}

} // namespace

bool isElementwise(Operation *op) { return op && op->getName().getDialectNamespace() == "graph" && rules().contains(op->getName().stripDialect()); }

Value scalarBody(ImplicitLocOpBuilder &b, Operation *op, ArrayRef<Value> arguments) {
  return isElementwise(op) ? rules().lookup(op->getName().stripDialect())(b, op, arguments) : Value();
}

} // namespace manaslu
