// Sums and other reductions in the order that the contract fixes, batch-norm statistics, and the scan.
#pragma once

#include "lib/Numerics/Binary.h"

#include <cstdint>

namespace manaslu::numerics {

/// Whether the operation has an identity and may be given to reduce: add, mul, max, min, abs_max, logical_and, logical_or, logical_xor.
bool isReducible(AluOperation operation);

/// The start value of every partial: add -0.0, mul 1, max -inf, min +inf, abs_max 0, and 1, or 0, xor 0; the canonical NaN when not reducible (N31).
float identityOf(AluOperation operation);

/// Oracle: the reduction of n contiguous elements in 32 partials and a tree (N30). n = 0 gives the identity; NaN canonical.
/// An operation that is not reducible gives the canonical NaN.
float reduceOracle(AluOperation operation, const float *x, int64_t n);

/// The same value, fast.
float reduce(AluOperation operation, const float *x, int64_t n);

/// What bn_stats leaves of a row and bn_aggr merges: element count, mean, and sum of squared distances from the mean, each an fp32 value.
struct BatchStatistics {
  float count;
  float mean;
  float m2;
};

/// Two passes over a contiguous row (N33): mean = sum / n, m2 = sum of (x - mean)^2, both sums in the order of N30. n = 0 gives zeros.
BatchStatistics batchStatistics(const float *x, int64_t n);

/// Chan's formula in fixed order (N34). A side whose count is 0 leaves the other unchanged. Merge left to right.
BatchStatistics merge(const BatchStatistics &a, const BatchStatistics &b);

/// out[i] = state = (state op0 a[i]) op1 b[i], left to right, one rounding per operation (N35). Returns the last state (initial when n = 0).
/// out may be a or b.
float scan(const float *a, const float *b, float initial, AluOperation op0, AluOperation op1, float *out, int64_t n);

} // namespace manaslu::numerics
