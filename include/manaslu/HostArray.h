// Tensors as the host sees them: what goes into a program and comes out, and their .npz files.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/Support/Error.h"

namespace manaslu {

/// An element type of the host. NumPy has no bf16: it is read from and written as two raw bytes (`V2`).
enum class HostType : uint8_t { F16, BF16, F32, F64, I8, I16, I32, I64, U8, Bool };

/// Bytes of one element.
int64_t sizeOf(HostType type);

/// "float16" "bfloat16" "float32" "float64" "int8" "int16" "int32" "int64" "uint8" "bool".
std::string_view nameOf(HostType type);

/// The type of that name, or nothing.
std::optional<HostType> hostTypeFromName(std::string_view name);

/// A dense array in C order, little endian.
struct HostArray {
  HostType type = HostType::F32;
  std::vector<int64_t> shape;
  std::vector<std::byte> data; ///< product(shape) * sizeOf(type) bytes

  int64_t elements() const {
    int64_t n = 1;
    for (int64_t size : shape)
      n *= size;
    return n;
  }
};

/// "float32[1, 128, 768]".
std::string describe(HostType type, const std::vector<int64_t> &shape);

/// Arrays by name, in the order of the file or signature.
using NamedArrays = std::vector<std::pair<std::string, HostArray>>;

/// Reads an .npz file: stored or deflated entries, .npy versions 1 to 3. Errors: MN-IN-NPZ-*, MN-IO-001.
Result<NamedArrays> readNpz(const std::string &path);

/// Writes an uncompressed .npz that NumPy reads; the same arrays give the same bytes. The file appears only when complete. Errors: MN-IO-002, MN-IN-NPZ-LIMIT.
Status writeNpz(const std::string &path, const NamedArrays &arrays);

} // namespace manaslu
