// The kernels of one variant as a table of functions; each variant is the same source compiled with other flags. A kernel keeps no state: its outputs follow
// from its arguments (docs/Numerics.md N1).
#pragma once

#include "lib/Numerics/Binary.h"
#include "lib/Numerics/Random.h"
#include "lib/Numerics/Unary.h"

#include <cstddef>
#include <cstdint>

namespace manaslu::numerics {

enum class Variant; // of Dispatch.h, which brings inline functions that a kernel's flags must not touch

using UnaryKernel = void (*)(const float *x, float *y, int64_t n);
using WidenKernel = void (*)(const std::byte *src, int64_t strideElements, float *dst, int64_t n);
using NarrowKernel = void (*)(const float *src, std::byte *dst, int64_t strideElements, int64_t n);
/// Copies `rows` rows of `columns` elements at equal distances to contiguous ones; pitches and the stride are bytes.
using GatherKernel = void (*)(const std::byte *src, int64_t srcPitch, int64_t srcStride, std::byte *dst, int64_t dstPitch, int rows, int columns);
using StochasticKernel = void (*)(const float *src, const uint32_t *words, std::byte *dst, int64_t strideElements, int64_t n);
using ReduceKernel = float (*)(const float *x, int64_t n);

/// The three shapes of one fp32 operation.
struct BinaryKernel {
  void (*vectorVector)(const float *a, const float *b, float *out, int64_t n);
  void (*vectorScalar)(const float *a, float b, float *out, int64_t n);
  void (*scalarVector)(float a, const float *b, float *out, int64_t n);
};

/// The two shapes of one int32 operation.
struct IntegerKernel {
  void (*vectorVector)(const int32_t *a, const int32_t *b, int32_t *out, int64_t n);
  void (*vectorScalar)(const int32_t *a, int32_t b, int32_t *out, int64_t n);
};

/// Everything but the matrix product. Arrays are indexed by the enumerators; narrow also by Overflow.
struct KernelTable {
  UnaryKernel unary[kUnaryFunctionCount];
  void (*affine)(const float *x, float scale, float bias, float *y, int64_t n);
  BinaryKernel binary[kAluOperationCount];
  IntegerKernel integer[kIntegerOperationCount];
  ReduceKernel reduce[kAluOperationCount]; ///< null when the operation is not reducible
  float (*squaredDistance)(const float *x, float mean, int64_t n);
  void (*scanMulAdd)(const float *a, const float *b, float initial, float *out, int64_t n);
  WidenKernel widen[12];
  NarrowKernel narrow[12][2];
  GatherKernel gather[3];                      ///< of elements of 1, 2 and 4 bytes
  void (*turn[3])(const void *src, void *dst); ///< 16 x 16 elements of 1, 2 and 4 bytes, transposed; not in place
  /// Rows of contiguous elements of the matrix engine (N50); of a NaN only that it is one is kept.
  void (*widenOperand[12])(const std::byte *src, int64_t srcPitchBytes, float *dst, int64_t dstPitch, int rows, int columns);
  /// Rows 2p and 2p + 1 of bf16 numbers in fp32, as words that hold the first in their low half; an odd last row is paired with zeros.
  void (*packPairs)(const float *src, int64_t srcPitch, uint32_t *dst, int64_t dstPitch, int rows, int columns);
  /// The same from contiguous bf16 rows.
  void (*joinPairs)(const std::byte *src, int64_t srcPitchBytes, uint32_t *dst, int64_t dstPitch, int rows, int columns);
  /// Rows of contiguous 4-byte elements, or pairs of rows of bf16 numbers as joinPairs gives them, in blocks of `height` <= 16 columns: block j goes to `dst`
  /// + j * blockWords, its rows are 16 words apart. Words behind a block's columns hold anything.
  void (*splitRows)(const std::byte *src, int64_t srcPitchBytes, void *dst, int64_t blockWords, int rows, int columns, int height);
  void (*splitPairs)(const std::byte *src, int64_t srcPitchBytes, void *dst, int64_t blockWords, int rows, int columns, int height);
  StochasticKernel narrowStochastic[12][2];                                                                ///< null but for bf16, f16, fp8
  void (*randomWords)(const RandomSite &site, uint64_t first, int64_t stride, uint32_t *words, int64_t n); ///< N61
};

/// Memory that a block kernel fetches into the cache, a piece with every step: what the blocks to come read. It need not exist.
struct Ahead {
  const std::byte *address;
  int64_t pitchBytes;
};

/// A contraction of one instruction as a block kernel takes it: row k of `a` holds the block's rows, row k of `b` its columns; pitches count words.
template <class Word> struct BlockTerm {
  const Word *a;
  int64_t aPitch;
  const Word *b;
  int64_t bPitch;
  int steps;
  Ahead nextRows, nextColumns;
};

/// Adds the terms, one after the other, to a block of `rows` x `columns` sums that starts from acc or from +0.
template <class Word>
using BlockKernel = void (*)(const BlockTerm<Word> *terms, int termCount, int rows, int columns, float *acc, int64_t accPitch, bool accumulate);

/// The matrix product of one variant. Nothing outside the block's rows and columns is read or written.
struct MatmulTable {
  /// Largest rows for blocks of up to lanes columns and of up to 2 lanes columns, which is the widest block.
  int narrowRows, wideRows;
  int lanes;
  /// acc[r, c] over steps ascending of fma(a[step * aPitch + r], b[step * bPitch + c], acc); flushes as N54, N55 say.
  BlockKernel<float> steps;
  /// The same over pairs of bf16 in 32-bit words, odd (high) element first. Null: pairs are unpacked and taken by `steps`.
  BlockKernel<uint32_t> pairs;
};

const KernelTable &scalarKernels();
const KernelTable &avx2Kernels();
const KernelTable &avx512Kernels();
const MatmulTable &scalarMatmul();
const MatmulTable &avx2Matmul();
const MatmulTable &avx512Matmul();
const MatmulTable &avx512Bf16Matmul();

/// The tables of a variant that this build holds.
const KernelTable &kernelsOf(Variant variant);
const MatmulTable &matmulKernelsOf(Variant variant);

/// The tables of activeVariant().
const KernelTable &kernels();
const MatmulTable &matmulKernels();

} // namespace manaslu::numerics
