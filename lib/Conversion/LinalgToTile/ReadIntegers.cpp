// Integers and bools of scalar bodies. Where ranges prove that fp32 is exact the vector engine computes; elsewhere ge does, modulo 2^32.
#include "lib/Conversion/LinalgToTile/ExpressionReader.h"

#include <cmath>
#include <llvm/ADT/StringSwitch.h>
#include <mlir/Dialect/Arith/IR/Arith.h>
#include <mlir/Dialect/Math/IR/Math.h>

using namespace mlir;

namespace manaslu::tiling {

namespace {

using Wide = __int128;

/// Bounds of a sum, difference or product before it is stored in a type.
std::pair<Wide, Wide> mathematical(StringRef name, const Bounds &a, const Bounds &b) {
  if (name == "add")
    return {Wide(a.low) + b.low, Wide(a.high) + b.high};
  if (name == "sub")
    return {Wide(a.low) - b.high, Wide(a.high) - b.low};
  return std::minmax({Wide(a.low) * b.low, Wide(a.low) * b.high, Wide(a.high) * b.low, Wide(a.high) * b.high});
}

bool within(const std::pair<Wide, Wide> &range, const Bounds &limit) { return range.first >= limit.low && range.second <= limit.high; }

std::string text(const std::pair<Wide, Wide> &range) {
  auto one = [](Wide value) { return value > INT64_MAX ? "above 2^63" : value < INT64_MIN ? "below -2^63" : std::to_string(static_cast<int64_t>(value)); };
  return "[" + one(range.first) + ", " + one(range.second) + "]";
}

bool isPowerOfTwo(double value) { return value >= 1 && value == std::exp2(std::floor(std::log2(value))); }

/// The value of a remainder with the sign of the divisor, written out: a - floor(a / b) * b.
arith::FloorDivSIOp quotientOfRemainder(Operation *op) {
  auto product = isa<arith::SubIOp>(op) ? op->getOperand(1).getDefiningOp<arith::MulIOp>() : arith::MulIOp();
  for (int side : {0, 1})
    if (auto quotient = product ? product->getOperand(side).getDefiningOp<arith::FloorDivSIOp>() : arith::FloorDivSIOp())
      if (quotient.getLhs() == op->getOperand(0) && quotient.getRhs() == product->getOperand(1 - side))
        return quotient;
  return {};
}

} // namespace

bool ExpressionReader::hasGeneral(Operation *op) {
  if (support.hasGeneral)
    return true;
  std::string operands;
  for (Value operand : op->getOperands())
    if (operand.getType().isIntOrIndex())
      operands += (operands.empty() ? "" : ", ") + ranges.of(operand).text();
  problem = "MN-CHIP-ENGINE: '" + op->getName().getStringRef().str() + "' of integers in " + operands + " on chip " + support.chip +
            ", which has no ge engine: only integers that are proved to stay within 2^24 are exact there; bound them (clamp) or compute in floats";
  return false;
}

std::optional<int> ExpressionReader::onGeneral(Operation *op, StringRef name, int a, int b) {
  return hasGeneral(op) ? std::optional(tree.integer(name, a, b)) : std::nullopt;
}

std::optional<int> ExpressionReader::readRemainder(Operation *op) {
  arith::FloorDivSIOp quotient = quotientOfRemainder(op);
  if (!quotient)
    return std::nullopt;
  std::optional<int> a = read(quotient.getLhs()), b = read(quotient.getRhs());
  if (!a || !b || (exactInFloat(quotient.getLhs()) && exactInFloat(quotient.getRhs())) || !hasGeneral(op))
    return std::nullopt;
  return floorDivision(*a, *b).remainder;
}

std::optional<int> ExpressionReader::readBool(Operation *op, Args args) {
  // Of i1, true counts as -1 where an operation is signed; addition is modulo 2.
  StringRef name = llvm::StringSwitch<StringRef>(op->getName().getStringRef())
                       .Case("arith.andi", "logical_and")
                       .Case("arith.muli", "logical_and")
                       .Case("arith.minui", "logical_and")
                       .Case("arith.maxsi", "logical_and")
                       .Case("arith.ori", "logical_or")
                       .Case("arith.maxui", "logical_or")
                       .Case("arith.minsi", "logical_or")
                       .Case("arith.xori", "logical_xor")
                       .Case("arith.addi", "logical_xor")
                       .Case("arith.subi", "logical_xor")
                       .Default("");
  return name.empty() ? noMeaning(op) : std::optional(tree.binary(name, args[0], args[1]));
}

std::optional<int> ExpressionReader::readInteger(Operation *op, Args args) {
  StringRef name = op->getName().getStringRef();
  if (isa<arith::AddIOp, arith::SubIOp, arith::MulIOp>(op))
    return arithmetic(op, name.drop_front(6).drop_back(1), args);
  if (isa<arith::DivSIOp, arith::DivUIOp, arith::RemSIOp, arith::RemUIOp, arith::FloorDivSIOp>(op))
    return division(op, args);
  if (isa<math::IPowIOp>(op))
    return integerPower(op, args);
  bool isUnsigned = isa<arith::MaxUIOp, arith::MinUIOp>(op);
  if (isUnsigned && llvm::any_of(op->getOperands(), [&](Value operand) { return ranges.of(operand).low < 0; }))
    return noMeaning(op, "of integers that are not proved to be positive");
  bool small = llvm::all_of(op->getOperands(), [&](Value operand) { return exactInFloat(operand); });
  if (isa<arith::MaxSIOp, arith::MaxUIOp, arith::MinSIOp, arith::MinUIOp>(op)) {
    StringRef extremum = isa<arith::MaxSIOp, arith::MaxUIOp>(op) ? "max" : "min";
    return small ? std::optional(tree.binary(extremum, args[0], args[1])) : onGeneral(op, extremum, args[0], args[1]);
  }
  if (isa<math::AbsIOp>(op)) {
    if (small)
      return tree.unary("abs", args[0]);
    return hasGeneral(op) ? std::optional(tree.integer("max", args[0], tree.integer("mul", args[0], tree.constant(-1)))) : std::nullopt;
  }
  // Bits of narrow types are those of their sign extension.
  StringRef bits = llvm::StringSwitch<StringRef>(name)
                       .Case("arith.andi", "and")
                       .Case("arith.ori", "or")
                       .Case("arith.xori", "xor")
                       .Case("arith.shrsi", "sar")
                       .Case("arith.shli", op->getResult(0).getType().isInteger(32) ? "shl" : "")
                       .Case("arith.shrui", op->getResult(0).getType().isInteger(32) ? "shr" : "")
                       .Default("");
  return bits.empty() ? noMeaning(op) : onGeneral(op, bits, args[0], args[1]);
}

std::optional<int> ExpressionReader::arithmetic(Operation *op, StringRef name, Args args) {
  Type type = op->getResult(0).getType();
  Bounds a = ranges.of(op->getOperand(0)), b = ranges.of(op->getOperand(1)), limit = boundsOf(type);
  std::pair<Wide, Wide> exact = mathematical(name, a, b);
  if (limit.high > INT32_MAX && !within(exact, kInt32))
    return fail("MN-NUM-RANGE: values of int64 may reach " + text(exact) + ", outside " + kInt32.text() + "; use int32 in the model, or bound the operands");
  bool small = within(exact, kExactInFloat) && a.within(kExactInFloat) && b.within(kExactInFloat);
  std::optional<int> result = small ? tree.binary(name, args[0], args[1]) : onGeneral(op, name, args[0], args[1]);
  if (!result || type.getIntOrFloatBitWidth() >= 32 || within(exact, limit))
    return result;
  return wrapped(op, *result, type.getIntOrFloatBitWidth(), /*isUnsigned=*/false, small);
}

std::optional<int> ExpressionReader::wrapped(Operation *op, int x, unsigned bits, bool isUnsigned, bool inFloat) {
  double size = std::ldexp(1.0, bits);
  if (inFloat) {
    // x - 2^bits * floor(x / 2^bits + 1/2): all exact, the scale is a power of two.
    int scaled = tree.binary("mul", x, tree.constant(1 / size));
    int turns = tree.unary("floor", isUnsigned ? scaled : tree.binary("add", scaled, tree.constant(0.5)));
    return tree.binary("sub", x, tree.binary("mul", turns, tree.constant(size)));
  }
  if (isUnsigned)
    return onGeneral(op, "and", x, tree.constant(size - 1));
  std::optional<int> high = onGeneral(op, "shl", x, tree.constant(32 - bits));
  return high ? std::optional(tree.integer("sar", *high, tree.constant(32 - bits))) : std::nullopt;
}

std::optional<int> ExpressionReader::division(Operation *op, Args args) {
  Bounds a = ranges.of(op->getOperand(0)), b = ranges.of(op->getOperand(1));
  bool positive = a.low >= 0 && b.low >= 0, floors = positive || isa<arith::FloorDivSIOp>(op), quotient = !isa<arith::RemSIOp, arith::RemUIOp>(op);
  if (isa<arith::DivUIOp, arith::RemUIOp>(op) && !positive)
    return noMeaning(op, "of integers that are not proved to be positive");
  if (a.within(kExactInFloat) && b.within(kExactInFloat)) {
    // A quotient that is no integer is further from one than its rounding error, so that rounding it first changes nothing.
    int ratio = tree.binary("divide", args[0], args[1]), whole = floors ? tree.unary("floor", ratio) : truncated(ratio);
    return quotient ? whole : tree.binary("sub", args[0], tree.binary("mul", whole, args[1]));
  }
  if (!hasGeneral(op))
    return std::nullopt;
  Division floor = floorDivision(args[0], args[1]);
  if (floors)
    return quotient ? floor.quotient : floor.remainder;
  // Towards zero is one more, and a divisor less of the remainder, where signs differ and something remains.
  int differ = tree.integer("lt", tree.integer("xor", args[0], args[1]), tree.constant(0));
  int inexact = tree.integer("ne", floor.remainder, tree.constant(0)), up = tree.integer("and", differ, inexact);
  if (quotient)
    return tree.integer("add", floor.quotient, up);
  return tree.integer("sub", floor.remainder, tree.integer("mul", up, args[1]));
}

ExpressionReader::Division ExpressionReader::floorDivision(int a, int b) {
  if (tree.isConstant(b) && isPowerOfTwo(tree.ops[b].value))
    return {tree.integer("sar", a, tree.constant(std::log2(tree.ops[b].value))), tree.integer("and", a, tree.constant(tree.ops[b].value - 1))};
  // An fp32 operand of an integer operation is rounded to the nearest int32. The fp32 quotient is wrong by at most 384 / |b| + 1/2 (three roundings of 2^-24 of
  // up to 2^31 / |b|, one to an integer), which leaves a rest of at most |b| / 2 + 384 in size. Its quotient is then off by less than 1: a last step brings the
  // rest to the divisor's side of zero.
  int first = tree.binary("divide", a, b);
  int rest = tree.integer("sub", a, tree.integer("mul", first, b));
  int second = tree.binary("divide", rest, b);
  rest = tree.integer("sub", rest, tree.integer("mul", second, b));
  int differ = tree.integer("lt", tree.integer("xor", rest, b), tree.constant(0));
  int down = tree.integer("and", differ, tree.integer("ne", rest, tree.constant(0)));
  return {tree.integer("sub", tree.integer("add", first, second), down), tree.integer("add", rest, tree.integer("mul", down, b))};
}

std::optional<int> ExpressionReader::integerPower(Operation *op, Args args) {
  if (!hasGeneral(op))
    return std::nullopt;
  Bounds exponent = ranges.of(op->getOperand(1));
  if (op->getResult(0).getType().getIntOrFloatBitWidth() != 32)
    return noMeaning(op, "of a type other than int32");
  // x^(sum of 2^k) is the product of the x^(2^k) whose bit is set: 1 + bit * (x^(2^k) - 1).
  int one = tree.constant(1), result = one, square = args[0];
  for (int64_t bit = 0, rest = std::max<int64_t>(exponent.high, 0); rest > 0; ++bit, rest /= 2) {
    int set = tree.integer("and", tree.integer("shr", args[1], tree.constant(bit)), one);
    int factor = tree.integer("add", tree.integer("mul", tree.integer("sub", square, one), set), one);
    result = bit ? tree.integer("mul", result, factor) : factor;
    square = tree.integer("mul", square, square);
  }
  if (exponent.low >= 0)
    return result;
  // 1 / x^n is 0 but for x = 1 and x = -1, whose powers are their own inverses.
  int odd = tree.integer("and", args[1], one), unit = tree.integer("le", tree.integer("mul", args[0], args[0]), one);
  int sign = tree.integer("sub", one, tree.integer("mul", tree.integer("and", odd, tree.integer("lt", args[0], tree.constant(0))), tree.constant(2)));
  int inverse = tree.integer("mul", tree.integer("and", unit, tree.integer("ne", args[0], tree.constant(0))), sign);
  return tree.integerSelect(tree.integer("lt", args[1], tree.constant(0)), inverse, result);
}

std::optional<int> ExpressionReader::compareIntegers(arith::CmpIOp op, Args args) {
  using P = arith::CmpIPredicate;
  P predicate = op.getPredicate();
  bool isBool = op.getLhs().getType().isInteger(1), isUnsigned = predicate >= P::ult;
  Bounds a = ranges.of(op.getLhs()), b = ranges.of(op.getRhs());
  if (isUnsigned && !isBool && (a.low < 0 || b.low < 0))
    return noMeaning(op, "without signs, of integers that are not proved to be positive");
  StringRef name = llvm::StringSwitch<StringRef>(arith::stringifyCmpIPredicate(predicate))
                       .Case("eq", "eq")
                       .Case("ne", "ne")
                       .Case("slt", "lt")
                       .Case("ult", "lt")
                       .Case("sle", "le")
                       .Case("ule", "le")
                       .Case("sgt", "gt")
                       .Case("ugt", "gt")
                       .Case("sge", "ge")
                       .Case("uge", "ge")
                       .Default("");
  if (isBool && !isUnsigned && name != "eq" && name != "ne") // true is -1
    return tree.binary(name, args[1], args[0]);
  // Rounding to fp32 keeps the order, and below 2^24 nothing else rounds to a number: one such side is enough.
  Bounds inner = {kExactInFloat.low + 1, kExactInFloat.high - 1};
  bool exact = a.within(inner) || b.within(inner) || (a.within(kExactInFloat) && b.within(kExactInFloat));
  return exact ? std::optional(tree.binary(name, args[0], args[1])) : onGeneral(op, name, args[0], args[1]);
}

std::optional<int> ExpressionReader::chooseInteger(arith::SelectOp op, Args args) {
  bool small = exactInFloat(op.getTrueValue()) && exactInFloat(op.getFalseValue());
  // The vector engine selects int32 as it is; only a chip's own range decides what a float in between would lose.
  return small ? tree.select(args[0], args[1], args[2]) : tree.integerSelect(args[0], args[1], args[2]);
}

std::optional<int> ExpressionReader::readConversion(Operation *op, Args args) {
  Type from = op->getOperand(0).getType(), to = op->getResult(0).getType();
  int x = args[0];
  if (isa<arith::ExtFOp, arith::TruncFOp>(op))
    return x; // every engine computes in fp32 and the result is narrowed once, where it is stored
  if (isa<arith::FPToSIOp>(op))
    return truncated(x); // stores saturate (N16)
  if (!isa<arith::SIToFPOp, arith::UIToFPOp, arith::ExtSIOp, arith::ExtUIOp, arith::TruncIOp, arith::IndexCastOp, arith::IndexCastUIOp>(op))
    return noMeaning(op);
  bool isUnsigned = isa<arith::UIToFPOp, arith::ExtUIOp, arith::IndexCastUIOp>(op);
  if (from.isInteger(1))
    return isUnsigned || isa<arith::TruncIOp>(op) ? x : tree.unary("neg", x); // a signed true is -1
  Bounds range = ranges.of(op->getOperand(0));
  bool small = range.within(kExactInFloat);
  if (isUnsigned && range.low < 0) {
    unsigned bits = from.isIndex() ? 64 : from.getIntOrFloatBitWidth();
    return bits < 32 ? wrapped(op, x, bits, /*isUnsigned=*/true, small) : noMeaning(op, "of integers that are not proved to be positive");
  }
  if (!isa<arith::TruncIOp, arith::IndexCastOp, arith::IndexCastUIOp>(op) || range.within(boundsOf(to)))
    return x;
  if (to.isInteger(1))
    return wrapped(op, x, 1, /*isUnsigned=*/true, small);
  return to.isIndex() || to.getIntOrFloatBitWidth() >= 32 ? std::optional(x) : wrapped(op, x, to.getIntOrFloatBitWidth(), /*isUnsigned=*/false, small);
}

} // namespace manaslu::tiling
