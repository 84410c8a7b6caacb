// The scalar engine's functions: docs/Numerics.md N2, N5, N40, N41. Errors are measured in test/exhaustive.
#include "Values.h"

#include "lib/Numerics/Unary.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>

using namespace manaslu::numerics;
using namespace manaslu::numerics::test;

namespace {

constexpr const char *kNames[kUnaryFunctionCount] = {"identity", "exp", "exp2", "log",  "log1p", "expm1",      "tanh", "sigmoid", "silu", "gelu", "gelu_tanh",
                                                     "erf",      "sin", "cos",  "sqrt", "rsqrt", "reciprocal", "relu", "square",  "abs",  "sign", "floor"};

/// Special values, then every 97879th fp32 number.
std::vector<float> sweep() {
  std::vector<float> list = specialValues();
  for (uint64_t word = 0; word < (uint64_t{1} << 32); word += 97879)
    list.push_back(fromBits(static_cast<uint32_t>(word)));
  return list;
}

} // namespace

TEST_CASE("N2 N5: all variants give the bits of the oracle, NaN is canonical, in place is allowed", "[numerics]") {
  std::vector<float> x = sweep();
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
