// The scalar engine's functions: the scalar variant defines them, the active one computes them in bulk.
#include "lib/Numerics/Unary.h"

#include "lib/Numerics/Environment.h"
#include "lib/Numerics/kernels/Table.h"

namespace manaslu::numerics {

float evaluate(UnaryFunction function, float x) {
  FloatEnvironment environment(SubnormalMode::Keep);
  float y;
  scalarKernels().unary[static_cast<int>(function)](&x, &y, 1);
  return y;
}

void evaluate(UnaryFunction function, const float *x, float *y, int64_t n) {
  FloatEnvironment environment(SubnormalMode::Keep);
  kernels().unary[static_cast<int>(function)](x, y, n);
}

void affine(const float *x, float scale, float bias, float *y, int64_t n) {
  FloatEnvironment environment(SubnormalMode::Keep);
  kernels().affine(x, scale, bias, y, n);
}

} // namespace manaslu::numerics
