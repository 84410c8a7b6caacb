// The matrix product for any CPU: the flushing step in portable code.
#include "lib/Numerics/kernels/Table.h"

namespace manaslu::numerics {
namespace {

#include "lib/Numerics/kernels/FlushingStep.inc"

constexpr int kColumns = 16;

void block(const BlockTerm<float> *terms, int termCount, int rows, int columns, float *acc, int64_t accPitch, bool accumulate) {
  for (int r = 0; r < rows; ++r) {
    float sum[kColumns];
    for (int c = 0; c < columns; ++c)
      sum[c] = accumulate ? acc[r * accPitch + c] : 0.0f;
    for (const BlockTerm<float> *term = terms; term != terms + termCount; ++term)
      for (int k = 0; k < term->steps; ++k) {
        float stationary = flushInput(term->a[k * term->aPitch + r]);
        for (int c = 0; c < columns; ++c)
          sum[c] = flushingStep(stationary, flushInput(term->b[k * term->bPitch + c]), flushInput(sum[c]));
      }
    for (int c = 0; c < columns; ++c) {
      uint32_t bits = __builtin_bit_cast(uint32_t, sum[c]);
      acc[r * accPitch + c] = __builtin_bit_cast(float, (bits & 0x7fffffffu) > 0x7f800000u ? 0x7fc00000u : bits);
    }
  }
}

} // namespace

const MatmulTable &scalarMatmul() {
  static constexpr MatmulTable table = {8, 8, kColumns / 2, block, nullptr};
  return table;
}

} // namespace manaslu::numerics
