// Conversions: the scalar oracle by exact fp64 arithmetic, and the bulk calls into the kernels.
#include "lib/Numerics/Convert.h"

#include "lib/Numerics/Environment.h"
#include "lib/Numerics/kernels/Table.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <optional>

namespace manaslu::numerics {

namespace {

template <class T> T load(const void *address) {
  T value;
  std::memcpy(&value, address, sizeof(T));
  return value;
}

template <class T> void store(void *address, T value) { std::memcpy(address, &value, sizeof(T)); }

/// N10: what a float format is. `largest` is the code of the largest finite value; `infinity` is absent in e4m3fn.
struct Format {
  int exponentBits, mantissaBits;
  uint32_t largest, nan;
  std::optional<uint32_t> infinity;

  int bias() const { return (1 << (exponentBits - 1)) - 1; }
  uint32_t signBit() const { return 1u << (exponentBits + mantissaBits); }
};

Format formatOf(DType type) {
  switch (type) {
  case DType::BF16: return {8, 7, 0x7f7f, 0x7fc0, 0x7f80};
  case DType::F16: return {5, 10, 0x7bff, 0x7e00, 0x7c00};
  case DType::F8E4M3: return {4, 3, 0x7e, 0x7f, std::nullopt};
  case DType::F8E5M2: return {5, 2, 0x7b, 0x7e, 0x7c};
  default: return {3, 4, 0x6f, 0x78, 0x70};
  }
}

/// N11: the value of a code, exact in fp64.
double valueOf(const Format &format, uint32_t code) {
  uint32_t magnitude = code & (format.signBit() - 1);
  double sign = (code & format.signBit()) != 0 ? -1.0 : 1.0;
  if (magnitude > format.largest)
    return magnitude == format.infinity ? sign * INFINITY : NAN;
  uint32_t mantissa = magnitude & ((1u << format.mantissaBits) - 1);
  int exponent = static_cast<int>(magnitude >> format.mantissaBits);
  if (exponent > 0)
    mantissa |= 1u << format.mantissaBits;
  return sign * std::ldexp(static_cast<double>(mantissa), (exponent > 0 ? exponent : 1) - format.bias() - format.mantissaBits);
}

/// N12: the nearest code at or below the largest finite one plus one step, ties to the even code; magnitudes only grow with codes.
uint32_t nearestCode(const Format &format, double magnitude) {
  uint32_t low = 0, high = format.largest + 1; // code of the largest magnitude <= the argument
  while (high - low > 1) {
    uint32_t middle = low + (high - low) / 2;
    (valueOf(format, middle) <= magnitude ? low : high) = middle;
  }
  double below = valueOf(format, low);
  double step = low == format.largest ? below - valueOf(format, low - 1) : valueOf(format, low + 1) - below;
  double distance = magnitude - below;
  bool up = distance > step / 2 || (distance == step / 2 && low % 2 == 1);
  return up ? low + 1 : low;
}

uint32_t encode(DType type, const Format &format, float value, Overflow overflow) {
  if (std::isnan(value))
    return format.nan;
  uint32_t sign = std::signbit(value) ? format.signBit() : 0;
  uint32_t code = nearestCode(format, std::fabs(static_cast<double>(value)));
  if (code <= format.largest && !std::isinf(value))
    return sign | code;
  if (isFp8(type) && overflow == Overflow::Saturate) // N14
    return sign | format.largest;
  return format.infinity ? sign | *format.infinity : format.nan; // N15
}

/// N16.
int64_t toInteger(float value, int64_t low, int64_t high) {
  if (std::isnan(value))
    return 0;
  if (value <= static_cast<float>(low))
    return low;
  if (value >= static_cast<float>(high))
    return high;
  double whole = std::floor(static_cast<double>(value));
  double rest = static_cast<double>(value) - whole;
  auto integer = static_cast<int64_t>(whole);
  integer += rest > 0.5 || (rest == 0.5 && integer % 2 != 0) ? 1 : 0;
  return integer;
}

} // namespace

float canonicalNaN() { return std::bit_cast<float>(0x7fc00000u); }

// On the bits: to an optimiser one NaN is as good as another, and it may drop a floating-point select between two of them.
float canonical(float value) {
  uint32_t bits = std::bit_cast<uint32_t>(value);
  return std::bit_cast<float>((bits & 0x7fffffffu) > 0x7f800000u ? 0x7fc00000u : bits);
}

// N13.
float roundToTf32(float value) {
  uint32_t bits = std::bit_cast<uint32_t>(value);
  if (std::isnan(value))
    return canonicalNaN();
  uint32_t discarded = bits & 0x1fff;
  bits -= discarded;
  bool up = discarded > 0x1000 || (discarded == 0x1000 && (bits & 0x2000) != 0);
  return std::bit_cast<float>(up ? bits + 0x2000 : bits);
}

float toF32(DType type, const void *address) {
  switch (type) {
  case DType::F32:
  case DType::TF32: return load<float>(address);
  case DType::BF16:
  case DType::F16: return canonical(static_cast<float>(valueOf(formatOf(type), load<uint16_t>(address))));
  case DType::F8E4M3:
  case DType::F8E5M2:
  case DType::F8E3M4: return canonical(static_cast<float>(valueOf(formatOf(type), load<uint8_t>(address))));
  case DType::I8: return load<int8_t>(address);
  case DType::U8: return load<uint8_t>(address);
  case DType::I16: return load<int16_t>(address);
  case DType::I32: return static_cast<float>(load<int32_t>(address));
  case DType::Bool: return load<uint8_t>(address) != 0 ? 1.0f : 0.0f;
  }
  return canonicalNaN();
}

void fromF32(DType type, float value, void *address, Overflow overflow) {
  switch (type) {
  case DType::F32: return store<float>(address, canonical(value));
  case DType::TF32: return store<float>(address, roundToTf32(value));
  case DType::BF16:
  case DType::F16: return store(address, static_cast<uint16_t>(encode(type, formatOf(type), value, overflow)));
  case DType::F8E4M3:
  case DType::F8E5M2:
  case DType::F8E3M4: return store(address, static_cast<uint8_t>(encode(type, formatOf(type), value, overflow)));
  case DType::I8: return store(address, static_cast<int8_t>(toInteger(value, -128, 127)));
  case DType::U8: return store(address, static_cast<uint8_t>(toInteger(value, 0, 255)));
  case DType::I16: return store(address, static_cast<int16_t>(toInteger(value, -32768, 32767)));
  case DType::I32: return store(address, static_cast<int32_t>(toInteger(value, INT32_MIN, INT32_MAX)));
  case DType::Bool: return store<uint8_t>(address, value != 0.0f ? 1 : 0); // N17
  }
}

void widen(DType type, const std::byte *src, int64_t strideElements, float *dst, int64_t n) {
  FloatEnvironment environment(SubnormalMode::Keep);
  kernels().widen[static_cast<int>(type)](src, strideElements, dst, n);
}

void narrow(const float *src, DType type, std::byte *dst, int64_t strideElements, int64_t n, Overflow overflow) {
  FloatEnvironment environment(SubnormalMode::Keep);
  kernels().narrow[static_cast<int>(type)][static_cast<int>(overflow)](src, dst, strideElements, n);
}

void turn(const void *src, void *dst, size_t elementBytes) { kernels().turn[elementBytes == 4 ? 2 : elementBytes - 1](src, dst); }

} // namespace manaslu::numerics
