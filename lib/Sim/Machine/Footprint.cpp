// Overlap of access patterns.
#include "lib/Sim/Machine/Footprint.h"

namespace manaslu::sim {

namespace {

void measure(Footprint &footprint) {
  footprint.low = footprint.offset;
  footprint.high = footprint.offset + footprint.elementBytes;
  for (int i = 0; i < footprint.pattern.rank; ++i) {
    int64_t span = footprint.pattern.dims[i].stride * (footprint.pattern.dims[i].size - 1);
    (span < 0 ? footprint.low : footprint.high) += span;
  }
  // Coalesced patterns of positive strides without gaps are dense; others are merely not known to be.
  footprint.dense = footprint.pattern.isContiguous(footprint.elementBytes);
}

using Runs = std::vector<std::pair<int64_t, int64_t>>;

Runs sortedRuns(const Placed &placed, int64_t low, int64_t high) {
  Runs runs;
  forEachByteRun(placed, [&](int64_t begin, int64_t end) {
    if (begin < high && low < end)
      runs.emplace_back(begin, end);
    return true;
  });
  std::sort(runs.begin(), runs.end());
  return runs;
}

} // namespace

Footprint footprintOf(const OperandUse &use) {
  Footprint footprint;
  if (use.isTile()) {
    const isa::TileOperand &tile = use.tile();
    footprint.memory = tile.space == isa::Space::Psum ? 1 : 0;
    footprint.firstPartition = tile.partition;
    footprint.lastPartition = tile.partition + tile.partitions;
    footprint.offset = tile.offset;
    footprint.elementBytes = sizeOf(tile.type);
    footprint.reg = tile.reg;
    for (const isa::TileDim &dim : tile.dims)
      footprint.pattern.push(int64_t(dim.stride) * footprint.elementBytes, dim.size);
  } else {
    const isa::DeviceOperand &device = use.device();
    footprint.memory = 2 + device.region;
    footprint.offset = static_cast<int64_t>(device.offset);
    footprint.elementBytes = sizeOf(device.type);
    footprint.reg = device.reg;
    footprint.scale = device.scale;
    for (const isa::DeviceDim &dim : device.dims)
      footprint.pattern.push(dim.stride, dim.size);
  }
  measure(footprint);
  return footprint;
}

bool overlap(const Placed &a, const Placed &b) {
  if (!Box(a).overlaps(Box(b)))
    return false;
  if (a.shape->dense && b.shape->dense)
    return true;
  int64_t low = std::max(a.low(), b.low()), high = std::min(a.high(), b.high());
  if (a.shape->dense || b.shape->dense) {
    const Placed &sparse = a.shape->dense ? b : a;
    return !forEachByteRun(sparse, [&](int64_t begin, int64_t end) { return !(begin < high && low < end); });
  }
  Runs left = sortedRuns(a, low, high), right = sortedRuns(b, low, high);
  size_t i = 0, j = 0;
  // Sweep by start: two runs of different lists overlap iff one starts before the other list's farthest end so far.
  int64_t reachOther[2] = {INT64_MIN, INT64_MIN};
  while (i < left.size() || j < right.size()) {
    bool takeLeft = j == right.size() || (i < left.size() && left[i] < right[j]);
    auto [begin, end] = takeLeft ? left[i++] : right[j++];
    if (begin < reachOther[takeLeft ? 1 : 0])
      return true;
    int64_t &mine = reachOther[takeLeft ? 0 : 1];
    mine = std::max(mine, end);
  }
  return false;
}

bool covers(const Placed &outer, const Placed &inner) {
  const Footprint &a = *outer.shape, &b = *inner.shape;
  if (a.memory != b.memory || a.firstPartition > b.firstPartition || a.lastPartition < b.lastPartition)
    return false;
  if (a.dense)
    return outer.low() <= inner.low() && inner.high() <= outer.high();
  if (a.offset + outer.shift != b.offset + inner.shift || a.elementBytes != b.elementBytes || a.pattern.rank != b.pattern.rank)
    return false;
  for (int i = 0; i < a.pattern.rank; ++i)
    if (a.pattern.dims[i].stride != b.pattern.dims[i].stride || a.pattern.dims[i].size != b.pattern.dims[i].size)
      return false;
  return true;
}

} // namespace manaslu::sim
