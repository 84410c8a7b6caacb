// Scalar bodies of linalg operations as expression trees over the chip's functions; composite functions (sigmoid, gelu, ...) are recognised.
#include "lib/Conversion/LinalgToTile/TensorProgram.h"

#include <cmath>
#include <llvm/ADT/StringSwitch.h>
#include <mlir/Dialect/Arith/IR/Arith.h>
#include <mlir/Dialect/Math/IR/Math.h>
#include <mlir/IR/Matchers.h>

using namespace mlir;

namespace manaslu::tiling {

namespace {

/// A tree under construction: equal subtrees share an index, so that "the same x" can be asked by comparing numbers.
class Tree {
public:
  Expression ops;

  int add(ScalarOp op) {
    for (size_t i = 0; i < ops.size(); ++i)
      if (ops[i].kind == op.kind && ops[i].input == op.input && ops[i].name == op.name && ops[i].args == op.args &&
          (ops[i].value == op.value || (std::isnan(ops[i].value) && std::isnan(op.value))))
        return i;
    ops.push_back(std::move(op));
    return ops.size() - 1;
  }
  int input(int number) {
    ScalarOp op;
    op.input = number;
    return add(op);
  }
  int constant(double value) {
    ScalarOp op;
    op.kind = ScalarOp::Constant;
    op.value = value;
    return add(op);
  }
  int loopIndex(int dim) {
    ScalarOp op;
    op.kind = ScalarOp::LoopIndex;
    op.input = dim;
    return add(op);
  }
  int unary(StringRef name, int x) {
    ScalarOp op;
    op.kind = ScalarOp::Unary;
    op.name = name.str();
    op.args = {x};
    return recognize(add(op));
  }
  int binary(StringRef name, int a, int b) {
    ScalarOp op;
    op.kind = ScalarOp::Binary;
    op.name = name.str();
    op.args = {a, b};
    return recognize(add(op));
  }
  int select(int condition, int a, int b) {
    ScalarOp op;
    op.kind = ScalarOp::Select;
    op.args = {condition, a, b};
    return add(op);
  }

private:
  bool is(int i, StringRef name) const { return (ops[i].kind == ScalarOp::Unary || ops[i].kind == ScalarOp::Binary) && ops[i].name == name; }
  static bool near(double a, double b) { return std::abs(a - b) <= 1e-4 * std::abs(b); }

  /// coefficient * product of factors
  void product(int i, double &coefficient, std::vector<int> &factors) const {
    const ScalarOp &op = ops[i];
    if (op.kind == ScalarOp::Constant)
      coefficient *= op.value;
    else if (is(i, "neg"))
      coefficient = -coefficient, product(op.args[0], coefficient, factors);
    else if (is(i, "mul"))
      product(op.args[0], coefficient, factors), product(op.args[1], coefficient, factors);
    else if (is(i, "divide") && ops[op.args[1]].kind == ScalarOp::Constant)
      coefficient /= ops[op.args[1]].value, product(op.args[0], coefficient, factors);
    else if (is(i, "square"))
      product(op.args[0], coefficient, factors), product(op.args[0], coefficient, factors);
    else
      factors.push_back(i);
  }
  /// constant + sum of terms
  void sum(int i, double &constant, std::vector<int> &terms) const {
    const ScalarOp &op = ops[i];
    if (op.kind == ScalarOp::Constant)
      constant += op.value;
    else if (is(i, "add"))
      sum(op.args[0], constant, terms), sum(op.args[1], constant, terms);
    else
      terms.push_back(i);
  }
  /// i == 1 + term
  bool onePlus(int i, int &term) const {
    double constant = 0;
    std::vector<int> terms;
    sum(i, constant, terms);
    return constant == 1 && terms.size() == 1 && (term = terms[0], true);
  }
  bool scaled(int i, double factor, int &x) const {
    double coefficient = 1;
    std::vector<int> factors;
    product(i, coefficient, factors);
    return near(coefficient, factor) && factors.size() == 1 && (x = factors[0], true);
  }

  /// Replaces a composite whose root is i; returns the new root.
  int recognize(int i) {
    const ScalarOp op = ops[i];
    int term = 0, x = 0;
    if (op.name == "divide") {
      // a / (1 + exp(-x)): sigmoid for a == 1, silu for a == x
      if (onePlus(op.args[1], term) && is(term, "exp") && scaled(ops[term].args[0], -1, x)) {
        if (op.args[0] == x)
          return unary("silu", x);
        if (ops[op.args[0]].kind == ScalarOp::Constant && ops[op.args[0]].value == 1)
          return unary("sigmoid", x);
      }
      if (ops[op.args[0]].kind == ScalarOp::Constant && ops[op.args[0]].value == 1)
        return unary(is(op.args[1], "sqrt") ? "rsqrt" : "reciprocal", is(op.args[1], "sqrt") ? ops[op.args[1]].args[0] : op.args[1]);
    }
    if (op.name == "reciprocal" && onePlus(op.args[0], term) && is(term, "exp") && scaled(ops[term].args[0], -1, x))
      return unary("sigmoid", x);
    if (op.name == "max" && ops[op.args[1]].kind == ScalarOp::Constant && ops[op.args[1]].value == 0)
      return unary("relu", op.args[0]);
    if (op.name != "mul")
      return i;
    if (op.args[0] == op.args[1] && ops[op.args[0]].kind != ScalarOp::Constant)
      return unary("square", op.args[0]);
    double coefficient = 1;
    std::vector<int> factors;
    product(i, coefficient, factors);
    if (factors.size() != 2)
      return i;
    for (int side = 0; side < 2; ++side) {
      int a = factors[side], b = factors[1 - side];
      if (coefficient == 1 && is(a, "sigmoid") && ops[a].args[0] == b)
        return unary("silu", b);
      if (coefficient == 0.5 && onePlus(a, term) && is(term, "erf") && scaled(ops[term].args[0], std::sqrt(0.5), x) && x == b)
        return unary("gelu", b);
      if (coefficient == 0.5 && onePlus(a, term) && is(term, "tanh") && isGeluPolynomial(ops[term].args[0], b))
        return unary("gelu_tanh", b);
    }
    return i;
  }
  /// i == sqrt(2/pi) * (x + 0.044715 * x^3)
  bool isGeluPolynomial(int i, int x) const {
    double coefficient = 1, constant = 0;
    std::vector<int> factors, terms;
    product(i, coefficient, factors);
    if (!near(coefficient, 0.7978845608) || factors.size() != 1)
      return false;
    sum(factors[0], constant, terms);
    if (constant != 0 || terms.size() != 2)
      return false;
    int cubic = terms[0] == x ? terms[1] : terms[0];
    if (terms[0] != x && terms[1] != x)
      return false;
    coefficient = 1;
    factors.clear();
    product(cubic, coefficient, factors);
    return near(coefficient, 0.044715) && factors == std::vector<int>{x, x, x};
  }
};

class Reader {
public:
  explicit Reader(Block &body) : body(body) {}
  Tree tree;

  FailureOr<int> read(Value value) {
    if (auto known = indices.find(value); known != indices.end())
      return known->second;
    auto index = readFresh(value);
    if (succeeded(index))
      indices[value] = *index;
    return index;
  }

private:
  Block &body;
  llvm::DenseMap<Value, int> indices;

  FailureOr<int> readFresh(Value value) {
    if (auto argument = dyn_cast<BlockArgument>(value))
      return argument.getOwner() == &body ? FailureOr<int>(tree.input(argument.getArgNumber())) : FailureOr<int>(failure());
    Operation *op = value.getDefiningOp();
    Attribute attribute;
    if (matchPattern(value, m_Constant(&attribute)))
      return tree.constant(numberOf(attribute));
    if (auto index = dyn_cast<linalg::IndexOp>(op))
      return tree.loopIndex(index.getDim());
    SmallVector<int> args;
    for (Value operand : op->getOperands()) {
      auto arg = read(operand);
      if (failed(arg))
        return failure();
      args.push_back(*arg);
    }
    StringRef name = op->getName().getStringRef();
    // Conversions: every engine computes in fp32 and the result is narrowed once, where it is stored.
    if (isa<arith::ExtFOp, arith::TruncFOp, arith::SIToFPOp, arith::UIToFPOp, arith::ExtSIOp, arith::ExtUIOp, arith::IndexCastOp, arith::IndexCastUIOp>(op))
      return args[0];
    if (isa<arith::TruncIOp>(op))
      return value.getType().isInteger(1) ? FailureOr<int>(failure()) : FailureOr<int>(args[0]);
    if (auto compare = dyn_cast<arith::CmpFOp>(op))
      return comparison(llvm::StringSwitch<StringRef>(arith::stringifyCmpFPredicate(compare.getPredicate()))
                            .Cases("oeq", "ueq", "eq")
                            .Cases("one", "une", "ne")
                            .Cases("olt", "ult", "lt")
                            .Cases("ole", "ule", "le")
                            .Cases("ogt", "ugt", "gt")
                            .Cases("oge", "uge", "ge")
                            .Default(""),
                        args);
    if (auto compare = dyn_cast<arith::CmpIOp>(op))
      return comparison(llvm::StringSwitch<StringRef>(arith::stringifyCmpIPredicate(compare.getPredicate()))
                            .Case("eq", "eq")
                            .Case("ne", "ne")
                            .Cases("slt", "ult", "lt")
                            .Cases("sle", "ule", "le")
                            .Cases("sgt", "ugt", "gt")
                            .Cases("sge", "uge", "ge")
                            .Default(""),
                        args);
    if (isa<arith::SelectOp>(op))
      return tree.select(args[0], args[1], args[2]);
    if (isa<math::PowFOp>(op))
      return power(args);
    if (isa<math::FmaOp>(op))
      return tree.binary("add", tree.binary("mul", args[0], args[1]), args[2]);
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
    bool boolean = value.getType().isInteger(1);
    StringRef binary = llvm::StringSwitch<StringRef>(name)
                           .Cases("arith.addf", "arith.addi", "add")
                           .Cases("arith.subf", "arith.subi", "sub")
                           .Cases("arith.mulf", "arith.muli", "mul")
                           .Case("arith.divf", "divide")
                           .Cases("arith.maximumf", "arith.maxnumf", "arith.maxsi", "max")
                           .Cases("arith.minimumf", "arith.minnumf", "arith.minsi", "min")
                           .Case("arith.andi", boolean ? "logical_and" : "")
                           .Case("arith.ori", boolean ? "logical_or" : "")
                           .Case("arith.xori", boolean ? "logical_xor" : "")
                           .Default("");
    if (!binary.empty())
      return tree.binary(binary, args[0], args[1]);
    return failure();
  }
  FailureOr<int> comparison(StringRef name, ArrayRef<int> args) {
    return name.empty() ? FailureOr<int>(failure()) : FailureOr<int>(tree.binary(name, args[0], args[1]));
  }
  FailureOr<int> power(ArrayRef<int> args) {
    const ScalarOp exponent = tree.ops[args[1]];
    if (exponent.kind == ScalarOp::Constant) {
      if (exponent.value == 2)
        return tree.unary("square", args[0]);
      if (exponent.value == 3)
        return tree.binary("mul", tree.unary("square", args[0]), args[0]);
      if (exponent.value == 0.5)
        return tree.unary("sqrt", args[0]);
      if (exponent.value == -0.5)
        return tree.unary("rsqrt", args[0]);
      if (exponent.value == -1)
        return tree.unary("reciprocal", args[0]);
    }
    return tree.unary("exp", tree.binary("mul", args[1], tree.unary("log", args[0])));
  }
};

} // namespace

double foldBinary(llvm::StringRef name, double a, double b) {
  if (name == "add")
    return a + b;
  if (name == "sub")
    return a - b;
  if (name == "mul")
    return a * b;
  if (name == "divide")
    return a / b;
  if (name == "max")
    return std::max(a, b);
  if (name == "min")
    return std::min(a, b);
  if (name == "eq")
    return a == b;
  if (name == "ne")
    return a != b;
  if (name == "lt")
    return a < b;
  if (name == "le")
    return a <= b;
  if (name == "gt")
    return a > b;
  if (name == "ge")
    return a >= b;
  if (name == "logical_and")
    return a != 0 && b != 0;
  if (name == "logical_or")
    return a != 0 || b != 0;
  return (a != 0) != (b != 0);
}

Expression prune(const Expression &ops, int root) {
  Expression out;
  std::map<int, int> moved;
  std::function<int(int)> visit = [&](int i) {
    if (auto at = moved.find(i); at != moved.end())
      return at->second;
    ScalarOp op = ops[i];
    for (int &arg : op.args)
      arg = visit(arg);
    out.push_back(op);
    return moved[i] = static_cast<int>(out.size()) - 1;
  };
  visit(root);
  return out;
}

Expression substitute(const Expression &body, const std::vector<std::optional<double>> &inputs) {
  if (llvm::none_of(inputs, [](auto &value) { return value.has_value(); }))
    return body;
  Expression out = body;
  std::vector<int> stands; // the operation that stands for each
  auto constant = [&](int i) { return out[stands[i]].kind == ScalarOp::Constant; };
  auto value = [&](int i) { return out[stands[i]].value; };
  auto is = [&](int i, double number) { return constant(i) && value(i) == number; };
  auto setConstant = [&](ScalarOp &op, double number) {
    op = {};
    op.kind = ScalarOp::Constant;
    op.value = number;
  };
  for (size_t i = 0; i < out.size(); ++i) {
    stands.push_back(i);
    const ScalarOp op = out[i];
    if (op.kind == ScalarOp::Input && inputs[op.input])
      setConstant(out[i], *inputs[op.input]);
    else if (op.kind == ScalarOp::Unary && op.name == "neg" && constant(op.args[0]))
      setConstant(out[i], -value(op.args[0]));
    else if (op.kind == ScalarOp::Select && constant(op.args[0]))
      stands[i] = stands[op.args[value(op.args[0]) != 0 ? 1 : 2]];
    else if (op.kind == ScalarOp::Binary && constant(op.args[0]) && constant(op.args[1]))
      setConstant(out[i], foldBinary(op.name, value(op.args[0]), value(op.args[1])));
    else if (op.kind == ScalarOp::Binary &&
             (((op.name == "add" || op.name == "sub") && is(op.args[1], 0)) || ((op.name == "mul" || op.name == "divide") && is(op.args[1], 1))))
      stands[i] = stands[op.args[0]];
    else if (op.kind == ScalarOp::Binary && ((op.name == "add" && is(op.args[0], 0)) || (op.name == "mul" && is(op.args[0], 1))))
      stands[i] = stands[op.args[1]];
    else
      for (int &arg : out[i].args)
        arg = stands[arg];
  }
  return prune(out, stands.back());
}

FailureOr<Expression> readExpression(Value result, Block &body) {
  Reader reader(body);
  auto root = reader.read(result);
  if (failed(root))
    return failure();
  return prune(reader.tree.ops, *root);
}

} // namespace manaslu::tiling
