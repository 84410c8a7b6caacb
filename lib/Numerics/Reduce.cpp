// Reductions, batch-norm statistics and the scan.
#include "lib/Numerics/Reduce.h"

#include "lib/Numerics/Convert.h"
#include "lib/Numerics/Environment.h"
#include "lib/Numerics/kernels/Table.h"

#include <array>
#include <cmath>

namespace manaslu::numerics {

// N32.
bool isReducible(AluOperation operation) { return scalarKernels().reduce[static_cast<int>(operation)] != nullptr; }

float identityOf(AluOperation operation) {
  switch (operation) {
  case AluOperation::Add: return -0.0f;
  case AluOperation::Mul:
  case AluOperation::LogicalAnd: return 1.0f;
  case AluOperation::Max: return -INFINITY;
  case AluOperation::Min: return INFINITY;
  case AluOperation::AbsMax:
  case AluOperation::LogicalOr:
  case AluOperation::LogicalXor: return 0.0f;
  default: return canonicalNaN();
  }
}

// N30.
float reduceOracle(AluOperation operation, const float *x, int64_t n) {
  if (!isReducible(operation))
    return canonicalNaN();
  std::array<float, 32> partial;
  partial.fill(identityOf(operation));
  for (int64_t i = 0; i < n; ++i)
    partial[i % 32] = evaluate(operation, partial[i % 32], x[i]);
  for (int distance : {16, 8, 4, 2, 1})
    for (int j = 0; j < distance; ++j)
      partial[j] = evaluate(operation, partial[j], partial[j + distance]);
  return canonical(partial[0]);
}

float reduce(AluOperation operation, const float *x, int64_t n) {
  ReduceKernel kernel = kernels().reduce[static_cast<int>(operation)];
  if (!kernel)
    return canonicalNaN();
  FloatEnvironment environment(SubnormalMode::Keep);
  return kernel(x, n);
}

// N33.
BatchStatistics batchStatistics(const float *x, int64_t n) {
  if (n <= 0)
    return {0.0f, 0.0f, 0.0f};
  float count = static_cast<float>(n);
  float mean = evaluate(AluOperation::Divide, reduce(AluOperation::Add, x, n), count);
  FloatEnvironment environment(SubnormalMode::Keep);
  return {count, mean, kernels().squaredDistance(x, mean, n)};
}

// N34.
BatchStatistics merge(const BatchStatistics &a, const BatchStatistics &b) {
  if (b.count == 0.0f)
    return a;
  if (a.count == 0.0f)
    return b;
  float count = a.count + b.count;
  float ratio = b.count / count;
  float delta = b.mean - a.mean;
  float step = delta * ratio;
  float square = delta * delta;
  float weight = a.count * ratio;
  float between = square * weight;
  float within = a.m2 + b.m2;
  return {canonical(count), canonical(a.mean + step), canonical(within + between)};
}

// N35.
float scan(const float *a, const float *b, float initial, AluOperation op0, AluOperation op1, float *out, int64_t n) {
  if (n <= 0)
    return initial;
  if (op0 == AluOperation::Mul && op1 == AluOperation::Add) {
    FloatEnvironment environment(SubnormalMode::Keep);
    kernels().scanMulAdd(a, b, initial, out, n);
    return out[n - 1];
  }
  float state = initial;
  for (int64_t i = 0; i < n; ++i)
    out[i] = state = evaluate(op1, evaluate(op0, state, a[i]), b[i]);
  return state;
}

} // namespace manaslu::numerics
