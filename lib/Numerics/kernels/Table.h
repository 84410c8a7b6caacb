// The kernels of one variant as a table of functions; each variant is the same source compiled with other flags.
#pragma once

#include "lib/Numerics/Binary.h"
#include "lib/Numerics/Unary.h"

#include <cstddef>
#include <cstdint>

namespace manaslu::numerics {

using UnaryKernel = void (*)(const float *x, float *y, int64_t n);
using WidenKernel = void (*)(const std::byte *src, int64_t strideElements, float *dst, int64_t n);
using NarrowKernel = void (*)(const float *src, std::byte *dst, int64_t strideElements, int64_t n);
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
  void (*interleave)(const uint16_t *low, const uint16_t *high, uint32_t *out, int64_t n); ///< out[i] = low[i] | high[i] << 16
  void (*roundToTf32)(float *x, int64_t n);                                                ///< in place (N13)
};

/// The matrix product of one variant: one block of `rows` x `blockColumns` outputs over all of K; see Matmul.cpp for the packing.
struct MatmulTable {
  int blockRows;
  int blockColumns;
  /// acc[r, c] over steps ascending of fma(a[step * aPitch + r], b[step * blockColumns + c], acc); flushes as N54, N55 say. Null: not built.
  void (*steps)(const float *a, int64_t aPitch, const float *b, int steps, int rows, float *acc, int64_t accPitch, bool accumulate);
  /// The same over pairs of bf16 in 32-bit words, odd (high) element first. Null: pairs are unpacked and taken by `steps`.
  void (*pairs)(const uint32_t *a, int64_t aPitch, const uint32_t *b, int pairs, int rows, float *acc, int64_t accPitch, bool accumulate);
};

const KernelTable &scalarKernels();
const KernelTable &avx2Kernels();
const KernelTable &avx512Kernels();
const MatmulTable &scalarMatmul();
const MatmulTable &avx2Matmul();
const MatmulTable &avx512Matmul();
const MatmulTable &avx512Bf16Matmul();

/// The tables of activeVariant().
const KernelTable &kernels();
const MatmulTable &matmulKernels();

} // namespace manaslu::numerics
