// Every pair of operands of small types: all fp8 pairs through every two-input operation, all products of two 8-bit or two 16-bit floats in the matrix engine
// (docs/Numerics.md N20 to N25, N50 to N58).
#include "lib/Numerics/Convert.h"
#include "lib/Numerics/Environment.h"
#include "lib/Numerics/Matmul.h"
#include "lib/Numerics/kernels/Table.h"
#include "test/exhaustive/Sweep.h"

#include <algorithm>
#include <array>
#include <bit>
#include <type_traits>

namespace manaslu::numerics::exhaustive {

namespace {

constexpr uint64_t kPiece = 2048;
constexpr DType kFp8[] = {DType::F8E4M3, DType::F8E5M2, DType::F8E3M4};

float valueOf(DType type, uint64_t code) { return toF32(type, &code); }

/// All operations. Input number: code of a, then code of b, 256 of each.
void runBinary(DType left, DType right, uint64_t first, uint64_t stride, uint64_t count, Finding &finding) {
  std::array<float, kPiece> a, b, expected, actual;
  FloatEnvironment environment(SubnormalMode::Keep);
  for (uint64_t done = 0; done < count; done += kPiece) {
    uint64_t n = std::min(kPiece, count - done);
    for (uint64_t i = 0; i < n; ++i) {
      uint64_t input = first + (done + i) * stride;
      a[i] = valueOf(left, input >> 8);
      b[i] = valueOf(right, input & 0xff);
    }
    for (int operation = 0; operation < kAluOperationCount; ++operation) {
      for (uint64_t i = 0; i < n; ++i)
        expected[i] = evaluate(static_cast<AluOperation>(operation), a[i], b[i]);
      for (Variant variant : availableVariants()) {
        kernelsOf(variant).binary[operation].vectorVector(a.data(), b.data(), actual.data(), static_cast<int64_t>(n));
        for (uint64_t i = 0; i < n; ++i)
          if (std::bit_cast<uint32_t>(actual[i]) != std::bit_cast<uint32_t>(expected[i]))
            report(finding, nameOf(variant), first + (done + i) * stride, std::bit_cast<uint32_t>(actual[i]), std::bit_cast<uint32_t>(expected[i]));
      }
    }
    finding.checked += n;
  }
}

/// What the products are added to: zeros, numbers of ordinary size, numbers near the smallest normal one, the largest, an infinity.
float startOf(uint64_t i) {
  constexpr float starts[] = {0.0f, -0.0f, 1.0f, -0x1.8p-3f, 0x1p-126f, -0x1.000002p-126f, 0x1p-127f, 0x1.fffffep127f, -0x1.4p-120f, 3.0f, 0x1p24f};
  return starts[i % std::size(starts)];
}

/// One step a * b + c. Input number: code of a, then code of b. A piece is a row of 32 moving elements under one stationary element, as the kernels have it.
void runProducts(DType left, DType right, uint64_t first, uint64_t stride, uint64_t count, Finding &finding) {
  constexpr int kColumns = 32;
  int rightBits = 8 * sizeOf(right);
  std::array<float, kColumns> b, start, expected, expectedPair, actual;
  std::array<uint32_t, kColumns> bPairs;
  for (uint64_t done = 0; done < count; done += kColumns) {
    // Taken inputs choose rows: all 32 columns of a row are tried, and each row counts as 32 inputs.
    uint64_t row = (first + done * stride) / kColumns, codeA = (row * kColumns) >> rightBits, codeB = (row * kColumns) & ((uint64_t{1} << rightBits) - 1);
    float a = valueOf(left, codeA);
    for (uint64_t i = 0; i < kColumns; ++i) {
      b[i] = valueOf(right, codeB + i);
      bPairs[i] = static_cast<uint32_t>(codeB + i);
      start[i] = startOf(row + i);
      expected[i] = canonical(fusedMultiplyAddFlushing(a, b[i], start[i]));
      expectedPair[i] = canonical(fusedMultiplyAddFlushing(a, b[i], fusedMultiplyAddFlushing(0.0f, 0.0f, start[i]))); // N52: the appended +0 first
    }
    auto check = [&](std::string_view variant, const std::array<float, kColumns> &wanted) {
      for (uint64_t i = 0; i < kColumns; ++i)
        if (std::bit_cast<uint32_t>(actual[i]) != std::bit_cast<uint32_t>(wanted[i]))
          report(finding, variant, row * kColumns + i, std::bit_cast<uint32_t>(actual[i]), std::bit_cast<uint32_t>(wanted[i]));
    };
    auto multiply = [&](auto kernel, const auto *stationary, const auto *moving, int width) {
      actual = start;
      FloatEnvironment environment(SubnormalMode::Flush);
      for (int column = 0; column < kColumns; column += width) {
        BlockTerm<std::remove_cvref_t<decltype(*moving)>> term = {stationary, 1, moving + column, kColumns, 1, {}, {}};
        kernel(&term, 1, 1, width, actual.data() + column, kColumns, true);
      }
    };
    auto aPair = static_cast<uint32_t>(codeA);
    for (Variant variant : availableVariants()) {
      const MatmulTable &table = matmulKernelsOf(variant);
      multiply(table.steps, &a, b.data(), 2 * table.lanes);
      check(nameOf(variant), expected);
      if (table.pairs && left == DType::BF16 && right == DType::BF16) {
        multiply(table.pairs, &aPair, bPairs.data(), 2 * table.lanes);
        check("avx512bf16 pairs", expectedPair);
      }
    }
    finding.checked += kColumns;
  }
}

} // namespace

std::vector<Part> pairParts() {
  std::vector<Part> parts;
  for (DType left : kFp8)
    for (DType right : kFp8) {
      std::string names = std::string(nameOf(left)) + " " + std::string(nameOf(right));
      parts.push_back({"binary " + names, 65536, -1,
                       [=](uint64_t first, uint64_t stride, uint64_t count, Finding &finding) { runBinary(left, right, first, stride, count, finding); }});
      parts.push_back({"product " + names, 65536, -1,
                       [=](uint64_t first, uint64_t stride, uint64_t count, Finding &finding) { runProducts(left, right, first, stride, count, finding); }});
    }
  for (DType type : {DType::BF16, DType::F16})
    parts.push_back({"product " + std::string(nameOf(type)) + " " + std::string(nameOf(type)), uint64_t{1} << 32, -1,
                     [=](uint64_t first, uint64_t stride, uint64_t count, Finding &finding) { runProducts(type, type, first, stride, count, finding); }});
  return parts;
}

} // namespace manaslu::numerics::exhaustive
