// The matrix product for AVX2 with FMA.
#include "lib/Numerics/kernels/Table.h"

#include <immintrin.h>

namespace manaslu::numerics {
namespace {

struct Avx2 {
  using Vector = __m256;
  static constexpr int lanes = 8;
  static __m256i firstLanes(int count) { return _mm256_cmpgt_epi32(_mm256_set1_epi32(count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)); }
  static Vector zero() { return _mm256_setzero_ps(); }
  static Vector load(const float *address) { return _mm256_loadu_ps(address); }
  static Vector load(const float *address, __m256i mask) { return _mm256_maskload_ps(address, mask); }
  static void store(float *address, Vector value) { _mm256_storeu_ps(address, value); }
  static void store(float *address, Vector value, __m256i mask) { _mm256_maskstore_ps(address, mask, value); }
  static Vector canonical(Vector value) {
    __m256 unordered = _mm256_cmp_ps(value, value, _CMP_UNORD_Q);
    return _mm256_blendv_ps(value, _mm256_castsi256_ps(_mm256_set1_epi32(0x7fc00000)), unordered);
  }
};

struct SingleStep {
  using Word = float;
  using Operand = __m256;
  static Operand load(const float *address) { return _mm256_loadu_ps(address); }
  static Operand load(const float *address, __m256i mask) { return _mm256_maskload_ps(address, mask); }
  static Operand broadcast(const float *address) { return _mm256_set1_ps(*address); }
  static __m256 fuse(Operand a, Operand b, __m256 sum) { return _mm256_fmadd_ps(a, b, sum); }
};

#include "lib/Numerics/kernels/MatmulBlock.inc"
} // namespace

const MatmulTable &avx2Matmul() {
  static constexpr MatmulTable table = {10, 6, 8, block<Avx2, SingleStep, 10, 6>, nullptr};
  return table;
}

} // namespace manaslu::numerics
