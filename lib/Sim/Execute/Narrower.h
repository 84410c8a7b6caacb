// Rounding of fp32 results on their way into memory, as the instruction's `narrow` field says (docs/Numerics.md N18).
#pragma once

#include "lib/Numerics/Convert.h"
#include "lib/Numerics/Random.h"
#include "lib/Sim/Execute/Pattern.h"

namespace manaslu::sim {

/// A narrowing with its registers read. The default rounds to nearest even and saturates.
class Narrower {
public:
  Narrower() = default;
  Narrower(const isa::Narrowing &narrowing, Memory &memory);

  bool isStochastic() const { return stochastic_; }

  /// Walks the indices, less the first one, of one partition's elements; of all elements of a tile, partition outermost; of a device pattern.
  /// Only the cursor's offset, run and stride have a meaning. For rounding to nearest it is one endless run.
  Cursor indices(int partition, const std::array<isa::TileDim, 4> &dims) const;
  Cursor indices(const View &tile) const;
  Cursor indices(const DeviceView &device) const;

  /// Rounds n <= index.run() values; element i goes to target + i * strideElements * sizeOf(type).
  void narrow(const float *values, DType type, std::byte *target, int64_t strideElements, int64_t n, const Cursor &index) const;

  /// Rounds one partition's elements, whose free dimensions are `dims`, to contiguous ones.
  void narrowRow(int partition, const std::array<isa::TileDim, 4> &dims, const float *values, DType type, std::byte *target) const;

private:
  Cursor walk(const std::array<int64_t, 5> &sizes, int64_t first) const;

  bool stochastic_ = false;
  numerics::Overflow overflow_ = numerics::Overflow::Saturate;
  numerics::RandomSite site_{};
  uint64_t base_ = 0;
  std::array<int64_t, 5> strides_{};
};

} // namespace manaslu::sim
