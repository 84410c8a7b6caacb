// Counter-based random words and stochastic rounding: bits depend on the element's place in the whole tensor, never on tiling or threads.
#pragma once

#include "lib/Support/DType.h"

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

/// The word of the element with this index in the whole tensor: counter {index >> 2 low, high, site, step}, lane index & 3 (N61).
uint32_t randomWord(const RandomSite &site, uint64_t index);

/// Rounds `value` to bf16, f16 or an fp8 type: the magnitude goes up iff floor(discarded / ulp * 2^32) > word (N62). Overflow of fp8 saturates, of the
/// 16-bit types gives infinity; NaN is canonical. Other types: as fromF32.
void fromF32Stochastic(DType type, float value, uint32_t word, void *address);

/// fromF32Stochastic of n elements; element i has the index firstIndex + i * indexStride and is written at dst + i * strideElements * sizeOf(type).
void narrowStochastic(const float *src, DType type, std::byte *dst, int64_t strideElements, int64_t n, const RandomSite &site, uint64_t firstIndex,
                      int64_t indexStride);

} // namespace manaslu::numerics
