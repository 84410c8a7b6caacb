// Matching by name or position, and conversion of elements between host and device types.
#include "lib/Driver/Binding.h"
#include "lib/Numerics/Convert.h"
#include "lib/Numerics/Random.h"

#include <cmath>
#include <cstring>
#include <set>

namespace manaslu::driver {

namespace {

template <class T> T loadAs(const std::byte *at) {
  T value;
  std::memcpy(&value, at, sizeof(T));
  return value;
}

/// The chip's type with the same bits as a host type, if there is one.
std::optional<DType> sameBits(HostType type) {
  switch (type) {
  case HostType::F16: return DType::F16;
  case HostType::BF16: return DType::BF16;
  case HostType::F32: return DType::F32;
  case HostType::I8: return DType::I8;
  case HostType::I16: return DType::I16;
  case HostType::I32: return DType::I32;
  case HostType::U8: return DType::U8;
  default: return std::nullopt;
  }
}

int64_t integerAt(HostType type, const std::byte *at) {
  switch (type) {
  case HostType::I8: return loadAs<int8_t>(at);
  case HostType::I16: return loadAs<int16_t>(at);
  case HostType::I32: return loadAs<int32_t>(at);
  case HostType::U8: return loadAs<uint8_t>(at);
  case HostType::Bool: return loadAs<uint8_t>(at) != 0;
  default: return loadAs<int64_t>(at);
  }
}

/// The smallest and largest value of an integer type of the chip.
IntegerRange rangeOf(DType type) {
  switch (type) {
  case DType::I8: return {INT8_MIN, INT8_MAX};
  case DType::U8: return {0, UINT8_MAX};
  case DType::I16: return {INT16_MIN, INT16_MAX};
  case DType::Bool: return {0, 1};
  default: return {INT32_MIN, INT32_MAX};
  }
}

bool isFloat(HostType type) { return type <= HostType::F64; }

Result<std::vector<std::byte>> narrowIntegers(const HostArray &array, const isa::Region &region, std::optional<IntegerRange> range) {
  int64_t count = array.elements(), from = sizeOf(array.type), to = manaslu::sizeOf(region.type);
  auto [low, high] = rangeOf(region.type);
  std::string limit = "the chip's " + std::string(nameOf(region.type));
  if (range && (range->first > low || range->second < high)) {
    low = std::max(low, range->first);
    high = std::min(high, range->second);
    limit = "what the program's integer arithmetic was compiled for";
  }
  std::vector<std::byte> bytes(count * to);
  for (int64_t i = 0; i < count; ++i) {
    int64_t value = integerAt(array.type, array.data.data() + i * from);
    if (region.type == DType::Bool)
      value = value != 0;
    if (value < low || value > high)
      return Error("MN-RUN-RANGE",
                   "element " + std::to_string(i) + " is " + std::to_string(value) + ", outside " + std::to_string(low) + " to " + std::to_string(high) +
                       " of " + limit,
                   "input " + region.name);
    std::memcpy(bytes.data() + i * to, &value, to); // little endian: the low bytes come first
  }
  return bytes;
}

} // namespace

HostType hostTypeOf(const isa::Region &region) {
  if (auto named = hostTypeFromName(region.hostType))
    return *named;
  switch (region.type) {
  case DType::BF16: return HostType::BF16;
  case DType::F16: return HostType::F16;
  case DType::I8: return HostType::I8;
  case DType::U8: return HostType::U8;
  case DType::I16: return HostType::I16;
  case DType::I32: return HostType::I32;
  case DType::Bool: return HostType::Bool;
  default: return HostType::F32;
  }
}

std::vector<TensorSignature> signatureOf(const isa::Program &program, isa::RegionKind kind) {
  std::vector<TensorSignature> signature;
  for (const isa::Region &region : program.regions)
    if (region.kind == kind)
      signature.push_back({region.name, hostTypeOf(region), region.shape});
  return signature;
}

std::string describeSignature(const std::vector<TensorSignature> &signature, std::string_view what) {
  std::string out;
  for (size_t i = 0; i < signature.size(); ++i)
    out += "  " + std::string(what) + " " + std::to_string(i) + "  " + signature[i].name + "  " + describe(signature[i].type, signature[i].shape) + "\n";
  return out;
}

Result<std::vector<const HostArray *>> matchArrays(const NamedArrays &arrays, const std::vector<TensorSignature> &signature, std::string_view what,
                                                   bool partial) {
  std::vector<const HostArray *> matched(signature.size(), nullptr);
  std::string problems;
  auto problem = [&](const std::string &text) { problems += (problems.empty() ? "" : "; ") + text; };
  for (const auto &[name, array] : arrays) {
    size_t index = signature.size();
    for (size_t i = 0; i < signature.size(); ++i)
      if (signature[i].name == name)
        index = i;
    // A position only counts when no entry has that name.
    for (size_t i = 0; i < signature.size() && index == signature.size(); ++i)
      if (std::to_string(i) == name)
        index = i;
    if (index == signature.size()) {
      problem("there is no " + std::string(what) + " '" + name + "'");
      continue;
    }
    const TensorSignature &entry = signature[index];
    if (matched[index])
      problem(std::string(what) + " " + entry.name + " is given twice");
    else if (array.type != entry.type || array.shape != entry.shape)
      problem(std::string(what) + " " + entry.name + " is " + describe(array.type, array.shape) + ", not " + describe(entry.type, entry.shape));
    matched[index] = &array;
  }
  for (size_t i = 0; i < signature.size() && !partial; ++i)
    if (!matched[i])
      problem(std::string(what) + " " + signature[i].name + " is missing");
  if (!problems.empty())
    return Error("MN-RUN-INPUT", problems + ". The program takes:\n" + describeSignature(signature, what));
  return matched;
}

Result<std::vector<std::byte>> toDevice(const HostArray &array, const isa::Region &region, std::optional<IntegerRange> range) {
  if (sameBits(array.type) == region.type)
    return array.data;
  if (!isFloat(array.type) && isInteger(region.type))
    return narrowIntegers(array, region, range);
  int64_t count = array.elements(), to = manaslu::sizeOf(region.type);
  std::vector<std::byte> bytes(count * to);
  auto source = sameBits(array.type);
  if (!source)
    return Error("MN-RUN-INPUT", "cannot convert " + std::string(nameOf(array.type)) + " to the chip's " + std::string(nameOf(region.type)),
                 "input " + region.name);
  std::vector<float> wide(count);
  numerics::widen(*source, array.data.data(), 1, wide.data(), count);
  numerics::narrow(wide.data(), region.type, bytes.data(), 1, count);
  return bytes;
}

HostArray toHost(std::span<const std::byte> bytes, const isa::Region &region) {
  HostArray array{hostTypeOf(region), region.shape, {}};
  int64_t count = array.elements(), from = manaslu::sizeOf(region.type), to = sizeOf(array.type);
  array.data.resize(count * to);
  auto target = sameBits(array.type);
  if (target == region.type) {
    std::memcpy(array.data.data(), bytes.data(), array.data.size());
    return array;
  }
  if (isInteger(region.type) && !isFloat(array.type)) {
    HostType stored = region.type == DType::Bool  ? HostType::Bool
                      : region.type == DType::U8  ? HostType::U8
                      : region.type == DType::I8  ? HostType::I8
                      : region.type == DType::I16 ? HostType::I16
                                                  : HostType::I32;
    for (int64_t i = 0; i < count; ++i) {
      int64_t value = integerAt(stored, bytes.data() + i * from);
      std::memcpy(array.data.data() + i * to, &value, to);
    }
    return array;
  }
  std::vector<float> wide(count);
  numerics::widen(region.type, bytes.data(), 1, wide.data(), count);
  if (target)
    numerics::narrow(wide.data(), *target, array.data.data(), 1, count);
  else
    for (int64_t i = 0; i < count; ++i) {
      double value = wide[i];
      int64_t whole = static_cast<int64_t>(wide[i]);
      std::memcpy(array.data.data() + i * to, array.type == HostType::F64 ? static_cast<const void *>(&value) : &whole, to);
    }
  return array;
}

HostArray drawArray(const TensorSignature &signature, uint64_t seed, uint32_t stream, int64_t limit) {
  HostArray array{signature.type, signature.shape, {}};
  int64_t count = array.elements(), size = sizeOf(array.type);
  array.data.resize(count * size);
  for (int64_t i = 0; i < count; ++i) {
    auto words = numerics::philox(seed, {static_cast<uint32_t>(i), static_cast<uint32_t>(i >> 32), stream, 0});
    std::byte *at = array.data.data() + i * size;
    uint64_t bits = uint64_t(words[0]) << 32 | words[1];
    if (!isFloat(array.type)) {
      int64_t value = static_cast<int64_t>((static_cast<unsigned __int128>(bits) * static_cast<uint64_t>(limit)) >> 64);
      std::memcpy(at, &value, size);
      continue;
    }
    // Box-Muller on two uniform numbers of 53 bits; the first is never zero.
    double first = (static_cast<double>(bits >> 11) + 1) * 0x1p-53, second = static_cast<double>((uint64_t(words[2]) << 32 | words[3]) >> 11) * 0x1p-53;
    double value = std::sqrt(-2 * std::log(first)) * std::cos(6.283185307179586 * second);
    if (array.type == HostType::F64)
      std::memcpy(at, &value, size);
    else
      numerics::fromF32(*sameBits(array.type), static_cast<float>(value), at);
  }
  return array;
}

} // namespace manaslu::driver
