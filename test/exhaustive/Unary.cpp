// Every function of the scalar engine on every fp32 number: the variants against the definition (docs/Numerics.md N2, N5, N40), and its distance from the
// exact value against the documented one.
#include "lib/Numerics/Convert.h"
#include "lib/Numerics/Environment.h"
#include "lib/Numerics/kernels/Table.h"
#include "test/exhaustive/Reference.h"
#include "test/exhaustive/Sweep.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>

namespace manaslu::numerics::exhaustive {

namespace {

/// Name and documented error, as in the table of docs/Numerics.md; a test compares the two.
struct Documented {
  const char *name;
  double ulps;
};
constexpr Documented kDocumented[kUnaryFunctionCount] = {
    {"identity", 0},     {"exp", 0.5001},  {"exp2", 0.5001},      {"log", 0.5001}, {"log1p", 0.5001}, {"expm1", 0.5001}, {"tanh", 0.5001}, {"sigmoid", 0.5001},
    {"silu", 0.5001},    {"gelu", 0.5001}, {"gelu_tanh", 0.5001}, {"erf", 0.5001}, {"sin", 0.5001},   {"cos", 0.5001},   {"sqrt", 0.5},    {"rsqrt", 0.5001},
    {"reciprocal", 0.5}, {"relu", 0},      {"square", 0.5},       {"abs", 0},      {"sign", 0},       {"floor", 0}};

constexpr uint64_t kPiece = 2048;

/// |y - exact| in units of the last place of fp32 at `exact`; 0 when both are NaN or the same infinity.
double errorInUlps(float y, double exact) {
  if (std::isnan(y) || std::isnan(exact))
    return std::isnan(y) && std::isnan(exact) ? 0.0 : INFINITY;
  constexpr double limit = 0x1.ffffffp127; // at and above it fp32 rounds to infinity; the reference may be a little off
  if (std::isinf(y))
    return std::fabs(exact) >= limit * (1 - 1e-9) && std::signbit(y) == std::signbit(exact) ? 0.0 : INFINITY;
  if (std::fabs(exact) >= limit)
    return std::fabs(exact) < limit * (1 + 1e-9) ? 0.5 : INFINITY;
  uint64_t field = std::max<uint64_t>(std::bit_cast<uint64_t>(exact) >> 52 & 0x7ff, 1023 - 126);
  return std::fabs(static_cast<double>(y) - exact) * std::bit_cast<double>((2 * 1023 + 23 - field) << 52);
}

void runUnary(int function, uint64_t first, uint64_t stride, uint64_t count, Finding &finding) {
  std::array<float, kPiece> x, expected, actual;
  std::array<double, kPiece> exact;
  FloatEnvironment environment(SubnormalMode::Keep);
  for (uint64_t done = 0; done < count; done += kPiece) {
    uint64_t n = std::min(kPiece, count - done);
    for (uint64_t i = 0; i < n; ++i)
      x[i] = std::bit_cast<float>(static_cast<uint32_t>(first + (done + i) * stride));
    scalarKernels().unary[function](x.data(), expected.data(), static_cast<int64_t>(n));
    for (Variant variant : availableVariants()) {
      if (variant == Variant::Scalar || &kernelsOf(variant) == &scalarKernels())
        continue;
      kernelsOf(variant).unary[function](x.data(), actual.data(), static_cast<int64_t>(n));
      for (uint64_t i = 0; i < n && std::memcmp(actual.data(), expected.data(), n * 4) != 0; ++i)
        if (std::bit_cast<uint32_t>(actual[i]) != std::bit_cast<uint32_t>(expected[i]))
          report(finding, nameOf(variant), std::bit_cast<uint32_t>(x[i]), std::bit_cast<uint32_t>(actual[i]), std::bit_cast<uint32_t>(expected[i]));
    }
    referenceRow(static_cast<UnaryFunction>(function), x.data(), exact.data(), static_cast<int64_t>(n));
    for (uint64_t i = 0; i < n; ++i) {
      if (std::isnan(expected[i]) && std::bit_cast<uint32_t>(expected[i]) != 0x7fc00000u) // N5
        report(finding, "canonical NaN", std::bit_cast<uint32_t>(x[i]), std::bit_cast<uint32_t>(expected[i]), 0x7fc00000u);
      if (double error = errorInUlps(expected[i], exact[i]); error > finding.worstUlps) {
        finding.worstUlps = error;
        finding.worstInput = x[i];
      }
    }
    finding.checked += n;
  }
}

} // namespace

std::vector<Part> unaryParts() {
  std::vector<Part> parts;
  for (int function = 0; function < kUnaryFunctionCount; ++function)
    parts.push_back({std::string("unary ") + kDocumented[function].name, uint64_t{1} << 32, kDocumented[function].ulps,
                     [function](uint64_t first, uint64_t stride, uint64_t count, Finding &finding) { runUnary(function, first, stride, count, finding); }});
  return parts;
}

} // namespace manaslu::numerics::exhaustive
