// The functions of the scalar engine: one fp32 value in, one out, the same bits on every host.
#pragma once

#include <cstdint>

namespace manaslu::numerics {

/// The functions, in the order of ActFunc in docs/Architecture.md. Errors, ranges and special values: N40 and the table behind it.
enum class UnaryFunction : uint8_t {
  Identity,
  Exp,
  Exp2,
  Log,
  Log1p,
  Expm1,
  Tanh,
  Sigmoid,
  Silu,
  Gelu,
  GeluTanh,
  Erf,
  Sin,
  Cos,
  Sqrt,
  Rsqrt,
  Reciprocal,
  Relu,
  Square,
  Abs,
  Sign,
  Floor
};

inline constexpr int kUnaryFunctionCount = 22;

/// Oracle: func(x), one rounding to fp32 at the end, NaN canonical.
float evaluate(UnaryFunction function, float x);

/// y[i] = evaluate(function, x[i]). x and y are the same array or do not overlap.
void evaluate(UnaryFunction function, const float *x, float *y, int64_t n);

/// y[i] = fma(x[i], scale, bias), one rounding, NaN canonical (N41). x and y are the same array or do not overlap.
void affine(const float *x, float scale, float bias, float *y, int64_t n);

} // namespace manaslu::numerics
