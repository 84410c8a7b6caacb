// Philox words and stochastic rounding.
#include "lib/Numerics/Random.h"

#include "lib/Numerics/kernels/Table.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace manaslu::numerics {

// N60.
std::array<uint32_t, 4> philox(uint64_t key, const std::array<uint32_t, 4> &counter) {
  std::array<uint32_t, 4> c = counter;
  uint32_t key0 = static_cast<uint32_t>(key), key1 = static_cast<uint32_t>(key >> 32);
  for (int round = 0; round < 10; ++round) {
    uint64_t product0 = uint64_t{0xd2511f53} * c[0], product1 = uint64_t{0xcd9e8d57} * c[2];
    c = {static_cast<uint32_t>(product1 >> 32) ^ c[1] ^ key0, static_cast<uint32_t>(product1), static_cast<uint32_t>(product0 >> 32) ^ c[3] ^ key1,
         static_cast<uint32_t>(product0)};
    key0 += 0x9e3779b9;
    key1 += 0xbb67ae85;
  }
  return c;
}

// N61.
uint32_t randomWord(const RandomSite &site, uint64_t index) {
  uint64_t block = index >> 2;
  return philox(site.seed, {static_cast<uint32_t>(block), static_cast<uint32_t>(block >> 32), site.site, site.step})[index & 3];
}

namespace {

/// What the oracle knows of a format.
struct Layout {
  int exponentBits, mantissaBits;
  uint32_t largest; ///< code of the largest finite value

  int smallestExponent() const { return 2 - (1 << (exponentBits - 1)); } ///< of a normal number
};

Layout layoutOf(DType type) {
  switch (type) {
  case DType::BF16: return {8, 7, 0x7f7f};
  case DType::F16: return {5, 10, 0x7bff};
  case DType::F8E4M3: return {4, 3, 0x7e};
  case DType::F8E5M2: return {5, 2, 0x7b};
  default: return {3, 4, 0x6f};
  }
}

} // namespace

// N62. All steps are exact in fp64: the magnitude is cut into whole ulps of the target and a rest.
void fromF32Stochastic(DType type, float value, uint32_t word, void *address, Overflow overflow) {
  bool stochastic = type == DType::BF16 || type == DType::F16 || isFp8(type);
  if (!stochastic || !std::isfinite(value) || value == 0.0f)
    return fromF32(type, value, address, overflow);
  Layout layout = layoutOf(type);
  double magnitude = std::fabs(static_cast<double>(value));
  int exponent = std::max(std::ilogb(magnitude), layout.smallestExponent());
  double ulps = std::ldexp(magnitude, layout.mantissaBits - exponent);
  double whole = std::floor(ulps);
  if (static_cast<uint64_t>((ulps - whole) * 0x1p32) > word) // N65: for floor(d 2^32) of the words
    whole += 1.0;
  // Magnitudes grow with codes, one ulp a code: `exponent` counts steps of 2^mantissaBits codes from the smallest normal number on.
  auto code = static_cast<uint32_t>(static_cast<int64_t>(whole) + (static_cast<int64_t>(exponent - layout.smallestExponent()) << layout.mantissaBits));
  if (code > layout.largest) // N64
    return fromF32(type, std::copysign(INFINITY, value), address, overflow);
  code |= std::signbit(value) ? 1u << (layout.exponentBits + layout.mantissaBits) : 0u;
  auto half = static_cast<uint16_t>(code);
  auto byte = static_cast<uint8_t>(code);
  if (sizeOf(type) == 2)
    std::memcpy(address, &half, 2);
  else
    std::memcpy(address, &byte, 1);
}

void randomWords(const RandomSite &site, uint64_t firstIndex, int64_t indexStride, uint32_t *words, int64_t n) {
  kernels().randomWords(site, firstIndex, indexStride, words, n);
}

void narrowStochastic(const float *src, DType type, std::byte *dst, int64_t strideElements, int64_t n, const RandomSite &site, uint64_t firstIndex,
                      int64_t indexStride, Overflow overflow) {
  const KernelTable &table = kernels();
  StochasticKernel kernel = table.narrowStochastic[static_cast<int>(type)][static_cast<int>(overflow)];
  if (!kernel)
    return narrow(src, type, dst, strideElements, n, overflow);
  constexpr int64_t kPiece = 2048; // words stay in the first-level cache
  uint32_t words[kPiece];
  for (int64_t done = 0; done < n; done += kPiece) {
    int64_t count = std::min(kPiece, n - done);
    table.randomWords(site, firstIndex + static_cast<uint64_t>(done * indexStride), indexStride, words, count);
    kernel(src + done, words, dst + done * strideElements * sizeOf(type), strideElements, count);
  }
}

} // namespace manaslu::numerics
