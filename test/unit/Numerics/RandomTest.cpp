// Random words and stochastic rounding: docs/Numerics.md N60 to N62.
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

TEST_CASE("N62: adding 0.5 to 1024 in fp16 arrives at 2048 on average, where nearest even never leaves", "[numerics]") {
  int n = 4096;
  std::vector<float> x(n, 1024.0f);
  std::vector<uint16_t> halves(n);
  for (uint32_t step = 0; step < 2048; ++step) {
    for (float &value : x)
      value += 0.5f;
    narrowStochastic(x.data(), DType::F16, reinterpret_cast<std::byte *>(halves.data()), 1, n, {2024, 1, step}, 0, 1);
    widen(DType::F16, reinterpret_cast<std::byte *>(halves.data()), 1, x.data(), n);
  }
  double mean = 0;
  for (float value : x)
    mean += value / n;
  CHECK(std::fabs(mean - 2048.0) <= 2.0);
  uint16_t code = 0;
  fromF32(DType::F16, 1024.5f, &code);
  CHECK(toF32(DType::F16, &code) == 1024.0f);
}
