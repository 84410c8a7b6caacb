// Building and folding scalar expressions.
#include "lib/Conversion/LinalgToTile/ExpressionTree.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <optional>

using namespace mlir;

namespace manaslu::tiling {

namespace {

bool near(double a, double b) { return std::abs(a - b) <= 1e-6 * std::abs(b); }

} // namespace

int ExpressionTree::add(ScalarOp op) {
  for (size_t i = 0; i < ops.size(); ++i)
    if (ops[i].kind == op.kind && ops[i].input == op.input && ops[i].name == op.name && ops[i].args == op.args && ops[i].integer == op.integer &&
        (ops[i].value == op.value ? std::signbit(ops[i].value) == std::signbit(op.value) : std::isnan(ops[i].value) && std::isnan(op.value)))
      return i;
  ops.push_back(std::move(op));
  return ops.size() - 1;
}

int ExpressionTree::make(ScalarOp::Kind kind, StringRef name, std::vector<int> args, bool integer) {
  ScalarOp op;
  op.kind = kind;
  op.name = name.str();
  op.args = std::move(args);
  op.integer = integer;
  return add(std::move(op));
}

int ExpressionTree::input(int number) {
  ScalarOp op;
  op.input = number;
  return add(op);
}

int ExpressionTree::constant(double value) {
  ScalarOp op;
  op.kind = ScalarOp::Constant;
  op.value = value;
  return add(op);
}

int ExpressionTree::loopIndex(int dim) {
  ScalarOp op;
  op.kind = ScalarOp::LoopIndex;
  op.input = dim;
  return add(op);
}

int ExpressionTree::unary(StringRef name, int x) { return recognize(make(ScalarOp::Unary, name, {x})); }
int ExpressionTree::binary(StringRef name, int a, int b) { return recognize(make(ScalarOp::Binary, name, {a, b})); }
int ExpressionTree::select(int condition, int a, int b) { return make(ScalarOp::Select, "", {condition, a, b}); }
int ExpressionTree::integer(StringRef name, int a, int b) { return make(ScalarOp::Binary, name, {a, b}, true); }
int ExpressionTree::integerSelect(int condition, int a, int b) { return make(ScalarOp::Select, "", {condition, a, b}, true); }

bool ExpressionTree::is(int i, StringRef name) const {
  return (ops[i].kind == ScalarOp::Unary || ops[i].kind == ScalarOp::Binary) && !ops[i].integer && ops[i].name == name;
}

void ExpressionTree::product(int i, double &coefficient, std::vector<int> &factors) const {
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

void ExpressionTree::sum(int i, double &constant, std::vector<int> &terms) const {
  const ScalarOp &op = ops[i];
  if (op.kind == ScalarOp::Constant)
    constant += op.value;
  else if (is(i, "add"))
    sum(op.args[0], constant, terms), sum(op.args[1], constant, terms);
  else
    terms.push_back(i);
}

bool ExpressionTree::onePlus(int i, int &term) const {
  double constant = 0;
  std::vector<int> terms;
  sum(i, constant, terms);
  return constant == 1 && terms.size() == 1 && (term = terms[0], true);
}

bool ExpressionTree::scaled(int i, double factor, int &x) const {
  double coefficient = 1;
  std::vector<int> factors;
  product(i, coefficient, factors);
  return near(coefficient, factor) && factors.size() == 1 && (x = factors[0], true);
}

int ExpressionTree::recognize(int i) {
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
      return is(op.args[1], "sqrt") ? unary("rsqrt", ops[op.args[1]].args[0]) : unary("reciprocal", op.args[1]);
  }
  if (op.name == "reciprocal" && onePlus(op.args[0], term) && is(term, "exp") && scaled(ops[term].args[0], -1, x))
    return unary("sigmoid", x);
  if (op.name == "max" && ops[op.args[1]].kind == ScalarOp::Constant && ops[op.args[1]].value == 0)
    return unary("relu", op.args[0]);
  return op.name == "mul" ? recognizeProduct(i) : i;
}

int ExpressionTree::recognizeProduct(int i) {
  const ScalarOp op = ops[i];
  int term = 0, x = 0;
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

bool ExpressionTree::isGeluPolynomial(int i, int x) const {
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

namespace {

/// IEEE 754-2019 maximum and minimum, as the engines have them.
double extremum(double a, double b, bool largest) {
  if (std::isnan(a) || std::isnan(b))
    return NAN;
  if (a == b)
    return std::signbit(a) == largest ? b : a;
  return (a > b) == largest ? a : b;
}

std::optional<bool> compare(StringRef name, double a, double b) {
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
  return std::nullopt;
}

/// N26: int32 modulo 2^32.
double foldInteger(StringRef name, double x, double y) {
  // N16: an fp32 operand is rounded to the nearest int32.
  auto integer = [](double value) { return std::isnan(value) ? 0 : static_cast<int32_t>(std::clamp(std::nearbyint(value), -2147483648.0, 2147483647.0)); };
  int32_t a = integer(x), b = integer(y);
  auto ua = static_cast<uint32_t>(a), ub = static_cast<uint32_t>(b);
  auto wrapped = [](uint32_t value) { return static_cast<double>(static_cast<int32_t>(value)); };
  if (name == "add")
    return wrapped(ua + ub);
  if (name == "sub")
    return wrapped(ua - ub);
  if (name == "mul")
    return wrapped(ua * ub);
  if (name == "and")
    return wrapped(ua & ub);
  if (name == "or")
    return wrapped(ua | ub);
  if (name == "xor")
    return wrapped(ua ^ ub);
  if (name == "shl")
    return wrapped(ub < 32 ? ua << ub : 0);
  if (name == "shr")
    return wrapped(ub < 32 ? ua >> ub : 0);
  if (name == "sar")
    return a >> (ub < 32 ? ub : 31);
  if (name == "max")
    return std::max(a, b);
  return std::min(a, b);
}

} // namespace

double foldBinary(const ScalarOp &op, double a, double b) {
  StringRef name = op.name;
  if (auto holds = compare(name, a, b))
    return *holds;
  if (op.integer)
    return foldInteger(name, a, b);
  if (name == "add")
    return a + b;
  if (name == "sub")
    return a - b;
  if (name == "mul")
    return a * b;
  if (name == "divide")
    return a / b;
  if (name == "max" || name == "min")
    return extremum(a, b, name == "max");
  if (name == "abs_max")
    return extremum(std::abs(a), std::abs(b), true);
  if (name == "logical_and")
    return a != 0 && b != 0;
  if (name == "logical_or")
    return a != 0 || b != 0;
  return (a != 0) != (b != 0);
}

std::optional<double> foldUnary(const ScalarOp &op, double x) {
  if (op.name == "neg")
    return -x;
  if (op.name == "square")
    return x * x;
  if (op.name == "abs")
    return std::abs(x);
  if (op.name == "floor")
    return std::floor(x);
  return std::nullopt;
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
    bool isBinary = op.kind == ScalarOp::Binary;
    if (op.kind == ScalarOp::Input && inputs[op.input])
      setConstant(out[i], *inputs[op.input]);
    else if (op.kind == ScalarOp::Unary && constant(op.args[0]) && foldUnary(op, value(op.args[0])))
      setConstant(out[i], *foldUnary(op, value(op.args[0])));
    else if (op.kind == ScalarOp::Select && constant(op.args[0]))
      stands[i] = stands[op.args[value(op.args[0]) != 0 ? 1 : 2]];
    else if (isBinary && constant(op.args[0]) && constant(op.args[1]))
      setConstant(out[i], foldBinary(op, value(op.args[0]), value(op.args[1])));
    else if (isBinary && (((op.name == "add" || op.name == "sub") && is(op.args[1], 0)) || ((op.name == "mul" || op.name == "divide") && is(op.args[1], 1))))
      stands[i] = stands[op.args[0]];
    else if (isBinary && ((op.name == "add" && is(op.args[0], 0)) || (op.name == "mul" && is(op.args[0], 1))))
      stands[i] = stands[op.args[1]];
    else
      for (int &arg : out[i].args)
        arg = stands[arg];
  }
  return prune(out, stands.back());
}

} // namespace manaslu::tiling
