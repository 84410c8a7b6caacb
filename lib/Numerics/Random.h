// Counter-based random words and stochastic rounding: bits depend on the element's place in the whole tensor, never on tiling or threads.
#pragma once

#include "lib/Numerics/Convert.h"

#include <array>
#include <cstddef>
#include <cstdint>

namespace manaslu::numerics {

/// Where random words come from: `seed` is the 64-bit key, `site` the number of the rounding place, `step` counts its repeated executions.
struct RandomSite {
  uint64_t seed;
  uint32_t site;
  uint32_t step;
};

/// Philox4x32 with 10 rounds: four words from a 64-bit key (low word first) and a 128-bit counter (N60).
std::array<uint32_t, 4> philox(uint64_t key, const std::array<uint32_t, 4> &counter);

/// Oracle: the word of the element with this index in the whole tensor: counter {index >> 2 low, high, site, step}, lane index & 3 (N61).
uint32_t randomWord(const RandomSite &site, uint64_t index);

/// words[i] = randomWord(site, firstIndex + i * indexStride).
void randomWords(const RandomSite &site, uint64_t firstIndex, int64_t indexStride, uint32_t *words, int64_t n);

/// Oracle: rounds `value` to bf16, f16 or an fp8 type: the magnitude goes up iff floor(discarded / ulp * 2^32) > word (N62). NaN is canonical; what exceeds the
/// largest finite value overflows as with fromF32. Other types: as fromF32.
void fromF32Stochastic(DType type, float value, uint32_t word, void *address, Overflow overflow = Overflow::Saturate);

/// fromF32Stochastic of n elements; element i has the index firstIndex + i * indexStride and is written at dst + i * strideElements * sizeOf(type).
void narrowStochastic(const float *src, DType type, std::byte *dst, int64_t strideElements, int64_t n, const RandomSite &site, uint64_t firstIndex,
                      int64_t indexStride, Overflow overflow = Overflow::Saturate);

} // namespace manaslu::numerics
