// Bytes of constant regions: strided blocks of parameters, transposed and cast to the region's type.
#pragma once

#include "dialects/Tile/TileDialect.h"
#include "lib/Support/Error.h"

#include <cstddef>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

namespace manaslu::tile {

/// A parameter of the model: row-major elements that stay in place while packing.
struct ParameterData {
  DType type = DType::F32;
  std::vector<int64_t> shape;
  const std::byte *bytes = nullptr;
};

/// Finds a parameter by name.
using ParameterSource = std::function<std::optional<ParameterData>(std::string_view name)>;

/// The bytes of each constant region, in the order given. Work is spread over `threads`. Errors: MN-INTERNAL for an unknown parameter or a piece that leaves
/// its parameter or region.
Result<std::vector<std::vector<std::byte>>> packConstants(llvm::ArrayRef<RegionOp> regions, const ParameterSource &source, int threads);

/// The bytes that a state region starts with: the parameter of its name, cast to the region's type; empty, which means zeros, without such a parameter or when
/// it is all zeros. Error: MN-INTERNAL for a parameter of another size.
Result<std::vector<std::byte>> packState(RegionOp region, const ParameterSource &source);

} // namespace manaslu::tile
