// Loads into SBUF whose bytes have not been copied: a matmul reads weights where they lie in device memory, and nothing else reads most of them.
#pragma once

#include "lib/Sim/Machine/Deferred.h"

#include <optional>

namespace manaslu::sim {

/// Loads that have been issued but of which no byte has been copied. Their sources do not change during the run.
class PendingLoads {
public:
  /// `anySize`: take the smallest loads, too.
  PendingLoads(const CoreMemory &memory, Deferred &deferred, bool anySize);

  /// Remembers that the bytes of `box`, which `tile` fills without gaps, are those of `source`, which has the same type. False when the source's rows are too
  /// short or too irregular, or the tile too small, to be worth it: then the caller copies. No pending load overlaps the box.
  bool add(const View &tile, const Box &box, const DeviceView &source);
  /// Where the tile's bytes can be read: in the source of the one load that gives all of them; nothing when they are in SBUF, to which loads that give some
  /// of them are copied.
  std::optional<View> find(const View &tile, const Box &box);
  /// Copies the loads that overlap the box, which is about to be read or written in part.
  void settle(const Box &box);
  /// All bytes of the box are about to be written: what is pending of them is not needed any more.
  void overwrite(const Box &box);

private:
  struct Load {
    Box box;
    const std::byte *source; ///< of the box's first byte
    int64_t pitch;           ///< from one partition's bytes to the next one's
  };
  static constexpr int64_t kBuckets = 64;

  void insert(const Load &load);
  void erase(size_t number);
  void copy(const Load &load);
  /// Numbers of the loads that overlap the box, ascending.
  const std::vector<size_t> &overlapping(const Box &box);
  int64_t bucketOf(int64_t byte) const { return byte / bucketBytes_; }

  const CoreMemory &memory_;
  Deferred &deferred_;
  int64_t leastBytes_, leastPiece_, bucketBytes_;
  std::vector<std::optional<Load>> loads_;
  std::vector<size_t> free_;                          ///< numbers without a load
  std::array<std::vector<size_t>, kBuckets> buckets_; ///< numbers of the loads that touch a bucket's bytes
  std::vector<size_t> found_;
};

} // namespace manaslu::sim
