// Writing weights beside a stage's .mlir, so that the stage can be entered again.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "lib/Support/DType.h"
#include "lib/Support/Error.h"

namespace manaslu::driver {

/// One tensor of the file.
struct WeightEntry {
  std::string name;
  DType type = DType::F32;
  std::vector<int64_t> shape;
  std::span<const std::byte> bytes;
};

/// Writes a safetensors file, tensors in the order given. The file appears only when complete. Error: MN-IO-002.
Status writeSafetensors(const std::string &path, const std::vector<WeightEntry> &entries);

} // namespace manaslu::driver
