// The matrix product for AVX-512 with BF16: vdpbf16ps takes the odd element of a pair first, then the even one, each a flushing fused step (N52).
#include "lib/Numerics/kernels/Table.h"

#include <immintrin.h>

namespace manaslu::numerics {
namespace {
#include "lib/Numerics/kernels/Avx512Matmul.inc"
#include "lib/Numerics/kernels/MatmulBlock.inc"

struct PairStep {
  using Word = uint32_t;
  using Operand = __m512i;
  static Operand load(const uint32_t *address) { return _mm512_loadu_si512(address); }
  static Operand load(const uint32_t *address, __mmask16 mask) { return _mm512_maskz_loadu_epi32(mask, address); }
  static Operand broadcast(const uint32_t *address) { return _mm512_set1_epi32(static_cast<int>(*address)); }
  static __m512 fuse(Operand a, Operand b, __m512 sum) { return _mm512_dpbf16_ps(sum, reinterpret_cast<__m512bh>(a), reinterpret_cast<__m512bh>(b)); }
};
} // namespace

const MatmulTable &avx512Bf16Matmul() {
  static constexpr MatmulTable table = {24, 14, 16, block<Avx512, SingleStep, 24, 14>, block<Avx512, PairStep, 24, 14>};
  return table;
}

} // namespace manaslu::numerics
