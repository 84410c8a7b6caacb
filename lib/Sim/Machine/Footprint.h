// The bytes that an operand touches, as a shape that can be shifted by a register: bounds, overlap, runs.
#pragma once

#include "lib/Sim/Execute/Rows.h"
#include "lib/Sim/Operands.h"

namespace manaslu::sim {

/// Bytes of one memory: partitions first .. last - 1 (device regions are one partition), in each the runs of a coalesced pattern that starts at `offset`.
/// All offsets are relative to the register's contribution, the "shift".
struct Footprint {
  int memory = 0; ///< 0 SBUF, 1 PSUM, 2 + region
  int firstPartition = 0;
  int lastPartition = 1; ///< exclusive
  int64_t offset = 0;
  int64_t low = 0;  ///< lowest byte
  int64_t high = 0; ///< past the highest byte
  int elementBytes = 1;
  Pattern pattern;
  bool dense = false;  ///< every byte of [low, high) is touched
  bool lasting = true; ///< the object lives as long as the machine: its address stands for its contents
  uint8_t reg = 0;
  int64_t scale = 1; ///< shift = R[reg] * scale

  bool isDevice() const { return memory >= 2; }
};

Footprint footprintOf(const OperandUse &use);

/// A footprint at a place.
struct Placed {
  const Footprint *shape = nullptr;
  int64_t shift = 0;

  int64_t low() const { return shape->low + shift; }
  int64_t high() const { return shape->high + shift; }
};

/// Calls run(low, high) for each contiguous run of bytes of one partition, in the pattern's order; stops when it gives false, and then gives false.
template <class F> bool forEachByteRun(const Placed &placed, F &&run) {
  const Pattern &pattern = placed.shape->pattern;
  int64_t start = placed.shape->offset + placed.shift, bytes = placed.shape->elementBytes;
  int rank = pattern.rank;
  if (rank > 0 && pattern.dims[rank - 1].stride == bytes)
    bytes *= pattern.dims[--rank].size;
  std::array<int64_t, 6> index{};
  while (true) {
    if (!run(start, start + bytes))
      return false;
    int i = rank - 1;
    for (; i >= 0; --i) {
      start += pattern.dims[i].stride;
      if (++index[i] < pattern.dims[i].size)
        break;
      start -= pattern.dims[i].stride * pattern.dims[i].size;
      index[i] = 0;
    }
    if (i < 0)
      return true;
  }
}

/// A rectangle of one memory: bytes [low, high) of partitions [firstPartition, lastPartition).
struct Box {
  int memory = 0; ///< as in Footprint
  int firstPartition = 0, lastPartition = 0;
  int64_t low = 0, high = 0;

  Box() = default;
  Box(int memory, int firstPartition, int lastPartition, int64_t low, int64_t high)
      : memory(memory), firstPartition(firstPartition), lastPartition(lastPartition), low(low), high(high) {}
  /// The one around a footprint.
  explicit Box(const Placed &placed)
      : memory(placed.shape->memory), firstPartition(placed.shape->firstPartition), lastPartition(placed.shape->lastPartition), low(placed.low()),
        high(placed.high()) {}

  bool overlaps(const Box &other) const {
    return low < other.high && other.low < high && memory == other.memory && firstPartition < other.lastPartition && other.firstPartition < lastPartition;
  }
  bool contains(const Box &other) const {
    return memory == other.memory && firstPartition <= other.firstPartition && other.lastPartition <= lastPartition && low <= other.low && other.high <= high;
  }
};

/// The footprints share a byte, exactly.
bool overlap(const Placed &a, const Placed &b);

/// Every byte of `inner` is a byte of `outer`; may say false for patterns that are not dense.
bool covers(const Placed &outer, const Placed &inner);

} // namespace manaslu::sim
