// Conversions: docs/Numerics.md N5, N10 to N17.
#include "Values.h"

#include "lib/Numerics/Convert.h"

#include <catch2/catch.hpp>
#include <cmath>

using namespace manaslu;
using namespace manaslu::numerics;
using namespace manaslu::numerics::test;

namespace {

constexpr DType kSmallFloats[] = {DType::BF16, DType::F16, DType::F8E4M3, DType::F8E5M2, DType::F8E3M4};

int codeCount(DType type) { return sizeOf(type) == 2 ? 65536 : 256; }

std::vector<std::byte> allCodes(DType type) {
  std::vector<std::byte> codes(codeCount(type) * sizeOf(type));
  for (int code = 0; code < codeCount(type); ++code)
    std::memcpy(codes.data() + code * sizeOf(type), &code, sizeOf(type));
  return codes;
}

uint32_t narrowed(DType type, float value, Overflow overflow = Overflow::Saturate) {
  uint32_t code = 0;
  fromF32(type, value, &code, overflow);
  return code;
}

/// Oracle and kernels on the same values, contiguous and strided.
void compareNarrow(DType type, Overflow overflow, const std::vector<float> &values) {
  size_t size = sizeOf(type), n = values.size();
  std::vector<std::byte> expected(n * size), actual(n * size), strided(3 * n * size, std::byte{0x5a});
  for (size_t i = 0; i < n; ++i)
    fromF32(type, values[i], expected.data() + i * size, overflow);
  forEachVariant([&](Variant variant) {
    INFO(nameOf(variant) << " " << nameOf(type));
    narrow(values.data(), type, actual.data(), 1, n, overflow);
    size_t i = 0;
    while (i < n && std::memcmp(actual.data() + i * size, expected.data() + i * size, size) == 0)
      ++i;
    INFO("element " << i << ", fp32 bits " << (i < n ? bits(values[i]) : 0));
    CHECK(i == n);
    narrow(values.data(), type, strided.data(), 3, n, overflow);
    int wrong = 0;
    for (size_t j = 0; j < n; ++j)
      wrong += std::memcmp(strided.data() + 3 * j * size, expected.data() + j * size, size) != 0 || strided[3 * j * size + size] != std::byte{0x5a};
    CHECK(wrong == 0);
  });
}

} // namespace

TEST_CASE("N10 N11: every code of the small floats widens as the oracle says and comes back", "[numerics]") {
  for (DType type : kSmallFloats) {
    std::vector<std::byte> codes = allCodes(type);
    std::vector<float> expected(codeCount(type)), actual(codeCount(type));
    int changed = 0;
    for (int code = 0; code < codeCount(type); ++code) {
      expected[code] = toF32(type, codes.data() + code * sizeOf(type));
      if (!std::isnan(expected[code]) && !std::isinf(expected[code]))
        changed += narrowed(type, expected[code]) != static_cast<uint32_t>(code);
    }
    CHECK(changed == 0);
    forEachVariant([&](Variant variant) {
      INFO(nameOf(variant) << " " << nameOf(type));
      widen(type, codes.data(), 1, actual.data(), codeCount(type));
      CHECK(firstDifference(actual, expected) == "");
    });
  }
}

TEST_CASE("N12 N14 N15: around every code and every midpoint of the small floats the kernels round as the oracle", "[numerics]") {
  for (DType type : kSmallFloats) {
    std::vector<std::byte> codes = allCodes(type);
    std::vector<float> values = specialValues();
    int step = sizeOf(type) == 2 ? 7 : 1;
    for (int code = 0; code + 1 < codeCount(type); code += step) {
      float low = toF32(type, codes.data() + code * sizeOf(type)), high = toF32(type, codes.data() + (code + 1) * sizeOf(type));
      float middle = static_cast<float>((static_cast<double>(low) + high) / 2);
      for (float value : {low, middle})
        for (uint32_t offset : {0u, 1u, ~0u})
          values.push_back(fromBits(bits(value) + offset));
    }
    for (Overflow overflow : {Overflow::Saturate, Overflow::Propagate})
      compareNarrow(type, overflow, values);
  }
}

TEST_CASE("N12 N13 N16 N17: random fp32 values narrow to every type as the oracle", "[numerics]") {
  std::vector<float> values = mixedValues(20001, 7);
  for (int type = 0; type < kDTypeCount; ++type)
    for (Overflow overflow : {Overflow::Saturate, Overflow::Propagate})
      compareNarrow(static_cast<DType>(type), overflow, values);
}

TEST_CASE("N11: integers, bool and the 32-bit containers widen as the oracle, contiguous and strided", "[numerics]") {
  std::mt19937 generator(3);
  std::vector<uint32_t> words(4000);
  for (uint32_t &word : words)
    word = generator();
  for (uint32_t special : {0u, 0x7fffffffu, 0x80000000u, 0xffffffffu, 0x01000001u, 0x01000003u})
    words.push_back(special);
  for (int code = 0; code < kDTypeCount; ++code) {
    auto type = static_cast<DType>(code);
    const auto *src = reinterpret_cast<const std::byte *>(words.data());
    int64_t n = words.size() / 2;
    std::vector<float> expected(n), expectedStrided(n), actual(n);
    for (int64_t i = 0; i < n; ++i) {
      expected[i] = toF32(type, src + i * sizeOf(type));
      expectedStrided[i] = toF32(type, src + 2 * i * sizeOf(type));
    }
    forEachVariant([&](Variant variant) {
      INFO(nameOf(variant) << " " << nameOf(type));
      widen(type, src, 1, actual.data(), n);
      CHECK(firstDifference(actual, expected) == "");
      widen(type, src, 2, actual.data(), n);
      CHECK(firstDifference(actual, expectedStrided) == "");
    });
  }
}

TEST_CASE("N5 N12 N14 N15: known answers for narrowing to floats", "[numerics]") {
  float nan = fromBits(0xffc12345u), infinity = INFINITY;
  CHECK(narrowed(DType::F32, nan) == 0x7fc00000u);
  CHECK(narrowed(DType::TF32, nan) == 0x7fc00000u);
  CHECK(narrowed(DType::BF16, nan) == 0x7fc0);
  CHECK(narrowed(DType::F16, nan) == 0x7e00);
  for (Overflow overflow : {Overflow::Saturate, Overflow::Propagate}) {
    CHECK(narrowed(DType::F8E4M3, nan, overflow) == 0x7f);
    CHECK(narrowed(DType::F8E5M2, nan, overflow) == 0x7e);
    CHECK(narrowed(DType::F8E3M4, nan, overflow) == 0x78);
  }
  CHECK(narrowed(DType::BF16, 1.00390625f) == 0x3f80); // a tie goes to the even code
  CHECK(narrowed(DType::BF16, 1.01171875f) == 0x3f82);
  CHECK(narrowed(DType::F16, 65519.99f) == 0x7bff);
  CHECK(narrowed(DType::F16, 65520.0f) == 0x7c00);
  CHECK(narrowed(DType::F16, 0x1p-24f) == 0x0001);
  CHECK(narrowed(DType::F16, -0x1p-25f) == 0x8000);
  CHECK(narrowed(DType::F8E4M3, 464.0f) == 0x7e);
  CHECK(narrowed(DType::F8E4M3, 465.0f) == 0x7e);
  CHECK(narrowed(DType::F8E4M3, 464.0f, Overflow::Propagate) == 0x7e);
  CHECK(narrowed(DType::F8E4M3, 465.0f, Overflow::Propagate) == 0x7f);
  CHECK(narrowed(DType::F8E4M3, -infinity, Overflow::Propagate) == 0x7f);
  CHECK(narrowed(DType::F8E4M3, -infinity) == 0xfe);
  CHECK(narrowed(DType::F8E5M2, 61440.0f, Overflow::Propagate) == 0x7c);
  CHECK(narrowed(DType::F8E5M2, -1e9f, Overflow::Propagate) == 0xfc);
  CHECK(narrowed(DType::F8E5M2, infinity) == 0x7b);
  CHECK(narrowed(DType::F8E3M4, 15.5f) == 0x6f);
  CHECK(narrowed(DType::F8E3M4, 16.0f) == 0x6f);
  CHECK(narrowed(DType::F8E3M4, 16.0f, Overflow::Propagate) == 0x70);
  CHECK(narrowed(DType::F8E4M3, 0x1p-9f) == 0x01);
  CHECK(narrowed(DType::F8E4M3, 0x1p-10f) == 0x00);
}

TEST_CASE("N13: tf32 keeps ten bits, ties to even", "[numerics]") {
  CHECK(bits(roundToTf32(fromBits(0x3f801000u))) == 0x3f800000u);
  CHECK(bits(roundToTf32(fromBits(0x3f803000u))) == 0x3f804000u);
  CHECK(bits(roundToTf32(fromBits(0x7f7fffffu))) == 0x7f800000u);
  CHECK(bits(roundToTf32(fromBits(0x007fffffu))) == 0x00800000u);
}

TEST_CASE("N16 N17: known answers for narrowing to integers and bool", "[numerics]") {
  auto toInt = [](DType type, float value) {
    int32_t word = 0;
    fromF32(type, value, &word);
    return type == DType::I8 ? static_cast<int8_t>(word) : type == DType::I16 ? static_cast<int16_t>(word) : word;
  };
  CHECK(toInt(DType::I8, 2.5f) == 2);
  CHECK(toInt(DType::I8, -3.5f) == -4);
  CHECK(toInt(DType::I8, 127.5f) == 127);
  CHECK(toInt(DType::I8, -1e30f) == -128);
  CHECK(toInt(DType::U8, -0.75f) == 0);
  CHECK(toInt(DType::U8, 255.5f) == 255);
  CHECK(toInt(DType::I16, 40000.0f) == 32767);
  CHECK(toInt(DType::I32, 2147483648.0f) == INT32_MAX);
  CHECK(toInt(DType::I32, 2147483520.0f) == 2147483520);
  CHECK(toInt(DType::I32, -INFINITY) == INT32_MIN);
  CHECK(toInt(DType::I32, NAN) == 0);
  CHECK(toInt(DType::Bool, NAN) == 1);
  CHECK(toInt(DType::Bool, -0.0f) == 0);
  CHECK(toInt(DType::Bool, 1e-45f) == 1);
}
