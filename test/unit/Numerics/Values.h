// Values that break numeric code, and bit comparison, for the tests of lib/Numerics.
#pragma once

#include "lib/Numerics/Dispatch.h"

#include <bit>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <functional>
#include <random>
#include <string>
#include <vector>

namespace manaslu::numerics::test {

inline uint32_t bits(float x) { return std::bit_cast<uint32_t>(x); }
inline float fromBits(uint32_t word) { return std::bit_cast<float>(word); }

/// Zeros, subnormals, the smallest normals, ones, ties, integers' bounds, the largest numbers, infinities and NaNs with payloads, of both signs.
inline std::vector<float> specialValues() {
  std::vector<float> values;
  for (uint32_t word : {0x00000000u, 0x00000001u, 0x00000002u, 0x00400000u, 0x007fffffu, 0x00800000u, 0x00800001u, 0x00ffffffu, 0x01000000u, 0x0d000000u,
                        0x33000000u, 0x33000001u, 0x33800000u, 0x38800000u, 0x3effffffu, 0x3f000000u, 0x3f000001u, 0x3f7fffffu, 0x3f800000u, 0x3f800001u,
                        0x3fc00000u, 0x40200000u, 0x40490fdbu, 0x42fe0000u, 0x42ff0000u, 0x43000000u, 0x437f8000u, 0x43e00000u, 0x43e80000u, 0x43e80001u,
                        0x46fffe00u, 0x477fe000u, 0x477ff000u, 0x4affffffu, 0x4b000000u, 0x4b000001u, 0x4b7fffffu, 0x4effffffu, 0x4f000000u, 0x4f000001u,
                        0x7effffffu, 0x7f7fffffu, 0x7f800000u, 0x7f800001u, 0x7fc00000u, 0x7fc12345u, 0x7fffffffu}) {
    values.push_back(fromBits(word));
    values.push_back(fromBits(word | 0x80000000u));
  }
  return values;
}

/// n fp32 values: the special ones first, then random bits and random normal deviates in turn. Deterministic.
inline std::vector<float> mixedValues(size_t n, uint32_t seed) {
  std::vector<float> values = specialValues();
  std::mt19937 generator(seed);
  std::normal_distribution<float> deviate(0.0f, 8.0f);
  while (values.size() < n)
    values.push_back(values.size() % 2 == 0 ? fromBits(generator()) : deviate(generator));
  values.resize(n);
  return values;
}

/// "" when both hold the same bytes, else where they first differ and how.
inline std::string firstDifference(const std::vector<float> &actual, const std::vector<float> &expected) {
  for (size_t i = 0; i < expected.size(); ++i)
    if (bits(actual[i]) != bits(expected[i])) {
      char text[120];
      std::snprintf(text, sizeof(text), "element %zu is %08x (%a), expected %08x (%a)", i, bits(actual[i]), actual[i], bits(expected[i]), expected[i]);
      return text;
    }
  return "";
}

/// Runs the body once in each variant that this CPU has, then goes back to the best.
inline void forEachVariant(const std::function<void(Variant)> &body) {
  Variant before = activeVariant();
  for (Variant variant : availableVariants()) {
    (void)useVariant(variant);
    body(variant);
  }
  (void)useVariant(before);
}

} // namespace manaslu::numerics::test
