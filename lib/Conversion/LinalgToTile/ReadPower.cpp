// Powers of fp32 numbers over the functions that the scalar engine has. Special values are those of C's pow (C23 F.10.4.4).
#include "lib/Conversion/LinalgToTile/ExpressionReader.h"

#include <cmath>
#include <limits>

using namespace mlir;

namespace manaslu::tiling {

/// Exponents up to this size are products: as accurate as exp(n log x), and exact where the products are.
static constexpr double kLargestProduct = 16;

int ExpressionReader::repeatedProduct(int x, int64_t n) {
  if (n == 1)
    return x;
  int half = repeatedProduct(x, n / 2), square = tree.binary("mul", half, half);
  return n % 2 ? tree.binary("mul", square, x) : square;
}

int ExpressionReader::isNegative(int x) {
  // 1/x + x is below zero for -0 and -inf too.
  return tree.binary("lt", tree.binary("add", tree.unary("reciprocal", x), x), tree.constant(0));
}

int ExpressionReader::powerByConstant(int x, double exponent) {
  if (exponent == 0)
    return tree.constant(1);
  if (exponent == 0.5 || exponent == -0.5)
    return tree.unary(exponent > 0 ? "sqrt" : "rsqrt", x);
  bool whole = exponent == std::floor(exponent);
  if (whole && std::abs(exponent) <= kLargestProduct)
    return repeatedProduct(exponent > 0 ? x : tree.unary("reciprocal", x), static_cast<int64_t>(std::abs(exponent)));
  int magnitude = tree.unary("exp", tree.binary("mul", tree.unary("log", tree.unary("abs", x)), tree.constant(exponent)));
  if (!whole) {
    int below = tree.binary("lt", x, tree.constant(0)), finite = tree.binary("gt", x, tree.constant(-std::numeric_limits<double>::infinity()));
    return tree.select(tree.binary("logical_and", below, finite), tree.constant(NAN), magnitude);
  }
  if (std::fmod(exponent, 2) == 0)
    return magnitude;
  return tree.select(isNegative(x), tree.unary("neg", magnitude), magnitude);
}

int ExpressionReader::power(int x, int y) {
  if (tree.isConstant(y) && std::isfinite(tree.ops[y].value))
    return powerByConstant(x, tree.ops[y].value);
  if (tree.isConstant(x) && tree.ops[x].value > 0 && std::isfinite(tree.ops[x].value)) {
    double base = tree.ops[x].value;
    return base == 1 ? tree.constant(1) : base == 2 ? tree.unary("exp2", y) : tree.unary("exp", tree.binary("mul", y, tree.constant(std::log(base))));
  }
  auto number = [&](double value) { return tree.constant(value); };
  auto both = [&](int a, int b) { return tree.binary("logical_and", a, b); };
  double infinity = std::numeric_limits<double>::infinity();
  int size = tree.unary("abs", x), magnitude = tree.unary("exp", tree.binary("mul", y, tree.unary("log", size)));
  int fractional = tree.binary("ne", tree.unary("floor", y), y), half = tree.binary("mul", y, number(0.5));
  int halves = tree.binary("ne", tree.unary("floor", half), half), odd = tree.binary("gt", halves, fractional);
  int result = tree.select(both(isNegative(x), odd), tree.unary("neg", magnitude), magnitude);
  int belowZero = both(tree.binary("lt", x, number(0)), tree.binary("gt", x, number(-infinity)));
  result = tree.select(both(belowZero, fractional), number(NAN), result);
  // 1 whatever the other operand: x^0, 1^y; and (-1)^(+-inf), where 0 * inf has no value.
  int endless = both(tree.binary("eq", size, number(1)), tree.binary("eq", tree.unary("abs", y), number(infinity)));
  int one = tree.binary("logical_or", tree.binary("logical_or", tree.binary("eq", y, number(0)), tree.binary("eq", x, number(1))), endless);
  return tree.select(one, number(1), result);
}

} // namespace manaslu::tiling
