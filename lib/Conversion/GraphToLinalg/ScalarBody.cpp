// Scalar bodies of element-wise graph operations in arith and math.
#include <limits>
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

// One number multiplied, subtracted and added: shorthand of the float rules below.
Value times(B &b, Value x, Value y) { return arith::MulFOp::create(b, x, y); }
Value minus(B &b, Value x, Value y) { return arith::SubFOp::create(b, x, y); }
Value plus(B &b, Value x, Value y) { return arith::AddFOp::create(b, x, y); }
Value choose(B &b, Value condition, Value x, Value y) { return arith::SelectOp::create(b, condition, x, y); }

/// The upper half of the digits (Veltkamp's splitting): x - upper is exact and has the others.
Value upperHalf(B &b, Value x) {
  Value scaled = times(b, x, like(b, x, 4097));
  return minus(b, scaled, minus(b, scaled, x));
}

/// a - q b with one rounding, for q near a / b: the product is taken exactly as high + low (Dekker), and a - high is exact.
Value exactRest(B &b, Value a, Value q, Value divisor) {
  Value high = times(b, q, divisor), q0 = upperHalf(b, q), d0 = upperHalf(b, divisor), q1 = minus(b, q, q0), d1 = minus(b, divisor, d0);
  Value low = plus(b, plus(b, plus(b, minus(b, times(b, q0, d0), high), times(b, q0, d1)), times(b, q1, d0)), times(b, q1, d1));
  return minus(b, minus(b, a, high), low);
}

/// Whether a rest lies on the other side of zero than the divisor: the quotient was one too large.
Value overshoots(B &b, Value rest, Value divisor) {
  Value zero = like(b, rest, 0);
  Value below = arith::AndIOp::create(b, compareValues(b, "lt", false, rest, zero), compareValues(b, "gt", false, divisor, zero));
  Value above = arith::AndIOp::create(b, compareValues(b, "gt", false, rest, zero), compareValues(b, "lt", false, divisor, zero));
  return arith::OrIOp::create(b, below, above);
}

Value isInfinite(B &b, Value x) { return compareValues(b, "eq", false, math::AbsFOp::create(b, x), like(b, x, std::numeric_limits<double>::infinity())); }

// Rounding a / b may reach the integer above; the rest tells. From 2^23 on the quotient is an integer, as exact as the type holds.
Value floorDivide(B &b, Operation *, Args x) {
  if (!isFloat(x))
    return arith::FloorDivSIOp::create(b, x[0], x[1]);
  Value quotient = math::FloorOp::create(b, arith::DivFOp::create(b, x[0], x[1]));
  Value rest = choose(b, isInfinite(b, x[1]), x[0], exactRest(b, x[0], quotient, x[1]));
  Value small = compareValues(b, "lt", false, math::AbsFOp::create(b, quotient), like(b, quotient, 8388608));
  Value lower = arith::AndIOp::create(b, small, overshoots(b, rest, x[1]));
  return choose(b, lower, minus(b, quotient, like(b, quotient, 1)), quotient);
}

// a - floor(a / b) b: the sign of b. The rest of a division is an fp32 number, so that each step is exact and takes 24 bits off the quotient; after two a
// quotient beyond 2^47 leaves more than a divisor, and the result is NaN rather than wrong.
Value remainder(B &b, Operation *op, Args x) {
  if (!isFloat(x))
    return arith::SubIOp::create(b, x[0], arith::MulIOp::create(b, floorDivide(b, op, x), x[1]));
  Value rest = x[0], divisor = x[1], size = math::AbsFOp::create(b, divisor);
  for (int step = 0; step < 2; ++step)
    rest = exactRest(b, rest, math::FloorOp::create(b, arith::DivFOp::create(b, rest, divisor)), divisor);
  rest = choose(b, isInfinite(b, divisor), x[0], rest);
  rest = choose(b, overshoots(b, rest, divisor), plus(b, rest, divisor), rest);
  Value valid = compareValues(b, "le", false, math::AbsFOp::create(b, rest), size);
  return choose(b, valid, rest, like(b, rest, std::numeric_limits<double>::quiet_NaN()));
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
                                              {"round", floatUnary<math::RoundEvenOp>},
                                              {"sign", sign},
                                              {"logical_not", logicalNot},
                                              {"square", square},
                                              {"add", binary<arith::AddFOp, arith::AddIOp>},
                                              {"sub", binary<arith::SubFOp, arith::SubIOp>},
                                              {"mul", binary<arith::MulFOp, arith::MulIOp>},
                                              {"div", binary<arith::DivFOp, arith::DivSIOp, arith::DivUIOp>},
                                              {"floor_div", floorDivide},
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
