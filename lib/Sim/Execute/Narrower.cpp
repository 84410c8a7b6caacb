// Rounding of results: element indices by the instruction's strides, words and bits by lib/Numerics.
#include "lib/Sim/Execute/Narrower.h"

#include <algorithm>
#include <limits>

namespace manaslu::sim {

Narrower::Narrower(const isa::Narrowing &narrowing, Memory &memory)
    : stochastic_(narrowing.rounding == isa::Rounding::Stochastic), overflow_(static_cast<numerics::Overflow>(narrowing.overflow)) {
  if (!stochastic_)
    return;
  site_ = {narrowing.seed, narrowing.site, memory.readRegister(narrowing.stepReg)};
  base_ = narrowing.base + memory.readRegister(narrowing.baseReg) * static_cast<uint64_t>(int64_t{narrowing.baseScale}); // N63
  std::copy(narrowing.strides.begin(), narrowing.strides.end(), strides_.begin());
}

Cursor Narrower::walk(const std::array<int64_t, 5> &sizes, int64_t first) const {
  Pattern pattern;
  if (stochastic_)
    for (size_t i = 0; i < sizes.size(); ++i)
      pattern.push(strides_[i], sizes[i]);
  else
    pattern.push(0, std::numeric_limits<int64_t>::max());
  return Cursor(nullptr, pattern, first);
}

Cursor Narrower::indices(int partition, const std::array<isa::TileDim, 4> &dims) const {
  return walk({1, dims[0].size, dims[1].size, dims[2].size, dims[3].size}, partition * strides_[0]);
}

Cursor Narrower::indices(const View &tile) const {
  return walk({tile.partitions, tile.dims[0].size, tile.dims[1].size, tile.dims[2].size, tile.dims[3].size}, 0);
}

Cursor Narrower::indices(const DeviceView &device) const {
  return walk({device.dims[0].size, device.dims[1].size, device.dims[2].size, device.dims[3].size, device.dims[4].size}, 0);
}

void Narrower::narrow(const float *values, DType type, std::byte *target, int64_t strideElements, int64_t n, const Cursor &index) const {
  if (stochastic_)
    numerics::narrowStochastic(values, type, target, strideElements, n, site_, base_ + static_cast<uint64_t>(index.offset()), index.stride(), overflow_);
  else
    numerics::narrow(values, type, target, strideElements, n, overflow_);
}

void Narrower::narrowRow(int partition, const std::array<isa::TileDim, 4> &dims, const float *values, DType type, std::byte *target) const {
  int64_t count = int64_t{dims[0].size} * dims[1].size * dims[2].size * dims[3].size;
  Cursor index = indices(partition, dims);
  for (int64_t done = 0; done < count;) {
    int64_t n = std::min(count - done, index.run());
    narrow(values + done, type, target + done * sizeOf(type), 1, n, index);
    done += n;
    if (done < count)
      index.advance(n);
  }
}

} // namespace manaslu::sim
