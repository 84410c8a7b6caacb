// The matrix product for AVX-512.
#include "lib/Numerics/kernels/Table.h"

#include <immintrin.h>

namespace manaslu::numerics {
namespace {
#include "lib/Numerics/kernels/Avx512Matmul.inc"
#include "lib/Numerics/kernels/MatmulBlock.inc"
} // namespace

const MatmulTable &avx512Matmul() {
  static constexpr MatmulTable table = {14, 32, blockOfRows<Avx512, SingleStep, 14, 2>, nullptr};
  return table;
}

} // namespace manaslu::numerics
