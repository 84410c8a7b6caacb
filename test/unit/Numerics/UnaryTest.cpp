// The scalar engine's functions: docs/Numerics.md N2, N5, N40, N41 and the table of errors.
#include "Values.h"

#include "lib/Numerics/Unary.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstdlib>

using namespace manaslu::numerics;
using namespace manaslu::numerics::test;

namespace {

constexpr const char *kNames[kUnaryFunctionCount] = {"identity", "exp", "exp2", "log",  "log1p", "expm1",      "tanh", "sigmoid", "silu", "gelu", "gelu_tanh",
                                                     "erf",      "sin", "cos",  "sqrt", "rsqrt", "reciprocal", "relu", "square",  "abs",  "sign", "floor"};

/// The exact function, in double.
double reference(UnaryFunction function, double x) {
  switch (function) {
  case UnaryFunction::Identity: return x;
  case UnaryFunction::Exp: return std::exp(x);
  case UnaryFunction::Exp2: return std::exp2(x);
  case UnaryFunction::Log: return std::log(x);
  case UnaryFunction::Log1p: return std::log1p(x);
  case UnaryFunction::Expm1: return std::expm1(x);
  case UnaryFunction::Tanh: return std::tanh(x);
  case UnaryFunction::Sigmoid: return 1.0 / (1.0 + std::exp(-x));
  case UnaryFunction::Silu: return x == -INFINITY ? -0.0 : x / (1.0 + std::exp(-x));
  case UnaryFunction::Gelu: return x == -INFINITY ? -0.0 : 0.5 * x * std::erfc(-x / std::sqrt(2.0));
  case UnaryFunction::GeluTanh: {
    double inner = 2.0 * std::sqrt(2.0 / M_PI) * (x + 0.044715 * x * x * x);
    return x == -INFINITY ? -0.0 : x / (1.0 + std::exp(-inner));
  }
  case UnaryFunction::Erf: return std::erf(x);
  case UnaryFunction::Sin: return std::sin(x);
  case UnaryFunction::Cos: return std::cos(x);
  case UnaryFunction::Sqrt: return std::sqrt(x);
  case UnaryFunction::Rsqrt: return 1.0 / std::sqrt(x);
  case UnaryFunction::Reciprocal: return 1.0 / x;
  case UnaryFunction::Relu: return x > 0 || std::isnan(x) ? x : 0.0;
  case UnaryFunction::Square: return x * x;
  case UnaryFunction::Abs: return std::fabs(x);
  case UnaryFunction::Sign: return std::isnan(x) ? x : (x > 0) - (x < 0);
  case UnaryFunction::Floor: return std::floor(x);
  }
  return NAN;
}

/// |y - exact| in units of the last place of fp32 at `exact`; 0 when both are NaN or the same infinity.
double errorInUlps(float y, double exact) {
  if (std::isnan(y) || std::isnan(exact))
    return std::isnan(y) && std::isnan(exact) ? 0.0 : INFINITY;
  double limit = 0x1.ffffffp127; // at and above it fp32 rounds to infinity
  if (std::isinf(y))
    return std::fabs(exact) >= limit * (1 - 1e-9) && std::signbit(y) == std::signbit(exact) ? 0.0 : INFINITY;
  if (std::fabs(exact) >= limit)
    return std::fabs(exact) < limit * (1 + 1e-9) ? 0.5 : INFINITY;
  int exponent = exact == 0.0 ? -126 : std::max(std::ilogb(exact), -126);
  return std::fabs(static_cast<double>(y) - exact) / std::ldexp(1.0, exponent - 23);
}

/// Special values, then every kSweepStep-th fp32 number.
constexpr uint64_t kSweepStep = 1009;

const std::vector<float> &sweep() {
  static const std::vector<float> values = [] {
    std::vector<float> list = specialValues();
    for (uint64_t word = 0; word < (uint64_t{1} << 32); word += kSweepStep)
      list.push_back(fromBits(static_cast<uint32_t>(word)));
    return list;
  }();
  return values;
}

} // namespace

TEST_CASE("N40: every function is within its documented error of the exact value over the whole range", "[numerics]") {
  const std::vector<float> &x = sweep();
  std::vector<float> y(x.size());
  for (int index = 0; index < kUnaryFunctionCount; ++index) {
    auto function = static_cast<UnaryFunction>(index);
    evaluate(function, x.data(), y.data(), x.size());
    double worst = 0;
    float where = 0;
    for (size_t i = 0; i < x.size(); ++i)
      if (double error = errorInUlps(y[i], reference(function, x[i])); error > worst) {
        worst = error;
        where = x[i];
      }
    INFO(kNames[index] << ": " << worst << " ULP at " << where);
    CHECK(worst <= 0.501);
    if (std::getenv("MANASLU_PRINT_ERRORS"))
      std::printf("| %s | %.4f |\n", kNames[index], worst);
  }
}

TEST_CASE("N2 N5: all variants give the bits of the oracle, NaN is canonical, in place is allowed", "[numerics]") {
  std::vector<float> x;
  for (size_t i = 0; i < sweep().size(); i += i < 200 ? 1 : 97)
    x.push_back(sweep()[i]);
  for (int index = 0; index < kUnaryFunctionCount; ++index) {
    auto function = static_cast<UnaryFunction>(index);
    std::vector<float> expected(x.size());
    for (size_t i = 0; i < x.size(); ++i)
      expected[i] = evaluate(function, x[i]);
    forEachVariant([&](Variant variant) {
      INFO(kNames[index] << " " << nameOf(variant));
      std::vector<float> y = x;
      evaluate(function, y.data(), y.data(), y.size());
      CHECK(firstDifference(y, expected) == "");
      int64_t others = std::count_if(y.begin(), y.end(), [](float value) { return std::isnan(value) && bits(value) != 0x7fc00000u; });
      CHECK(others == 0);
    });
  }
}

TEST_CASE("N40: known bits of the functions at special values", "[numerics]") {
  auto at = [](UnaryFunction function, float x) { return bits(evaluate(function, x)); };
  CHECK(at(UnaryFunction::Exp, 0.0f) == bits(1.0f));
  CHECK(at(UnaryFunction::Exp, 1.0f) == 0x402df854u);
  CHECK(at(UnaryFunction::Exp, -INFINITY) == 0u);
  CHECK(at(UnaryFunction::Exp, 89.0f) == bits(INFINITY));
  CHECK(at(UnaryFunction::Exp, -103.0f) == 0x00000001u);
  CHECK(at(UnaryFunction::Exp2, 10.0f) == bits(1024.0f));
  CHECK(at(UnaryFunction::Exp2, -149.0f) == 1u);
  CHECK(at(UnaryFunction::Log, -0.0f) == bits(-INFINITY));
  CHECK(at(UnaryFunction::Log, 1.0f) == 0u);
  CHECK(at(UnaryFunction::Log, -1.0f) == 0x7fc00000u);
  CHECK(at(UnaryFunction::Log1p, -0.0f) == 0x80000000u);
  CHECK(at(UnaryFunction::Log1p, -1.0f) == bits(-INFINITY));
  CHECK(at(UnaryFunction::Expm1, -0.0f) == 0x80000000u);
  CHECK(at(UnaryFunction::Expm1, INFINITY) == bits(INFINITY));
  CHECK(at(UnaryFunction::Tanh, -0.0f) == 0x80000000u);
  CHECK(at(UnaryFunction::Tanh, INFINITY) == bits(1.0f));
  CHECK(at(UnaryFunction::Silu, -INFINITY) == 0x80000000u);
  CHECK(at(UnaryFunction::Gelu, -INFINITY) == 0x80000000u);
  CHECK(at(UnaryFunction::GeluTanh, -INFINITY) == 0x80000000u);
  CHECK(at(UnaryFunction::Gelu, INFINITY) == bits(INFINITY));
  CHECK(at(UnaryFunction::Sin, -0.0f) == 0x80000000u);
  CHECK(at(UnaryFunction::Sin, INFINITY) == 0x7fc00000u);
  CHECK(at(UnaryFunction::Rsqrt, 0.0f) == bits(INFINITY));
  CHECK(at(UnaryFunction::Rsqrt, -0.0f) == bits(-INFINITY));
  CHECK(at(UnaryFunction::Sqrt, -0.0f) == 0x80000000u);
  CHECK(at(UnaryFunction::Relu, -0.0f) == 0u);
  CHECK(at(UnaryFunction::Sign, -0.0f) == 0u);
  CHECK(at(UnaryFunction::Floor, -0.5f) == bits(-1.0f));
  CHECK(at(UnaryFunction::Floor, -0.0f) == 0x80000000u);
}

TEST_CASE("N41: affine is one fused step", "[numerics]") {
  std::vector<float> x = mixedValues(5003, 11), expected(x.size()), y(x.size());
  const std::vector<float> constants = {1.0f, -0.0f, 0x1.000002p0f, -3.25f, 1e-40f, INFINITY};
  for (float scale : constants)
    for (float bias : constants) {
      for (size_t i = 0; i < x.size(); ++i) {
        float value = std::fma(x[i], scale, bias);
        expected[i] = std::isnan(value) ? fromBits(0x7fc00000u) : value;
      }
      forEachVariant([&](Variant variant) {
        INFO(nameOf(variant));
        affine(x.data(), scale, bias, y.data(), x.size());
        CHECK(firstDifference(y, expected) == "");
      });
    }
}
