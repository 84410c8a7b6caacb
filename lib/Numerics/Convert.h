// Storage types to and from the fp32 values that the engines compute with.
#pragma once

#include "lib/Support/DType.h"

#include <cstddef>
#include <cstdint>

namespace manaslu::numerics {

/// What a finite value (or an infinity) beyond the range of an fp8 type becomes. Other types ignore it (N14, N15).
enum class Overflow : uint8_t {
  Saturate,  ///< the largest finite value of its sign
  Propagate, ///< e4m3fn: NaN; e5m2, e3m4: the infinity of its sign
};

/// Oracle: the fp32 value of the element at `address` (N10, N11). f32 and tf32 keep their bits, other types give the canonical NaN.
float toF32(DType type, const void *address);

/// Oracle: rounds `value` to the type and stores it at `address` (N12 to N17).
void fromF32(DType type, float value, void *address, Overflow overflow = Overflow::Saturate);

/// toF32 of n elements; element i is read at src + i * strideElements * sizeOf(type). dst is contiguous and does not overlap src.
void widen(DType type, const std::byte *src, int64_t strideElements, float *dst, int64_t n);

/// fromF32 of n elements; element i is written at dst + i * strideElements * sizeOf(type). src is contiguous and does not overlap dst.
void narrow(const float *src, DType type, std::byte *dst, int64_t strideElements, int64_t n, Overflow overflow = Overflow::Saturate);

/// Rounds to tf32 (10-bit significand) in an fp32 container, to nearest even; a NaN becomes canonical (N13).
float roundToTf32(float value);

/// The canonical fp32 NaN, bits 7FC00000 (N5).
float canonicalNaN();

/// `value`, or the canonical NaN when it is one (N5).
float canonical(float value);

/// dst[j][i] = src[i][j] of 16 x 16 elements of 1, 2 or 4 bytes, bits unchanged; not in place.
void turn(const void *src, void *dst, size_t elementBytes);

} // namespace manaslu::numerics
