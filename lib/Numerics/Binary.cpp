// The two-input operations: scalar oracles, and the bulk calls into the kernels.
#include "lib/Numerics/Binary.h"

#include "lib/Numerics/Convert.h"
#include "lib/Numerics/Environment.h"
#include "lib/Numerics/kernels/Table.h"

#include <cmath>

namespace manaslu::numerics {

namespace {

// N22: IEEE 754-2019 maximum; a NaN wins, and of two zeros the positive one.
float maximum(float a, float b) {
  if (std::isnan(a) || std::isnan(b))
    return canonicalNaN();
  if (a == b)
    return std::signbit(a) ? b : a;
  return a > b ? a : b;
}

float minimum(float a, float b) { return -maximum(-a, -b); }

float apply(AluOperation operation, float a, float b) {
  switch (operation) {
  case AluOperation::Add: return a + b; // N20
  case AluOperation::Sub: return a - b;
  case AluOperation::Mul: return a * b;
  case AluOperation::Divide: return a / b; // N21
  case AluOperation::Max: return maximum(a, b);
  case AluOperation::Min: return minimum(a, b);
  case AluOperation::AbsMax: return maximum(std::fabs(a), std::fabs(b));
  case AluOperation::Eq: return a == b ? 1.0f : 0.0f; // N23
  case AluOperation::Ne: return a != b ? 1.0f : 0.0f;
  case AluOperation::Lt: return a < b ? 1.0f : 0.0f;
  case AluOperation::Le: return a <= b ? 1.0f : 0.0f;
  case AluOperation::Gt: return a > b ? 1.0f : 0.0f;
  case AluOperation::Ge: return a >= b ? 1.0f : 0.0f;
  case AluOperation::LogicalAnd: return a != 0.0f && b != 0.0f ? 1.0f : 0.0f; // N24
  case AluOperation::LogicalOr: return a != 0.0f || b != 0.0f ? 1.0f : 0.0f;
  case AluOperation::LogicalXor: return (a != 0.0f) != (b != 0.0f) ? 1.0f : 0.0f;
  case AluOperation::Bypass: return a; // N25
  }
  return canonicalNaN();
}

} // namespace

float evaluate(AluOperation operation, float a, float b) { return canonical(apply(operation, a, b)); }

void evaluate(AluOperation operation, const float *a, const float *b, float *out, int64_t n) {
  FloatEnvironment environment(SubnormalMode::Keep);
  kernels().binary[static_cast<int>(operation)].vectorVector(a, b, out, n);
}

void evaluate(AluOperation operation, const float *a, float b, float *out, int64_t n) {
  FloatEnvironment environment(SubnormalMode::Keep);
  kernels().binary[static_cast<int>(operation)].vectorScalar(a, b, out, n);
}

void evaluate(AluOperation operation, float a, const float *b, float *out, int64_t n) {
  FloatEnvironment environment(SubnormalMode::Keep);
  kernels().binary[static_cast<int>(operation)].scalarVector(a, b, out, n);
}

// N26, by way of 64 bits, where no operation overflows.
int32_t evaluate(IntegerOperation operation, int32_t a, int32_t b) {
  int64_t x = a, y = b;
  uint64_t unsignedX = static_cast<uint32_t>(a);
  bool inRange = b >= 0 && b < 32;
  switch (operation) {
  case IntegerOperation::Add: return static_cast<int32_t>(x + y);
  case IntegerOperation::Sub: return static_cast<int32_t>(x - y);
  case IntegerOperation::Mul: return static_cast<int32_t>(x * y);
  case IntegerOperation::And: return a & b;
  case IntegerOperation::Or: return a | b;
  case IntegerOperation::Xor: return a ^ b;
  case IntegerOperation::Shl: return inRange ? static_cast<int32_t>(unsignedX << b) : 0;
  case IntegerOperation::Shr: return inRange ? static_cast<int32_t>(unsignedX >> b) : 0;
  case IntegerOperation::Sar: return inRange ? a >> b : (a < 0 ? -1 : 0);
  case IntegerOperation::Min: return a < b ? a : b;
  case IntegerOperation::Max: return a > b ? a : b;
  case IntegerOperation::Eq: return a == b;
  case IntegerOperation::Ne: return a != b;
  case IntegerOperation::Lt: return a < b;
  case IntegerOperation::Le: return a <= b;
  case IntegerOperation::Gt: return a > b;
  case IntegerOperation::Ge: return a >= b;
  }
  return 0;
}

void evaluate(IntegerOperation operation, const int32_t *a, const int32_t *b, int32_t *out, int64_t n) {
  kernels().integer[static_cast<int>(operation)].vectorVector(a, b, out, n);
}

void evaluate(IntegerOperation operation, const int32_t *a, int32_t b, int32_t *out, int64_t n) {
  kernels().integer[static_cast<int>(operation)].vectorScalar(a, b, out, n);
}

} // namespace manaslu::numerics
