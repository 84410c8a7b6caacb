// Measures of closeness, in double precision.
#include "lib/Driver/Metrics.h"
#include "lib/Numerics/Convert.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>

namespace manaslu::driver {

namespace {

template <class T> double as(const std::byte *at) {
  T value;
  std::memcpy(&value, at, sizeof(T));
  return static_cast<double>(value);
}

double valueAt(const HostArray &array, int64_t i) {
  const std::byte *at = array.data.data() + i * sizeOf(array.type);
  switch (array.type) {
  case HostType::F16: return numerics::toF32(DType::F16, at);
  case HostType::BF16: return numerics::toF32(DType::BF16, at);
  case HostType::F32: return as<float>(at);
  case HostType::F64: return as<double>(at);
  case HostType::I8: return as<int8_t>(at);
  case HostType::I16: return as<int16_t>(at);
  case HostType::I32: return as<int32_t>(at);
  case HostType::I64: return as<int64_t>(at);
  case HostType::U8:
  case HostType::Bool: return as<uint8_t>(at);
  }
  return 0;
}

} // namespace

Closeness compareArrays(const std::string &name, const HostArray &actual, const HostArray &reference) {
  constexpr double infinite = std::numeric_limits<double>::infinity();
  Closeness result{name};
  double low = infinite, high = -infinite, signal = 0, noise = 0, actualSquare = 0, product = 0;
  for (int64_t i = 0; i < reference.elements(); ++i) {
    double x = valueAt(reference, i), y = valueAt(actual, i);
    if ((std::isnan(x) && std::isnan(y)) || x == y) {
      // Equal infinities and NaNs are agreement; only finite values enter the sums.
      if (!std::isfinite(x))
        continue;
    }
    double error = std::isfinite(x) && std::isfinite(y) ? std::fabs(x - y) : infinite;
    result.maxError = std::max(result.maxError, error);
    if (error == infinite)
      continue;
    low = std::min(low, x), high = std::max(high, x);
    signal += x * x, noise += error * error, actualSquare += y * y, product += x * y;
  }
  double range = high > low ? high - low : std::max(std::fabs(high), 1.0);
  result.maxErrorOverRange = result.maxError == 0 ? 0 : result.maxError / (std::isfinite(range) ? range : 1.0);
  result.sqnrDb = result.maxError == infinite ? -infinite : noise == 0 ? infinite : 10 * std::log10(signal / noise);
  result.cosine = result.maxError == infinite ? 0 : signal == 0 && actualSquare == 0 ? 1 : product / std::sqrt(signal * actualSquare);
  if (std::isnan(result.cosine))
    result.cosine = 0;
  return result;
}

Tolerances defaultTolerances(const std::vector<std::string> &types) {
  auto any = [&](std::string_view part) {
    return std::any_of(types.begin(), types.end(), [&](const std::string &type) { return type.find(part) != std::string::npos; });
  };
  if (any("fp8"))
    return {0.2, 15, 0.98};
  if (any("bf16"))
    return {0.1, 25, 0.999};
  if (any("fp16") || any("tf32"))
    return {0.02, 40, 0.9999};
  return {};
}

std::string shortNumber(double value) {
  if (std::isinf(value))
    return value > 0 ? "inf" : "-inf";
  char text[64];
  auto end = std::to_chars(text, text + sizeof(text), value, std::chars_format::general, 6).ptr;
  return std::string(text, end);
}

std::string misses(const Closeness &closeness, const Tolerances &tolerances) {
  std::string out;
  auto add = [&](const std::string &text) { out += (out.empty() ? "" : ", ") + text; };
  if (!(closeness.maxErrorOverRange <= tolerances.maxErrorOverRange))
    add("max error over range " + shortNumber(closeness.maxErrorOverRange) + " is above " + shortNumber(tolerances.maxErrorOverRange));
  if (!(closeness.sqnrDb >= tolerances.minSqnrDb))
    add("SQNR " + shortNumber(closeness.sqnrDb) + " dB is below " + shortNumber(tolerances.minSqnrDb) + " dB");
  if (!(closeness.cosine >= tolerances.minCosine))
    add("cosine " + shortNumber(closeness.cosine) + " is below " + shortNumber(tolerances.minCosine));
  return out;
}

} // namespace manaslu::driver
