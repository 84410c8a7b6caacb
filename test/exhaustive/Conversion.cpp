// Every conversion on every input: all fp32 numbers to every type and overflow mode, all codes of every type to fp32 (docs/Numerics.md N10 to N17).
#include "lib/Numerics/Convert.h"
#include "lib/Numerics/Environment.h"
#include "lib/Numerics/kernels/Table.h"
#include "test/exhaustive/Sweep.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>

namespace manaslu::numerics::exhaustive {

namespace {

constexpr uint64_t kPiece = 4096;

uint32_t codeAt(const std::byte *codes, uint64_t i, int bytes) {
  uint32_t code = 0;
  std::memcpy(&code, codes + i * static_cast<uint64_t>(bytes), static_cast<size_t>(bytes));
  return code;
}

/// Reports the elements in which two arrays differ.
void compare(const std::byte *actual, const std::byte *expected, uint64_t n, int bytes, std::string_view variant, const uint32_t *inputs, Finding &finding) {
  if (std::memcmp(actual, expected, n * static_cast<uint64_t>(bytes)) == 0)
    return;
  for (uint64_t i = 0; i < n; ++i)
    if (codeAt(actual, i, bytes) != codeAt(expected, i, bytes))
      report(finding, variant, inputs[i], codeAt(actual, i, bytes), codeAt(expected, i, bytes));
}

/// Where the order of fp32 bits stops being the order of values: a sign, or a NaN, begins or ends.
bool sameSide(uint32_t a, uint32_t b) { return a >> 31 == b >> 31 && ((a & 0x7fffffff) > 0x7f800000) == ((b & 0x7fffffff) > 0x7f800000); }

// Rounding is monotone: where the oracle gives one code for two numbers of the same sign, it gives it for all numbers between them. So the scalar variant
// proves itself by the oracle's answers at both ends of every run of equal codes, and the others by equality with it.
void runNarrow(DType type, Overflow overflow, uint64_t first, uint64_t stride, uint64_t count, Finding &finding) {
  int bytes = sizeOf(type);
  std::array<uint32_t, kPiece> x;
  std::array<std::byte, kPiece * 4> expected, actual;
  const auto *values = reinterpret_cast<const float *>(x.data());
  auto kernelOf = [&](const KernelTable &table) { return table.narrow[static_cast<int>(type)][static_cast<int>(overflow)]; };
  FloatEnvironment environment(SubnormalMode::Keep);
  for (uint64_t done = 0; done < count; done += kPiece) {
    uint64_t n = std::min(kPiece, count - done);
    for (uint64_t i = 0; i < n; ++i)
      x[i] = static_cast<uint32_t>(first + (done + i) * stride);
    kernelOf(scalarKernels())(values, expected.data(), 1, static_cast<int64_t>(n));
    for (uint64_t i = 0; i < n; ++i) {
      uint32_t code = codeAt(expected.data(), i, bytes);
      auto continues = [&](uint64_t other) { return other < n && codeAt(expected.data(), other, bytes) == code && sameSide(x[other], x[i]); };
      if (continues(i - 1) && continues(i + 1)) // 0 - 1 is not below n
        continue;
      uint32_t defined = 0;
      fromF32(type, values[i], &defined, overflow);
      if (code != defined)
        report(finding, "scalar", x[i], code, defined);
    }
    for (Variant variant : availableVariants()) {
      kernelOf(kernelsOf(variant))(values, actual.data(), 1, static_cast<int64_t>(n));
      compare(actual.data(), expected.data(), n, bytes, nameOf(variant), x.data(), finding);
    }
    finding.checked += n;
  }
}

/// To fp32, and as operands of the matrix engine, where tf32 rounds (N13, N50) and NaNs are alike.
void runWiden(DType type, bool operand, uint64_t first, uint64_t stride, uint64_t count, Finding &finding) {
  int bytes = sizeOf(type);
  std::array<uint32_t, kPiece> inputs;
  std::array<std::byte, kPiece * 4> codes;
  std::array<float, kPiece> expected, actual;
  FloatEnvironment environment(SubnormalMode::Keep);
  for (uint64_t done = 0; done < count; done += kPiece) {
    uint64_t n = std::min(kPiece, count - done);
    for (uint64_t i = 0; i < n; ++i) {
      inputs[i] = static_cast<uint32_t>(first + (done + i) * stride);
      std::memcpy(codes.data() + i * static_cast<uint64_t>(bytes), &inputs[i], static_cast<size_t>(bytes));
      expected[i] = toF32(type, codes.data() + i * static_cast<uint64_t>(bytes));
      if (operand)
        expected[i] = type == DType::TF32 ? roundToTf32(expected[i]) : canonical(expected[i]);
    }
    for (Variant variant : availableVariants()) {
      const KernelTable &table = kernelsOf(variant);
      if (operand) {
        table.widenOperand[static_cast<int>(type)](codes.data(), 0, actual.data(), 0, 1, static_cast<int>(n));
        for (uint64_t i = 0; i < n; ++i)
          actual[i] = canonical(actual[i]);
      } else {
        table.widen[static_cast<int>(type)](codes.data(), 1, actual.data(), static_cast<int64_t>(n));
      }
      compare(reinterpret_cast<const std::byte *>(actual.data()), reinterpret_cast<const std::byte *>(expected.data()), n, 4, nameOf(variant), inputs.data(),
              finding);
    }
    finding.checked += n;
  }
}

/// fma(x, scale, bias) (N41).
void runAffine(uint64_t first, uint64_t stride, uint64_t count, Finding &finding) {
  constexpr float kScale = 0x1.6a09e6p+0f, kBias = -0x1.921fb6p-1f;
  std::array<uint32_t, kPiece> inputs;
  std::array<float, kPiece> x, expected, actual;
  FloatEnvironment environment(SubnormalMode::Keep);
  for (uint64_t done = 0; done < count; done += kPiece) {
    uint64_t n = std::min(kPiece, count - done);
    for (uint64_t i = 0; i < n; ++i) {
      inputs[i] = static_cast<uint32_t>(first + (done + i) * stride);
      x[i] = std::bit_cast<float>(inputs[i]);
      expected[i] = canonical(std::fma(x[i], kScale, kBias));
    }
    for (Variant variant : availableVariants()) {
      kernelsOf(variant).affine(x.data(), kScale, kBias, actual.data(), static_cast<int64_t>(n));
      compare(reinterpret_cast<const std::byte *>(actual.data()), reinterpret_cast<const std::byte *>(expected.data()), n, 4, nameOf(variant), inputs.data(),
              finding);
    }
    finding.checked += n;
  }
}

} // namespace

std::vector<Part> conversionParts() {
  std::vector<Part> parts;
  for (int code = 0; code < kDTypeCount; ++code) {
    auto type = static_cast<DType>(code);
    std::string name(nameOf(type));
    for (Overflow overflow : {Overflow::Saturate, Overflow::Propagate})
      parts.push_back({"narrow " + name + (overflow == Overflow::Saturate ? " saturate" : " propagate"), uint64_t{1} << 32, -1,
                       [=](uint64_t first, uint64_t stride, uint64_t count, Finding &finding) { runNarrow(type, overflow, first, stride, count, finding); }});
    for (bool operand : {false, true})
      parts.push_back({(operand ? "widen operand " : "widen ") + name, uint64_t{1} << (8 * sizeOf(type)), -1,
                       [=](uint64_t first, uint64_t stride, uint64_t count, Finding &finding) { runWiden(type, operand, first, stride, count, finding); }});
  }
  parts.push_back({"affine", uint64_t{1} << 32, -1, runAffine});
  return parts;
}

} // namespace manaslu::numerics::exhaustive
