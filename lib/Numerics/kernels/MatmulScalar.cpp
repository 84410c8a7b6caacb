// The matrix product for any CPU: the flushing step in portable code, packed operands.
#include "lib/Numerics/kernels/Table.h"

namespace manaslu::numerics {
namespace {

#include "lib/Numerics/kernels/FlushingStep.inc"

constexpr int kColumns = 16;

void steps(const float *a, int64_t aPitch, const float *b, int steps, int rows, float *acc, int64_t accPitch, bool accumulate) {
  for (int r = 0; r < rows; ++r) {
    float sum[kColumns];
    for (int c = 0; c < kColumns; ++c)
      sum[c] = accumulate ? acc[r * accPitch + c] : 0.0f;
    for (int k = 0; k < steps; ++k) {
      float stationary = flushInput(a[k * aPitch + r]);
      for (int c = 0; c < kColumns; ++c)
        sum[c] = flushingStep(stationary, flushInput(b[k * kColumns + c]), flushInput(sum[c]));
    }
    for (int c = 0; c < kColumns; ++c) {
      uint32_t bits = __builtin_bit_cast(uint32_t, sum[c]);
      acc[r * accPitch + c] = __builtin_bit_cast(float, (bits & 0x7fffffffu) > 0x7f800000u ? 0x7fc00000u : bits);
    }
  }
}

} // namespace

const MatmulTable &scalarMatmul() {
  static constexpr MatmulTable table = {8, kColumns, steps, nullptr};
  return table;
}

} // namespace manaslu::numerics
