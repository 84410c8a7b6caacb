// The two-input operations of the vector engine (fp32) and of the gpsimd engine (int32).
#pragma once

#include <cstdint>

namespace manaslu::numerics {

/// The fp32 operations, in the order of AluOp in docs/Architecture.md (N20 to N25). Comparisons and logic give 1.0 or 0.0. Bypass gives a.
enum class AluOperation : uint8_t { Add, Sub, Mul, Max, Min, Divide, Eq, Ne, Lt, Le, Gt, Ge, LogicalAnd, LogicalOr, LogicalXor, AbsMax, Bypass };

inline constexpr int kAluOperationCount = 17;

/// Oracle: a op b, one IEEE fp32 operation to nearest even, subnormals kept, NaN canonical.
float evaluate(AluOperation operation, float a, float b);

/// out[i] = a[i] op b[i]. out may be a or b; otherwise the arrays do not overlap.
void evaluate(AluOperation operation, const float *a, const float *b, float *out, int64_t n);

/// out[i] = a[i] op b. out may be a.
void evaluate(AluOperation operation, const float *a, float b, float *out, int64_t n);

/// out[i] = a op b[i]. out may be b.
void evaluate(AluOperation operation, float a, const float *b, float *out, int64_t n);

/// The int32 operations, in the order of IntOp in docs/Architecture.md (N26). Comparisons give 1 or 0.
enum class IntegerOperation : uint8_t { Add, Sub, Mul, And, Or, Xor, Shl, Shr, Sar, Min, Max, Eq, Ne, Lt, Le, Gt, Ge };

inline constexpr int kIntegerOperationCount = 17;

/// Oracle: a op b modulo 2^32. A shift amount outside 0..31 gives 0 (shl, shr) or the sign fill (sar).
int32_t evaluate(IntegerOperation operation, int32_t a, int32_t b);

/// out[i] = a[i] op b[i]. out may be a or b.
void evaluate(IntegerOperation operation, const int32_t *a, const int32_t *b, int32_t *out, int64_t n);

/// out[i] = a[i] op b. out may be a.
void evaluate(IntegerOperation operation, const int32_t *a, int32_t b, int32_t *out, int64_t n);

} // namespace manaslu::numerics
