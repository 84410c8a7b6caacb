// The matrix engine: docs/Numerics.md N2, N50 to N58.
#include "Values.h"

#include "lib/Numerics/Convert.h"
#include "lib/Numerics/Matmul.h"

#include <catch2/catch.hpp>
#include <cmath>

using namespace manaslu;
using namespace manaslu::numerics;
using namespace manaslu::numerics::test;

namespace {

enum class Fill { Calm, Special, Tiny };

/// K rows of `columns` elements, `pitch` bytes apart.
struct Rows {
  DType type;
  int64_t pitch;
  std::vector<std::byte> bytes;

  Rows(DType type, int rows, int columns, Fill fill, uint32_t seed) : type(type), pitch(columns * sizeOf(type) + 12), bytes(pitch * std::max(rows, 1)) {
    std::mt19937 generator(seed);
    std::normal_distribution<float> deviate(0.0f, type == DType::I8 || type == DType::U8 ? 60.0f : 2.0f);
    std::vector<float> special = specialValues();
    for (int k = 0; k < rows; ++k)
      for (int c = 0; c < columns; ++c) {
        float value = deviate(generator);
        if (fill == Fill::Special && generator() % 16 == 0)
          value = special[generator() % special.size()];
        if (fill == Fill::Tiny) // products around the smallest normal number
          value = std::ldexp(value, -static_cast<int>(generator() % 4) - 62);
        std::byte *place = bytes.data() + k * pitch + c * sizeOf(type);
        fromF32(type, value, place);
        if (fill == Fill::Special && sizeOf(type) < 4 && generator() % 8 == 0) { // any code at all
          uint32_t code = generator();
          std::memcpy(place, &code, sizeOf(type));
        }
      }
  }
};

void compareWithOracle(DType left, DType right, int K, int M, int N, bool accumulate, Fill fill, uint32_t seed) {
  Rows stationary(left, K, M, fill, seed), moving(right, K, N, fill, seed + 1);
  int64_t pitch = (N + 5) * 4;
  std::vector<float> start(M * (N + 5));
  std::mt19937 generator(seed + 2);
  for (float &value : start)
    value = fill == Fill::Tiny ? fromBits(generator() % 0x02000000u | (generator() & 0x80000000u)) : static_cast<float>(generator() % 1000) / 128.0f;
  if (fill == Fill::Special)
    for (float value : specialValues())
      start[generator() % start.size()] = value;
  std::vector<float> expected = start;
  matmulOracle(left, stationary.bytes.data(), stationary.pitch, right, moving.bytes.data(), moving.pitch, expected.data(), pitch, K, M, N, accumulate);
  forEachVariant([&](Variant variant) {
    INFO(nameOf(variant) << " " << nameOf(left) << " x " << nameOf(right) << " K " << K << " M " << M << " N " << N << " accumulate " << accumulate);
    std::vector<float> actual = start;
    matmul(left, stationary.bytes.data(), stationary.pitch, right, moving.bytes.data(), moving.pitch, actual.data(), pitch, K, M, N, accumulate);
    CHECK(firstDifference(actual, expected) == ""); // the padding columns too: nothing beyond N is written
  });
}

float product(DType type, std::vector<float> a, std::vector<float> b, float start) {
  std::vector<std::byte> left(a.size() * sizeOf(type)), right(b.size() * sizeOf(type));
  narrow(a.data(), type, left.data(), 1, a.size());
  narrow(b.data(), type, right.data(), 1, b.size());
  float acc = start;
  matmul(type, left.data(), sizeOf(type), type, right.data(), sizeOf(type), &acc, 4, a.size(), 1, 1, true);
  return acc;
}

constexpr DType kOperands[] = {DType::F32, DType::TF32, DType::BF16, DType::F16, DType::F8E4M3, DType::F8E5M2, DType::F8E3M4, DType::I8, DType::U8};

} // namespace

TEST_CASE("N2 N50 to N58: every pair of types gives the oracle's bits in every variant", "[numerics]") {
  uint32_t seed = 100;
  for (DType left : kOperands)
    for (DType right : kOperands)
      if (isMatmulPair(left, right))
        for (Fill fill : {Fill::Calm, Fill::Special, Fill::Tiny})
          compareWithOracle(left, right, 9, 17, 37, fill != Fill::Calm, fill, seed += 3);
}

TEST_CASE("N2 N51 N52: every block edge gives the oracle's bits", "[numerics]") {
  uint32_t seed = 900;
  for (DType type : {DType::F32, DType::BF16, DType::F16})
    for (int K : {0, 1, 2, 7, 16})
      for (int M : {1, 13, 14, 15, 29})
        for (int N : {1, 16, 31, 32, 33, 64})
          compareWithOracle(type, type, K, M, N, (K + M + N) % 2 == 0, K == 7 ? Fill::Special : Fill::Calm, seed += 3);
}

TEST_CASE("N2: a full-size tile gives the oracle's bits", "[numerics]") {
  compareWithOracle(DType::F32, DType::F32, 128, 128, 72, true, Fill::Calm, 1);
  compareWithOracle(DType::BF16, DType::BF16, 128, 128, 72, true, Fill::Calm, 2);
  compareWithOracle(DType::BF16, DType::BF16, 127, 64, 512, false, Fill::Special, 3);
}

TEST_CASE("N2 N50 N51 N52: instructions on one result, of operands in runs, in parts, give the oracle's bits", "[numerics]") {
  std::mt19937 generator(4242);
  for (DType type : {DType::F32, DType::BF16, DType::F8E4M3, DType::TF32}) {
    constexpr int K = 19, M = 21, N = 75, storedColumns = 200;
    Rows left[2] = {{type, K, storedColumns, Fill::Special, 11}, {type, K, storedColumns, Fill::Calm, 12}};
    Rows right[2] = {{type, K, storedColumns, Fill::Calm, 13}, {type, K, storedColumns, Fill::Special, 14}};
    // Rows of an image: contiguous runs, every second element, and runs of every third.
    int64_t size = sizeOf(type);
    std::vector<ColumnRun> stationaryRuns = {{3 * size, size, 7}, {40 * size, 2 * size, 14}};
    std::vector<ColumnRun> movingRuns = {{0, size, 33}, {50 * size, 2 * size, 20}, {100 * size, 3 * size, 22}};
    auto pick = [&](const Rows &rows, const std::vector<ColumnRun> &runs) {
      std::vector<std::byte> out;
      for (int k = 0; k < K; ++k)
        for (const ColumnRun &run : runs)
          for (int i = 0; i < run.count; ++i)
            out.insert(out.end(), &rows.bytes[k * rows.pitch + run.offsetBytes + i * run.strideBytes],
                       &rows.bytes[k * rows.pitch + run.offsetBytes + i * run.strideBytes] + size);
      return out;
    };
    std::vector<float> expected(M * N, 1.5f), start = expected;
    std::vector<Contraction> terms;
    for (int i = 0; i < 2; ++i) {
      terms.push_back({{type, left[i].bytes.data(), left[i].pitch, stationaryRuns}, {type, right[i].bytes.data(), right[i].pitch, movingRuns}, K});
      matmulOracle(type, pick(left[i], stationaryRuns).data(), M * size, type, pick(right[i], movingRuns).data(), N * size, expected.data(), N * 4, K, M, N,
                   true);
    }
    forEachVariant([&](Variant variant) {
      INFO(nameOf(variant) << " " << nameOf(type));
      std::vector<float> actual = start;
      matmul(terms, M, N, actual.data(), N * 4, true, [&](int64_t count, RangeFunction run) { // parts in any order
        auto middle = static_cast<int64_t>(generator() % static_cast<uint64_t>(count + 1));
        run(middle, count);
        run(0, middle);
      });
      CHECK(firstDifference(actual, expected) == "");
    });
  }
}

TEST_CASE("N54 N55: sums around the smallest normal number flush as the oracle says", "[numerics]") {
  uint32_t seed = 5000;
  for (int repeat = 0; repeat < 12; ++repeat)
    for (DType type : {DType::F32, DType::TF32, DType::BF16})
      compareWithOracle(type, type, 3, 30, 64, true, Fill::Tiny, seed += 3);
}

TEST_CASE("N55: the flush is decided after rounding to 24 bits with unbounded exponent", "[numerics]") {
  // 2^-126 - 2^-150: 24 bits hold it exactly, so it is tiny; an fmaf on the subnormal grid rounds it up to 2^-126.
  float a = 0x1.fffffep-64f, b = 0x1p-63f;
  REQUIRE(std::fma(a, b, 0.0f) == 0x1p-126f);
  CHECK(bits(fusedMultiplyAddFlushing(a, b, 0.0f)) == 0u);
  CHECK(bits(fusedMultiplyAddFlushing(-a, b, -0.0f)) == 0x80000000u);
  // (1 + 2^-12)^2 (1 - 2^-11) 2^-126 and the like: above the tie it rounds to 2^-126 and stays.
  float up = 0x1.fffp-64f, upper = 0x1.001p-63f; // product (2 - 2^-12)(1 + 2^-12) 2^-127 = 2^-126 (1 + 2^-13 - 2^-25)
  CHECK(fusedMultiplyAddFlushing(up, upper, 0.0f) > 0x1p-126f);
  // 2^-126 - 2^-152 lies above the midpoint 2^-126 - 2^-151: it rounds to 2^-126 with 24 bits and is kept.
  CHECK(fusedMultiplyAddFlushing(-0x1p-76f, 0x1p-76f, 0x1p-126f) == 0x1p-126f);
  forEachVariant([&](Variant variant) {
    INFO(nameOf(variant));
    CHECK(bits(product(DType::F32, {a}, {b}, 0.0f)) == 0u);
    CHECK(bits(product(DType::F32, {-a}, {b}, -0.0f)) == 0x80000000u);
    CHECK(product(DType::F32, {-0x1p-76f}, {0x1p-76f}, 0x1p-126f) == 0x1p-126f);
  });
}

TEST_CASE("N55: the portable step equals the hardware's on random sums near the threshold", "[numerics]") {
  std::mt19937 generator(77);
  int n = 60000, wrong = 0, edges = 0;
  forEachVariant([&](Variant variant) {
    for (int i = 0; i < n; ++i) {
      float a = fromBits(0x3f800000u | (generator() >> 9)) * 0x1p-63f, b = fromBits(0x3f800000u | (generator() >> 9)) * 0x1p-63f;
      // c chosen so that the exact sum falls within a few units of 2^-150 of +-2^-126
      double target = (0x1p-126 - std::ldexp(static_cast<double>(generator() % 17) - 8, -152)) * (generator() % 2 != 0 ? 1 : -1);
      float c = static_cast<float>(target - static_cast<double>(a) * b);
      float expected = fusedMultiplyAddFlushing(a, b, c), naive = std::fma(a, b, c);
      wrong += bits(product(DType::F32, {a}, {b}, c)) != bits(expected);
      edges += std::fabs(c) >= 0x1p-126f && std::fabs(naive) == 0x1p-126f && expected == 0.0f;
    }
  });
  CHECK(wrong == 0);
  CHECK(edges > 100); // cases where flushing after an fmaf would be wrong do occur
}

TEST_CASE("N51 N52 N54 N56 N57: known answers", "[numerics]") {
  forEachVariant([&](Variant variant) {
    INFO(nameOf(variant));
    // Pairs: k = 1 first. 2^24 + 1 is lost, then -2^24: 0. Ascending order would give (2^24 - 2^24) + 1 = 1.
    CHECK(product(DType::BF16, {-0x1p24f, 1.0f}, {1.0f, 1.0f}, 0x1p24f) == 0.0f);
    CHECK(product(DType::F16, {-0x1p15f, 1.0f}, {0x1p9f, 1.0f}, 0x1p24f) == 0.0f);
    CHECK(product(DType::F32, {-0x1p24f, 1.0f}, {1.0f, 1.0f}, 0x1p24f) == 1.0f);
    // An odd K appends +0 * +0: a start of -0 turns into +0 before the last product, -0 * 1, which leaves it.
    CHECK(bits(product(DType::BF16, {-0.0f}, {1.0f}, -0.0f)) == 0u);
    CHECK(bits(product(DType::F32, {-0.0f}, {1.0f}, -0.0f)) == 0x80000000u);
    // Subnormal inputs: zero for bf16 and fp32 and for the sum, a value for fp16.
    CHECK(product(DType::BF16, {0x1p-127f}, {0x1p100f}, 0.0f) == 0.0f);
    CHECK(product(DType::F32, {0x1p-127f}, {0x1p100f}, 0.0f) == 0.0f);
    CHECK(product(DType::F16, {0x1p-24f}, {1.0f}, 0.0f) == 0x1p-24f);
    CHECK(bits(product(DType::F32, {0.0f}, {0.0f}, 0x1p-127f)) == 0u);
    CHECK(bits(product(DType::F32, {INFINITY}, {0.0f}, 1.0f)) == 0x7fc00000u);
    CHECK(product(DType::TF32, {fromBits(0x3f801001u)}, {1.0f}, 0.0f) == fromBits(0x3f802000u));
  });
}

TEST_CASE("N58: int8 sums are exact up to the stated K", "[numerics]") {
  forEachVariant([&](Variant variant) {
    INFO(nameOf(variant));
    CHECK(product(DType::I8, std::vector<float>(1024, -128.0f), std::vector<float>(1024, -128.0f), 0.0f) == 16777216.0f);
    CHECK(product(DType::U8, std::vector<float>(258, 255.0f), std::vector<float>(258, 255.0f), 0.0f) == 258.0f * 65025.0f);
  });
}

TEST_CASE("N50: which pairs of types the engine multiplies", "[numerics]") {
  CHECK(isMatmulPair(DType::F32, DType::F32));
  CHECK_FALSE(isMatmulPair(DType::F32, DType::BF16));
  CHECK(isMatmulPair(DType::TF32, DType::F8E4M3));
  CHECK(isMatmulPair(DType::I8, DType::U8));
  CHECK_FALSE(isMatmulPair(DType::I8, DType::BF16));
  CHECK_FALSE(isMatmulPair(DType::I16, DType::I16));
  CHECK_FALSE(isMatmulPair(DType::Bool, DType::Bool));
}
