// Two-input operations, reductions, statistics and scans: docs/Numerics.md N2, N5, N20 to N35.
#include "Values.h"

#include "lib/Numerics/Binary.h"
#include "lib/Numerics/Reduce.h"

#include <catch2/catch.hpp>
#include <cmath>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

using namespace manaslu::numerics;
using namespace manaslu::numerics::test;

namespace {

AluOperation operationAt(int index) { return static_cast<AluOperation>(index); }

} // namespace

TEST_CASE("N2 N20 to N25: every fp32 operation in every shape gives the oracle's bits", "[numerics]") {
  std::vector<float> special = specialValues(), a, b;
  for (float x : special)
    for (float y : special) {
      a.push_back(x);
      b.push_back(y);
    }
  std::vector<float> moreA = mixedValues(4001, 21), moreB = mixedValues(4001, 22);
  a.insert(a.end(), moreA.begin(), moreA.end());
  b.insert(b.end(), moreB.rbegin(), moreB.rend());
  std::vector<float> expected(a.size()), actual(a.size());
  for (int index = 0; index < kAluOperationCount; ++index) {
    for (size_t i = 0; i < a.size(); ++i)
      expected[i] = evaluate(operationAt(index), a[i], b[i]);
    forEachVariant([&](Variant variant) {
      INFO(nameOf(variant) << " operation " << index);
      evaluate(operationAt(index), a.data(), b.data(), actual.data(), a.size());
      CHECK(firstDifference(actual, expected) == "");
      actual = a;
      evaluate(operationAt(index), actual.data(), b.data(), actual.data(), a.size());
      CHECK(firstDifference(actual, expected) == "");
    });
    for (float scalar : {0.0f, -0.0f, 1.5f, 1e-40f, -INFINITY, NAN}) {
      std::vector<float> left(a.size()), right(a.size());
      for (size_t i = 0; i < a.size(); ++i) {
        left[i] = evaluate(operationAt(index), a[i], scalar);
        right[i] = evaluate(operationAt(index), scalar, a[i]);
      }
      forEachVariant([&](Variant variant) {
        INFO(nameOf(variant) << " operation " << index << " scalar " << scalar);
        evaluate(operationAt(index), a.data(), scalar, actual.data(), a.size());
        CHECK(firstDifference(actual, left) == "");
        evaluate(operationAt(index), scalar, a.data(), actual.data(), a.size());
        CHECK(firstDifference(actual, right) == "");
      });
    }
  }
}

TEST_CASE("N5 N20 N22 N23 N24 N25: known answers", "[numerics]") {
  auto at = [](AluOperation operation, float a, float b) { return bits(evaluate(operation, a, b)); };
  CHECK(at(AluOperation::Max, -0.0f, 0.0f) == 0u);
  CHECK(at(AluOperation::Max, 0.0f, -0.0f) == 0u);
  CHECK(at(AluOperation::Min, 0.0f, -0.0f) == 0x80000000u);
  CHECK(at(AluOperation::Max, 1.0f, fromBits(0xffc00001u)) == 0x7fc00000u);
  CHECK(at(AluOperation::Min, NAN, 1.0f) == 0x7fc00000u);
  CHECK(at(AluOperation::AbsMax, -3.0f, 2.0f) == bits(3.0f));
  CHECK(at(AluOperation::Sub, INFINITY, INFINITY) == 0x7fc00000u);
  CHECK(at(AluOperation::Divide, 0.0f, 0.0f) == 0x7fc00000u);
  CHECK(at(AluOperation::Divide, 1.0f, -0.0f) == bits(-INFINITY));
  CHECK(at(AluOperation::Add, fromBits(1), fromBits(1)) == 2u); // subnormals are kept
  CHECK(at(AluOperation::Mul, 0x1p-100f, 0x1p-40f) == bits(0x1p-140f));
  CHECK(at(AluOperation::Eq, NAN, NAN) == 0u);
  CHECK(at(AluOperation::Ne, NAN, NAN) == bits(1.0f));
  CHECK(at(AluOperation::LogicalAnd, NAN, 1.0f) == bits(1.0f));
  CHECK(at(AluOperation::LogicalXor, -0.0f, 2.0f) == bits(1.0f));
  CHECK(at(AluOperation::Bypass, fromBits(0xff800001u), 1.0f) == 0x7fc00000u);
}

TEST_CASE("N26: int32 operations are modulo 2^32 in every variant", "[numerics]") {
  std::vector<int32_t> special = {0, 1, -1, 2, 31, 32, 33, 46341, 65536, INT32_MAX, INT32_MIN, INT32_MIN + 1, -32, 123456789}, a, b;
  for (int32_t x : special)
    for (int32_t y : special) {
      a.push_back(x);
      b.push_back(y);
    }
  std::mt19937 generator(5);
  for (int i = 0; i < 3000; ++i) {
    a.push_back(static_cast<int32_t>(generator()));
    b.push_back(static_cast<int32_t>(i % 2 != 0 ? generator() : generator() % 40));
  }
  std::vector<int32_t> expected(a.size()), actual(a.size());
  for (int index = 0; index < kIntegerOperationCount; ++index) {
    auto operation = static_cast<IntegerOperation>(index);
    for (size_t i = 0; i < a.size(); ++i)
      expected[i] = evaluate(operation, a[i], b[i]);
    forEachVariant([&](Variant variant) {
      INFO(nameOf(variant) << " operation " << index);
      evaluate(operation, a.data(), b.data(), actual.data(), a.size());
      CHECK(actual == expected);
      for (int32_t scalar : special) {
        evaluate(operation, a.data(), scalar, actual.data(), a.size());
        int wrong = 0;
        for (size_t i = 0; i < a.size(); ++i)
          wrong += actual[i] != evaluate(operation, a[i], scalar);
        CHECK(wrong == 0);
      }
    });
  }
  CHECK(evaluate(IntegerOperation::Mul, 65536, 65536) == 0);
  CHECK(evaluate(IntegerOperation::Add, INT32_MAX, 1) == INT32_MIN);
  CHECK(evaluate(IntegerOperation::Shl, 1, 32) == 0);
  CHECK(evaluate(IntegerOperation::Shr, -1, 31) == 1);
  CHECK(evaluate(IntegerOperation::Sar, -5, 40) == -1);
}

TEST_CASE("N30 N31 N32: reductions of every length give the oracle's bits", "[numerics]") {
  std::mt19937 generator(9);
  std::normal_distribution<float> deviate(0.0f, 1.0f);
  std::vector<float> plain(1500);
  for (float &value : plain)
    value = deviate(generator);
  std::vector<float> wild = mixedValues(1500, 31);
  for (int index = 0; index < kAluOperationCount; ++index) {
    AluOperation operation = operationAt(index);
    for (int64_t n : {0, 1, 2, 5, 31, 32, 33, 63, 64, 65, 100, 127, 257, 1000, 1400})
      for (const float *row : {plain.data(), plain.data() + 3, wild.data(), wild.data() + 94}) {
        float expected = reduceOracle(operation, row, n);
        forEachVariant([&](Variant variant) {
          INFO(nameOf(variant) << " operation " << index << " n " << n);
          CHECK(bits(reduce(operation, row, n)) == bits(expected));
        });
      }
  }
}

TEST_CASE("N30 N31: known order and identities", "[numerics]") {
  CHECK(bits(reduce(AluOperation::Add, nullptr, 0)) == 0x80000000u);
  CHECK(bits(reduce(AluOperation::Sub, nullptr, 0)) == 0x7fc00000u);
  float negativeZeros[40];
  std::fill(std::begin(negativeZeros), std::end(negativeZeros), -0.0f);
  CHECK(bits(reduce(AluOperation::Add, negativeZeros, 40)) == 0x80000000u);
  // Elements 0 and 32 meet in partial 0 before element 16 joins: (2^24 + -2^24) + 1 = 1. In any order that adds the 1 first it is lost.
  std::vector<float> x(33, 0.0f);
  x[0] = 0x1p24f;
  x[16] = 1.0f;
  x[32] = -0x1p24f;
  CHECK(reduce(AluOperation::Add, x.data(), 33) == 1.0f);
  // Elements 0 and 1 meet last: the 1 of element 2 joins element 0 first and is lost in 2^24.
  std::vector<float> y = {0x1p24f, -0x1p24f, 1.0f, 0.0f};
  CHECK(reduce(AluOperation::Add, y.data(), 4) == 0.0f);
}

TEST_CASE("N33 N34: batch statistics are two-pass, merged by Chan's formula", "[numerics]") {
  std::vector<float> x = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
  BatchStatistics all = batchStatistics(x.data(), 10);
  CHECK(all.count == 10.0f);
  CHECK(all.mean == 5.5f);
  CHECK(all.m2 == 82.5f);
  BatchStatistics merged = merge(batchStatistics(x.data(), 5), batchStatistics(x.data() + 5, 5));
  CHECK(merged.count == 10.0f);
  CHECK(merged.mean == 5.5f);
  CHECK(merged.m2 == 82.5f);
  BatchStatistics empty = batchStatistics(x.data(), 0);
  CHECK(bits(merge(empty, all).mean) == bits(all.mean));
  CHECK(bits(merge(all, empty).m2) == bits(all.m2));
  std::vector<float> wild = mixedValues(777, 41), calm(wild.begin() + 200, wild.end());
  for (float &value : calm)
    value = std::isfinite(value) ? std::fmod(value, 16.0f) : 1.0f;
  for (const std::vector<float> &row : {calm, wild}) {
    float mean = evaluate(AluOperation::Divide, reduceOracle(AluOperation::Add, row.data(), row.size()), static_cast<float>(row.size()));
    std::vector<float> squares;
    for (float value : row)
      squares.push_back((value - mean) * (value - mean));
    float m2 = reduceOracle(AluOperation::Add, squares.data(), squares.size());
    forEachVariant([&](Variant variant) {
      INFO(nameOf(variant));
      BatchStatistics statistics = batchStatistics(row.data(), row.size());
      CHECK(bits(statistics.mean) == bits(mean));
      CHECK(bits(statistics.m2) == bits(m2));
    });
  }
}

TEST_CASE("N35: scan is left to right with a rounding per operation", "[numerics]") {
  std::vector<float> a = mixedValues(400, 51), b = mixedValues(400, 52);
  for (size_t i = 92; i < 400; ++i) { // after the special values a calm stretch that starts anew
    a[i] = std::isfinite(a[i]) ? std::fmod(a[i], 1.0f) : 0.5f;
    b[i] = std::isfinite(b[i]) ? std::fmod(b[i], 1.0f) : 0.25f;
  }
  for (size_t start : {size_t{0}, size_t{92}})
    for (AluOperation op0 : {AluOperation::Mul, AluOperation::Add, AluOperation::Max})
      for (AluOperation op1 : {AluOperation::Add, AluOperation::Min}) {
        size_t n = 400 - start;
        std::vector<float> expected(n), actual(n);
        float state = 0.375f;
        for (size_t i = 0; i < n; ++i)
          expected[i] = state = evaluate(op1, evaluate(op0, state, a[start + i]), b[start + i]);
        forEachVariant([&](Variant variant) {
          INFO(nameOf(variant));
          float last = scan(a.data() + start, b.data() + start, 0.375f, op0, op1, actual.data(), n);
          CHECK(firstDifference(actual, expected) == "");
          CHECK(bits(last) == bits(state));
        });
      }
  CHECK(scan(nullptr, nullptr, 2.0f, AluOperation::Mul, AluOperation::Add, nullptr, 0) == 2.0f);
}

#if defined(__x86_64__)
TEST_CASE("N3: the caller's floating-point modes neither matter nor change", "[numerics]") {
  float tiny = fromBits(3), other = fromBits(4), sum = 0;
  unsigned saved = _mm_getcsr();
  _mm_setcsr(0x9fc0u | 0x6000u); // flush to zero, denormals are zero, round toward zero
  evaluate(AluOperation::Add, &tiny, &other, &sum, 1);
  unsigned after = _mm_getcsr();
  _mm_setcsr(saved);
  CHECK(bits(sum) == 7u);
  CHECK((after & ~0x3fu) == (0x9fc0u | 0x6000u));
}
#endif
