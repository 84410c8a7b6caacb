// Scalar bodies of linalg operations as expression trees over the chip's functions: floats here, integers in ReadIntegers.cpp.
#include "lib/Conversion/LinalgToTile/ExpressionReader.h"

#include <limits>
#include <llvm/ADT/StringSwitch.h>
#include <mlir/Dialect/Arith/IR/Arith.h>
#include <mlir/Dialect/Math/IR/Math.h>
#include <mlir/IR/Matchers.h>

using namespace mlir;

namespace manaslu::tiling {

std::optional<int> ExpressionReader::read(Value value) {
  if (auto known = indices.find(value); known != indices.end())
    return known->second;
  std::optional<int> index = readFresh(value);
  if (index)
    indices[value] = *index;
  return index;
}

std::optional<int> ExpressionReader::noMeaning(Operation *op, StringRef why) {
  std::string text = "MN-LOW-001: its body has an operation without a meaning on the chip: '" + op->getName().getStringRef().str() + "'";
  return fail(why.empty() ? text : text + ", " + why.str());
}

std::optional<int> ExpressionReader::readFresh(Value value) {
  if (auto argument = dyn_cast<BlockArgument>(value))
    return argument.getOwner() == &body ? std::optional(tree.input(argument.getArgNumber())) : fail("MN-LOW-001: its body reads a value from outside");
  Operation *op = value.getDefiningOp();
  Attribute attribute;
  if (matchPattern(value, m_Constant(&attribute)))
    return tree.constant(numberOf(attribute));
  if (auto index = dyn_cast<linalg::IndexOp>(op))
    return tree.loopIndex(index.getDim());
  if (std::optional<int> remainder = readRemainder(op))
    return remainder;
  SmallVector<int> args;
  for (Value operand : op->getOperands()) {
    std::optional<int> arg = read(operand);
    if (!arg)
      return std::nullopt;
    args.push_back(*arg);
  }
  if (isa<CastOpInterface>(op))
    return readConversion(op, args);
  if (auto compare = dyn_cast<arith::CmpFOp>(op))
    return compareFloats(compare.getPredicate(), args[0], args[1]);
  if (auto compare = dyn_cast<arith::CmpIOp>(op))
    return compareIntegers(compare, args);
  if (auto choice = dyn_cast<arith::SelectOp>(op))
    return value.getType().isIntOrIndex() ? chooseInteger(choice, args) : tree.select(args[0], args[1], args[2]);
  if (value.getType().isInteger(1))
    return readBool(op, args);
  return value.getType().isIntOrIndex() ? readInteger(op, args) : readFloat(op, args);
}

std::optional<int> ExpressionReader::readFloat(Operation *op, Args args) {
  StringRef name = op->getName().getStringRef();
  if (isa<math::FmaOp>(op))
    return tree.binary("add", tree.binary("mul", args[0], args[1]), args[2]);
  if (isa<arith::MaxNumFOp>(op))
    return numericExtremum("max", args[0], args[1]);
  if (isa<arith::MinNumFOp>(op))
    return numericExtremum("min", args[0], args[1]);
  if (isa<math::CeilOp>(op))
    return tree.unary("neg", tree.unary("floor", tree.unary("neg", args[0])));
  if (isa<math::TruncOp>(op))
    return truncated(args[0]);
  if (isa<math::RoundEvenOp>(op))
    return roundedToEven(args[0]);
  if (isa<math::PowFOp>(op))
    return power(args[0], args[1]);
  StringRef unary = llvm::StringSwitch<StringRef>(name)
                        .Case("arith.negf", "neg")
                        .Case("math.exp", "exp")
                        .Case("math.exp2", "exp2")
                        .Case("math.log", "log")
                        .Case("math.log1p", "log1p")
                        .Case("math.expm1", "expm1")
                        .Case("math.tanh", "tanh")
                        .Case("math.erf", "erf")
                        .Case("math.sin", "sin")
                        .Case("math.cos", "cos")
                        .Case("math.sqrt", "sqrt")
                        .Case("math.rsqrt", "rsqrt")
                        .Case("math.absf", "abs")
                        .Case("math.floor", "floor")
                        .Default("");
  if (!unary.empty())
    return tree.unary(unary, args[0]);
  StringRef binary = llvm::StringSwitch<StringRef>(name)
                         .Case("arith.addf", "add")
                         .Case("arith.subf", "sub")
                         .Case("arith.mulf", "mul")
                         .Case("arith.divf", "divide")
                         .Case("arith.maximumf", "max")
                         .Case("arith.minimumf", "min")
                         .Default("");
  if (!binary.empty())
    return tree.binary(binary, args[0], args[1]);
  return noMeaning(op);
}

std::optional<int> ExpressionReader::compareFloats(arith::CmpFPredicate predicate, int a, int b) {
  using P = arith::CmpFPredicate;
  // The engines compare ordered (N23): with a NaN only ne is true. An unordered predicate is the negation of the opposite ordered one.
  auto opposite = [&](StringRef name) { return tree.binary("eq", tree.binary(name, a, b), tree.constant(0)); };
  switch (predicate) {
  case P::AlwaysFalse: return tree.constant(0);
  case P::AlwaysTrue: return tree.constant(1);
  case P::OEQ: return tree.binary("eq", a, b);
  case P::UNE: return tree.binary("ne", a, b);
  case P::OLT: return tree.binary("lt", a, b);
  case P::OLE: return tree.binary("le", a, b);
  case P::OGT: return tree.binary("gt", a, b);
  case P::OGE: return tree.binary("ge", a, b);
  case P::ULT: return opposite("ge");
  case P::ULE: return opposite("gt");
  case P::UGT: return opposite("le");
  case P::UGE: return opposite("lt");
  case P::ONE: return tree.binary("logical_or", tree.binary("lt", a, b), tree.binary("gt", a, b));
  case P::UEQ: return tree.binary("eq", tree.binary("logical_or", tree.binary("lt", a, b), tree.binary("gt", a, b)), tree.constant(0));
  case P::UNO: return tree.binary("logical_or", isNan(a), isNan(b));
  case P::ORD: return tree.binary("logical_and", tree.binary("eq", a, a), tree.binary("eq", b, b));
  }
  return tree.constant(0);
}

int ExpressionReader::numericExtremum(StringRef name, int a, int b) {
  int both = tree.binary(name, a, b);
  return tree.select(isNan(a), b, tree.select(isNan(b), a, both));
}

int ExpressionReader::truncated(int x) { return tree.binary("mul", tree.unary("sign", x), tree.unary("floor", tree.unary("abs", x))); }

int ExpressionReader::roundedToEven(int x) {
  // Between 2^23 and 2^24 fp32 holds the integers alone: adding 2^23 rounds as asked, taking it away is exact.
  double whole = int64_t{1} << 23;
  int size = tree.unary("abs", x), shift = tree.constant(whole);
  int rounded = tree.binary("sub", tree.binary("add", size, shift), shift);
  return tree.binary("mul", tree.unary("sign", x), tree.select(tree.binary("lt", size, shift), rounded, size));
}

FailureOr<Expression> readExpression(Value result, Block &body, const IntegerRanges &ranges, const IntegerSupport &support, std::string &problem) {
  ExpressionReader reader(body, ranges, support);
  std::optional<int> root = reader.read(result);
  if (root)
    return prune(reader.tree.ops, *root);
  problem = reader.problem;
  return failure();
}

} // namespace manaslu::tiling
