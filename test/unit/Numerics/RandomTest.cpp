// Random words and stochastic rounding: docs/Numerics.md N60 to N62, N64, N65.
#include "Values.h"

#include "lib/Numerics/Convert.h"
#include "lib/Numerics/Random.h"

#include <catch2/catch.hpp>
#include <cmath>

using namespace manaslu;
using namespace manaslu::numerics;
using namespace manaslu::numerics::test;

TEST_CASE("N60: Philox4x32-10 gives the published known answers", "[numerics]") {
  CHECK(philox(0, {0, 0, 0, 0}) == std::array<uint32_t, 4>{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  CHECK(philox(~uint64_t{0}, {~0u, ~0u, ~0u, ~0u}) == std::array<uint32_t, 4>{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(philox(0x299f31d0a4093822, {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}) ==
        std::array<uint32_t, 4>{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("N61: words depend on the element's index, not on how a tensor is cut", "[numerics]") {
  RandomSite site = {42, 7, 3};
  CHECK(randomWord(site, (uint64_t{5} << 34) + 6) == philox(42, {1, 5, 7, 3})[2]);
  std::vector<float> x(64, 1.0f + 0x1p-10f);
  std::vector<uint16_t> whole(64), parts(64);
  narrowStochastic(x.data(), DType::BF16, reinterpret_cast<std::byte *>(whole.data()), 1, 64, site, 1000, 3);
  narrowStochastic(x.data(), DType::BF16, reinterpret_cast<std::byte *>(parts.data()), 1, 13, site, 1000, 3);
  narrowStochastic(x.data(), DType::BF16, reinterpret_cast<std::byte *>(parts.data() + 13), 1, 51, site, 1000 + 39, 3);
  CHECK(whole == parts);
}

TEST_CASE("N62: the magnitude goes up iff the discarded part exceeds the word", "[numerics]") {
  auto rounded = [](DType type, float value, uint32_t word) {
    uint32_t code = 0;
    fromF32Stochastic(type, value, word, &code);
    return code;
  };
  float half = 1.0f + 0x1p-8f; // half a bf16 ulp above 1
  CHECK(rounded(DType::BF16, half, 0x7fffffffu) == 0x3f81);
  CHECK(rounded(DType::BF16, half, 0x80000000u) == 0x3f80);
  CHECK(rounded(DType::BF16, -half, 0x7fffffffu) == 0xbf81);
  CHECK(rounded(DType::BF16, 1.0f, 0u) == 0x3f80); // exact values stay
  CHECK(rounded(DType::F16, 0x1p-26f, 0x3fffffffu) == 0x0001);
  CHECK(rounded(DType::F16, 0x1p-26f, 0x40000000u) == 0x0000);
  CHECK(rounded(DType::F8E4M3, 460.0f, 0u) == 0x7e); // fp8 saturates
  CHECK(rounded(DType::F16, 65519.0f, 0u) == 0x7c00);
  CHECK(rounded(DType::F16, fromBits(0xffc00001u), 0u) == 0x7e00);
  CHECK(rounded(DType::BF16, fromBits(3), 0x0002ffffu) == 0x0001); // 3 of 65536 parts
  CHECK(rounded(DType::BF16, fromBits(3), 0x00030000u) == 0x0000);
}

TEST_CASE("N62 N64: what lies beyond the range overflows as asked", "[numerics]") {
  auto rounded = [](DType type, float value, Overflow overflow) {
    uint32_t code = 0;
    fromF32Stochastic(type, value, 0, &code, overflow);
    return code;
  };
  CHECK(rounded(DType::F8E4M3, 460.0f, Overflow::Saturate) == 0x7e);
  CHECK(rounded(DType::F8E4M3, -460.0f, Overflow::Propagate) == 0x7f);
  CHECK(rounded(DType::F8E5M2, -60000.0f, Overflow::Propagate) == 0xfc);
  CHECK(rounded(DType::F8E3M4, INFINITY, Overflow::Saturate) == 0x6f);
  CHECK(rounded(DType::F8E3M4, INFINITY, Overflow::Propagate) == 0x70);
  CHECK(rounded(DType::BF16, fromBits(0x7f7fffffu), Overflow::Saturate) == 0x7f80);
  CHECK(rounded(DType::F8E4M3, fromBits(0xffc00001u), Overflow::Propagate) == 0x7f);
  CHECK(rounded(DType::F16, -0.0f, Overflow::Saturate) == 0x8000);
}

TEST_CASE("N61: words in bulk, at every alignment and stride, are those of the oracle in every variant", "[numerics]") {
  RandomSite site = {0x8000000000000001u, 0xffffffffu, 9};
  std::vector<uint32_t> words(400);
  for (uint64_t first : {uint64_t{0}, uint64_t{3}, (uint64_t{1} << 34) - 5, ~uint64_t{0} - 30})
    for (int64_t stride : {int64_t{1}, int64_t{0}, int64_t{-1}, int64_t{7}, int64_t{1} << 40})
      for (size_t n : {size_t{1}, size_t{3}, size_t{4}, size_t{66}, words.size()})
        forEachVariant([&](Variant variant) {
          INFO(nameOf(variant) << " from " << first << " by " << stride);
          randomWords(site, first, stride, words.data(), static_cast<int64_t>(n));
          int wrong = 0;
          for (size_t i = 0; i < n; ++i)
            wrong += words[i] != randomWord(site, first + static_cast<uint64_t>(i) * static_cast<uint64_t>(stride));
          CHECK(wrong == 0);
        });
}

TEST_CASE("N62: strided stochastic rows touch nothing between their elements", "[numerics]") {
  std::vector<float> x = mixedValues(300, 12);
  RandomSite site = {1, 2, 3};
  for (DType type : {DType::BF16, DType::F16, DType::F8E4M3, DType::F8E5M2, DType::F8E3M4}) {
    auto bytes = static_cast<size_t>(sizeOf(type));
    std::vector<std::byte> actual(3 * x.size() * bytes, std::byte{0x5a}), expected = actual;
    for (size_t i = 0; i < x.size(); ++i)
      fromF32Stochastic(type, x[i], randomWord(site, 40 + 5 * i), expected.data() + 3 * i * bytes, Overflow::Propagate);
    forEachVariant([&](Variant variant) {
      INFO(nameOf(variant) << " " << nameOf(type));
      std::vector<std::byte> out = actual;
      narrowStochastic(x.data(), type, out.data(), 3, static_cast<int64_t>(x.size()), site, 40, 5, Overflow::Propagate);
      CHECK(out == expected);
    });
  }
}

TEST_CASE("N65: stochastic rounding is unbiased", "[numerics]") {
  // The share of results that go up is compared with the discarded part d. For independent words its standard deviation is sqrt(d (1 - d) / n); the bound is
  // five of them: a right implementation would fail one of these 45 checks with a probability of 3e-5 if the seed were not fixed, and a bias of 0.5 % is seen.
  constexpr int64_t n = 1 << 20;
  std::vector<float> x(n);
  std::vector<uint16_t> codes(n);
  for (DType type : {DType::BF16, DType::F16, DType::F8E4M3, DType::F8E5M2, DType::F8E3M4})
    for (double base : {1.0, 0x1p-14, -1.5}) // the middle one is subnormal in f8e4m3 and f8e3m4 only
      for (double part : {0.015625, 0.3125, 0.875}) {
        uint32_t low = 0, code = 0;
        fromF32(type, static_cast<float>(base), &low);
        code = low + 1;
        double from = toF32(type, &low), to = toF32(type, &code);
        std::fill(x.begin(), x.end(), static_cast<float>(from + part * (to - from)));
        auto *out = reinterpret_cast<std::byte *>(codes.data());
        narrowStochastic(x.data(), type, out, 1, n, {7, 1, static_cast<uint32_t>(type)}, 0, 1);
        int64_t up = 0;
        for (int64_t i = 0; i < n; ++i)
          up += std::memcmp(out + i * sizeOf(type), &code, static_cast<size_t>(sizeOf(type))) == 0;
        INFO(nameOf(type) << " from " << from << ", discarded " << part);
        CHECK(std::fabs(static_cast<double>(up) / n - part) <= 5 * std::sqrt(part * (1 - part) / n));
      }
}
