// Which bytes of a memory have been written since the run began: finds reads of values that nobody wrote.
#pragma once

#include "lib/Sim/Machine/Footprint.h"
#include "lib/Sim/Machine/Pages.h"

#include <optional>
#include <vector>

namespace manaslu::sim {

/// One bit per 4-byte granule that is written whole, and one bit per byte for granules written in part; exact to the byte. Partitions are mostly written and
/// read alike, so there is also a row of bits for each group of them: it holds what was written in all partitions of the group at once.
class WrittenMap {
public:
  WrittenMap() = default;
  WrittenMap(int64_t partitions, int64_t bytesPerPartition);

  /// The host lacks the memory for the map.
  bool failed() const { return whole_.failed() || part_.failed() || group_.failed(); }
  /// Forgets everything.
  void clear();
  /// Marks the footprint written.
  void mark(const Placed &placed);
  struct Hole {
    int partition;
    int64_t byte;
  };
  /// The first byte of the footprint that was never written, or nothing.
  std::optional<Hole> firstHole(const Placed &placed);

private:
  /// Bytes known to be written whole. What is written stays so until clear(), so a footprint found whole once need not be looked at again.
  struct Whole {
    const Footprint *shape = nullptr; ///< null: every byte of the rectangle
    int64_t shift = 0;
    int first = 0, last = 0;
    int64_t low = 0, high = 0;
  };
  Whole &cellFor(const Placed &placed);
  bool isKnown(const Placed &placed);
  void remember(const Placed &placed);

  static constexpr int kGroup = 16; ///< partitions

  uint64_t *wholeRow(int64_t row) const { return reinterpret_cast<uint64_t *>(whole_.data()) + row * wholeWords_; }
  uint64_t *groupRow(int64_t row) const { return reinterpret_cast<uint64_t *>(group_.data()) + row / kGroup * wholeWords_; }
  uint8_t *partRow(int64_t row) const { return reinterpret_cast<uint8_t *>(part_.data()) + row * partBytes_; }
  void markRange(int64_t row, int64_t low, int64_t high);
  void markGroup(int64_t row, int64_t low, int64_t high);
  void markPart(int64_t row, int64_t granule, int64_t low, int64_t high);
  bool groupHolds(int64_t row, int64_t low, int64_t high) const;
  int64_t holeIn(int64_t row, int64_t low, int64_t high) const;

  int64_t wholeWords_ = 0; ///< 64-bit words of a row of `whole_`
  int64_t partBytes_ = 0;  ///< bytes of a row of `part_`: 4 bits a granule
  Pages whole_;            ///< what group_ does not hold
  Pages part_;
  Pages group_;
  std::vector<Whole> known_;
};

} // namespace manaslu::sim
