// Double-precision references: the C library's vector functions (at most 4 ULP of double) where it has them, else its scalar ones.
#include "test/exhaustive/Reference.h"

#include <cmath>

#if defined(__x86_64__) && defined(__GLIBC__)
#if __GLIBC_PREREQ(2, 35)
#define MANASLU_VECTOR_LIBM 1
#include <immintrin.h>
#endif
#endif

namespace manaslu::numerics::exhaustive {

namespace {

/// out[i] = f(in[i]) by the library.
template <double (*scalar)(double)> void scalarRow(const double *in, double *out, int64_t n) {
  for (int64_t i = 0; i < n; ++i)
    out[i] = scalar(in[i]);
}

#ifdef MANASLU_VECTOR_LIBM
extern "C" {
__m256d _ZGVdN4v_exp(__m256d);
__m256d _ZGVdN4v_exp2(__m256d);
__m256d _ZGVdN4v_expm1(__m256d);
__m256d _ZGVdN4v_log(__m256d);
__m256d _ZGVdN4v_log1p(__m256d);
__m256d _ZGVdN4v_tanh(__m256d);
__m256d _ZGVdN4v_erf(__m256d);
__m256d _ZGVdN4v_erfc(__m256d);
__m256d _ZGVdN4v_sin(__m256d);
__m256d _ZGVdN4v_cos(__m256d);
}
template <__m256d (*vector)(__m256d)> __attribute__((target("avx2"))) int64_t foursOf(const double *in, double *out, int64_t n) {
  int64_t i = 0;
  for (; i + 4 <= n; i += 4)
    _mm256_storeu_pd(out + i, vector(_mm256_loadu_pd(in + i)));
  return i;
}
template <__m256d (*vector)(__m256d), double (*scalar)(double)> void vectorRow(const double *in, double *out, int64_t n) {
  static const bool available = __builtin_cpu_supports("avx2");
  int64_t done = available ? foursOf<vector>(in, out, n) : 0;
  scalarRow<scalar>(in + done, out + done, n - done);
}
#define MANASLU_ROW(name) vectorRow<_ZGVdN4v_##name, ::name>
#else
#define MANASLU_ROW(name) scalarRow<::name>
#endif

constexpr int64_t kPiece = 2048;

/// x / (1 + e^-inner); the limit at -inf is -0.
void logisticRow(const double *x, const double *inner, double *out, int64_t n) {
  double negative[kPiece], power[kPiece];
  for (int64_t i = 0; i < n; ++i)
    negative[i] = -inner[i];
  MANASLU_ROW(exp)(negative, power, n);
  for (int64_t i = 0; i < n; ++i)
    out[i] = x[i] == -INFINITY ? -0.0 : x[i] / (1.0 + power[i]);
}

/// x / 2 erfc(-x / sqrt(2)).
void geluRow(const double *x, double *out, int64_t n) {
  double argument[kPiece], tail[kPiece];
  for (int64_t i = 0; i < n; ++i)
    argument[i] = x[i] * -0x1.6a09e667f3bcdp-1;
  MANASLU_ROW(erfc)(argument, tail, n);
  for (int64_t i = 0; i < n; ++i)
    out[i] = x[i] == -INFINITY ? -0.0 : 0.5 * x[i] * tail[i];
}

template <class F> void mapRow(const double *x, double *out, int64_t n, F f) {
  for (int64_t i = 0; i < n; ++i)
    out[i] = f(x[i]);
}

void piece(UnaryFunction function, const double *x, double *out, int64_t n) {
  double inner[kPiece];
  switch (function) {
  case UnaryFunction::Identity: return mapRow(x, out, n, [](double v) { return v; });
  case UnaryFunction::Exp: return MANASLU_ROW(exp)(x, out, n);
  case UnaryFunction::Exp2: return MANASLU_ROW(exp2)(x, out, n);
  case UnaryFunction::Log: return MANASLU_ROW(log)(x, out, n);
  case UnaryFunction::Log1p: return MANASLU_ROW(log1p)(x, out, n);
  case UnaryFunction::Expm1: return MANASLU_ROW(expm1)(x, out, n);
  case UnaryFunction::Tanh: return MANASLU_ROW(tanh)(x, out, n);
  case UnaryFunction::Erf: return MANASLU_ROW(erf)(x, out, n);
  case UnaryFunction::Sin: return MANASLU_ROW(sin)(x, out, n);
  case UnaryFunction::Cos: return MANASLU_ROW(cos)(x, out, n);
  case UnaryFunction::Silu: return logisticRow(x, x, out, n);
  case UnaryFunction::Gelu: return geluRow(x, out, n);
  case UnaryFunction::GeluTanh:
    mapRow(x, inner, n, [](double v) { return 2.0 * std::sqrt(2.0 / M_PI) * (v + 0.044715 * v * v * v); });
    return logisticRow(x, inner, out, n);
  case UnaryFunction::Sigmoid:
    mapRow(x, inner, n, [](double v) { return -v; });
    MANASLU_ROW(exp)(inner, out, n);
    return mapRow(out, out, n, [](double power) { return 1.0 / (1.0 + power); });
  case UnaryFunction::Sqrt: return mapRow(x, out, n, [](double v) { return std::sqrt(v); });
  case UnaryFunction::Rsqrt: return mapRow(x, out, n, [](double v) { return 1.0 / std::sqrt(v); });
  case UnaryFunction::Reciprocal: return mapRow(x, out, n, [](double v) { return 1.0 / v; });
  case UnaryFunction::Relu: return mapRow(x, out, n, [](double v) { return v > 0 || std::isnan(v) ? v : 0.0; });
  case UnaryFunction::Square: return mapRow(x, out, n, [](double v) { return v * v; });
  case UnaryFunction::Abs: return mapRow(x, out, n, [](double v) { return std::fabs(v); });
  case UnaryFunction::Sign: return mapRow(x, out, n, [](double v) { return std::isnan(v) ? v : (v > 0) - (v < 0); });
  case UnaryFunction::Floor: return mapRow(x, out, n, [](double v) { return std::floor(v); });
  }
}

} // namespace

void referenceRow(UnaryFunction function, const float *x, double *out, int64_t n) {
  double wide[kPiece];
  for (int64_t done = 0; done < n; done += kPiece) {
    int64_t count = n - done < kPiece ? n - done : kPiece;
    for (int64_t i = 0; i < count; ++i)
      wide[i] = x[done + i];
    piece(function, wide, out + done, count);
  }
}

} // namespace manaslu::numerics::exhaustive
