// The matrix engine: acc[M,N] (+)= stationary[K,M]^T * moving[K,N] with the order and rounding of every step fixed.
#pragma once

#include "lib/Support/DType.h"
#include "lib/Support/RangeFunction.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

namespace manaslu::numerics {

/// Whether the matrix engine defines a product of the two types: f32 with f32; i8 and u8 with each other; tf32, bf16, f16 and fp8 with each other.
/// i16, i32 and bool never.
bool isMatmulPair(DType stationaryType, DType movingType);

/// `count` elements at equal distances, from offsetBytes on.
struct ColumnRun {
  int64_t offsetBytes;
  int64_t strideBytes;
  int count;
};

/// K rows that are pitchBytes apart; a row's elements are its runs, in order. Elements need their own alignment only.
struct MatmulOperand {
  DType type;
  const std::byte *data;
  int64_t pitchBytes;
  std::span<const ColumnRun> runs;
};

/// What one matmul instruction contracts: stationary[K,M] and moving[K,N].
struct Contraction {
  MatmulOperand stationary, moving;
  int K;
};

/// Calls `run` on disjoint parts that cover [0, count), perhaps at the same time.
using Share = std::function<void(int64_t count, RangeFunction run)>;

/// Matmul instructions on one acc[M,N], one after the other (N50 to N58); the first starts from acc (accumulate) or +0. `acc` is element [0, 0], its rows are
/// accPitchBytes apart. NaN in it are canonical afterwards. The operands do not overlap acc. Sizes are not limited here; K = 0 leaves acc (accumulate) or
/// zeroes it. Types for which isMatmulPair is false are widened to fp32 and multiplied in ascending k. Elements of acc are computed in parts by `share`.
void matmul(std::span<const Contraction> terms, int M, int N, float *acc, int64_t accPitchBytes, bool accumulate, const Share &share);

/// One instruction, with contiguous elements in every row.
void matmul(DType stationaryType, const std::byte *stationary, int64_t stationaryPitchBytes, DType movingType, const std::byte *moving,
            int64_t movingPitchBytes, float *acc, int64_t accPitchBytes, int K, int M, int N, bool accumulate);

/// Oracle: the same, element by element in fmaf and integer code.
void matmulOracle(DType stationaryType, const std::byte *stationary, int64_t stationaryPitchBytes, DType movingType, const std::byte *moving,
                  int64_t movingPitchBytes, float *acc, int64_t accPitchBytes, int K, int M, int N, bool accumulate);

/// Oracle of one step: a * b + c rounded once to nearest even, subnormal inputs read as zeros of their sign, the result flushed to a zero of its sign
/// iff, rounded to 24 bits with unbounded exponent, its magnitude is below 2^-126 (N54, N55).
float fusedMultiplyAddFlushing(float a, float b, float c);

} // namespace manaslu::numerics
