// The matrix engine: acc[M,N] (+)= stationary[K,M]^T * moving[K,N] with the order and rounding of every step fixed.
#pragma once

#include "lib/Support/DType.h"

#include <cstddef>
#include <cstdint>

namespace manaslu::numerics {

/// Whether the matrix engine defines a product of the two types: f32 with f32; i8 and u8 with each other; tf32, bf16, f16 and fp8 with each other.
/// i16, i32 and bool never.
bool isMatmulPair(DType stationaryType, DType movingType);

/// One matmul instruction (N50 to N58). Row k of `stationary` holds M contiguous elements, row k of `moving` N, row m of `acc` N floats; the rows are
/// pitch bytes apart. Operands need the alignment of their element only. `accumulate` false starts from +0. NaN in acc is canonical afterwards.
/// The operands do not overlap acc. Sizes are not limited here; K = 0 leaves acc (accumulate) or zeroes it.
/// Types for which isMatmulPair is false are widened to fp32 and multiplied in ascending k.
void matmul(DType stationaryType, const std::byte *stationary, int64_t stationaryPitchBytes, DType movingType, const std::byte *moving,
            int64_t movingPitchBytes, float *acc, int64_t accPitchBytes, int K, int M, int N, bool accumulate);

/// Oracle: the same, element by element in fmaf and integer code.
void matmulOracle(DType stationaryType, const std::byte *stationary, int64_t stationaryPitchBytes, DType movingType, const std::byte *moving,
                  int64_t movingPitchBytes, float *acc, int64_t accPitchBytes, int K, int M, int N, bool accumulate);

/// Oracle of one step: a * b + c rounded once to nearest even, subnormal inputs read as zeros of their sign, the result flushed to a zero of its sign
/// iff, rounded to 24 bits with unbounded exponent, its magnitude is below 2^-126 (N54, N55).
float fusedMultiplyAddFlushing(float a, float b, float c);

} // namespace manaslu::numerics
