// The matrix product for AVX-512.
#include "lib/Numerics/kernels/Table.h"

#include <immintrin.h>

namespace manaslu::numerics {
namespace {
#include "lib/Numerics/kernels/Avx512Matmul.inc"
#include "lib/Numerics/kernels/MatmulBlock.inc"
} // namespace

const MatmulTable &avx512Matmul() {
  static constexpr MatmulTable table = {24, 14, 16, block<Avx512, SingleStep, 24, 14>, nullptr};
  return table;
}

} // namespace manaslu::numerics
