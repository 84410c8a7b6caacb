// Philox words and stochastic rounding.
#include "lib/Numerics/Random.h"

#include "lib/Numerics/Convert.h"

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

struct Layout {
  int mantissaBits;
  int smallestExponent; ///< of the smallest normal number
  float largest;
};

Layout layoutOf(DType type) {
  switch (type) {
  case DType::BF16: return {7, -126, 0x1.fep127f};
  case DType::F16: return {10, -14, 65504.0f};
  case DType::F8E4M3: return {3, -6, 448.0f};
  case DType::F8E5M2: return {2, -14, 57344.0f};
  default: return {4, -2, 15.5f};
  }
}

} // namespace

// N62. All steps are exact in fp64: the magnitude is cut into whole ulps of the target and a rest.
void fromF32Stochastic(DType type, float value, uint32_t word, void *address) {
  bool stochastic = type == DType::BF16 || type == DType::F16 || isFp8(type);
  if (!stochastic || !std::isfinite(value) || value == 0.0f)
    return fromF32(type, value, address, Overflow::Saturate);
  Layout layout = layoutOf(type);
  double magnitude = std::fabs(static_cast<double>(value));
  int exponent = std::max(std::ilogb(magnitude), layout.smallestExponent);
  double ulps = std::ldexp(magnitude, layout.mantissaBits - exponent);
  double whole = std::floor(ulps);
  if (static_cast<uint64_t>((ulps - whole) * 0x1p32) > word)
    whole += 1.0;
  double rounded = std::ldexp(whole, exponent - layout.mantissaBits);
  bool overflows = rounded > static_cast<double>(layout.largest);
  float result = overflows ? INFINITY : static_cast<float>(rounded);
  fromF32(type, std::copysign(result, value), address, Overflow::Saturate);
}

void narrowStochastic(const float *src, DType type, std::byte *dst, int64_t strideElements, int64_t n, const RandomSite &site, uint64_t firstIndex,
                      int64_t indexStride) {
  for (int64_t i = 0; i < n; ++i) {
    uint64_t index = firstIndex + static_cast<uint64_t>(i * indexStride);
    fromF32Stochastic(type, src[i], randomWord(site, index), dst + i * strideElements * sizeOf(type));
  }
}

} // namespace manaslu::numerics
