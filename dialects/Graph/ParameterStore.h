// Weights by name: memory-mapped safetensors files, and parameters that the compiler computed from them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lib/Support/DType.h"
#include "lib/Support/Error.h"

namespace manaslu {

/// One weight: row-major little-endian elements. The bytes live as long as the store.
struct Parameter {
  DType type = DType::F32;
  std::vector<int64_t> shape;
  const std::byte *data = nullptr;

  /// Product of the shape.
  int64_t elements() const;
  /// Size of `data`.
  size_t bytes() const { return static_cast<size_t>(elements()) * sizeOf(type); }
};

/// Parameters by name, in sorted order. Not copyable: parameters point into it.
class ParameterStore {
public:
  ParameterStore() = default;
  ~ParameterStore();
  ParameterStore(const ParameterStore &) = delete;
  ParameterStore &operator=(const ParameterStore &) = delete;

  /// Maps a safetensors file and adds its tensors. int64 tensors are copied to int32 when every value fits. Errors: MN-IO-001, MN-IN-WEIGHTS.
  /// Tensors of types that the chip lacks are refused only when asked for (see reasonAgainst).
  Status addFile(const std::string &path);

  /// Adds a parameter with bytes of its own; replaces one of the same name. `data` has the size that type and shape ask for.
  void add(std::string name, DType type, std::vector<int64_t> shape, std::vector<std::byte> data);

  /// The parameter of that name, or null.
  const Parameter *find(std::string_view name) const;

  /// Why a tensor that the file has is not in the store; empty if there is no such tensor.
  std::string reasonAgainst(std::string_view name) const;

  /// All parameters by name.
  const std::map<std::string, Parameter, std::less<>> &all() const { return parameters_; }

private:
  struct Mapping {
    void *address;
    size_t size;
  };
  std::map<std::string, Parameter, std::less<>> parameters_;
  std::map<std::string, std::string, std::less<>> refused_;
  std::map<std::string, std::vector<std::byte>> owned_;
  std::vector<Mapping> mappings_;
};

} // namespace manaslu
