// The element types of the chip: names, sizes and classes. Bits and rounding are lib/Numerics.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace manaslu {

/// A storage type. The number is the code in instruction encodings and never changes.
enum class DType : uint8_t { F32 = 0, TF32 = 1, BF16 = 2, F16 = 3, F8E4M3 = 4, F8E5M2 = 5, F8E3M4 = 6, I8 = 7, U8 = 8, I16 = 9, I32 = 10, Bool = 11 };

inline constexpr int kDTypeCount = 12;

/// Bytes of one element in memory (tf32 lives in an fp32 container).
constexpr int sizeOf(DType type) {
  switch (type) {
  case DType::F32:
  case DType::TF32:
  case DType::I32: return 4;
  case DType::BF16:
  case DType::F16:
  case DType::I16: return 2;
  default: return 1;
  }
}

constexpr bool isFloat(DType type) { return type <= DType::F8E3M4; }
constexpr bool isFp8(DType type) { return type >= DType::F8E4M3 && type <= DType::F8E3M4; }
constexpr bool isInteger(DType type) { return type >= DType::I8; }

/// "f32" "tf32" "bf16" "f16" "f8e4m3" "f8e5m2" "f8e3m4" "i8" "u8" "i16" "i32" "bool".
std::string_view nameOf(DType type);

/// The type of that name, or nothing.
std::optional<DType> dtypeFromName(std::string_view name);

} // namespace manaslu
