// Names of element types.
#include "lib/Support/DType.h"

namespace manaslu {

static constexpr std::string_view kNames[kDTypeCount] = {"f32", "tf32", "bf16", "f16", "f8e4m3", "f8e5m2", "f8e3m4", "i8", "u8", "i16", "i32", "bool"};

std::string_view nameOf(DType type) { return kNames[static_cast<int>(type)]; }

std::optional<DType> dtypeFromName(std::string_view name) {
  for (int i = 0; i < kDTypeCount; ++i)
    if (kNames[i] == name)
      return static_cast<DType>(i);
  return std::nullopt;
}

} // namespace manaslu
