// What each stream knows to have happened: vector clocks, and the log of accesses in which unordered conflicts are found.
#pragma once

#include "lib/Sim/Machine/Footprint.h"

#include <memory>
#include <vector>

namespace manaslu::sim {

/// A timeline is a stream (0 .. 19) or a chain of DMA instructions of which each was issued knowing that the one before had completed.
using Timeline = uint32_t;

/// For each timeline the latest epoch known to be complete; absent ones are 0.
class Knowledge {
public:
  uint32_t of(Timeline timeline) const { return timeline < epochs_->size() ? (*epochs_)[timeline] : 0; }
  void learn(Timeline timeline, uint32_t epoch);
  /// Learns everything that `other` knows.
  void join(const Knowledge &other);
  size_t size() const { return epochs_->size(); }

private:
  std::vector<uint32_t> &own();
  std::shared_ptr<std::vector<uint32_t>> epochs_ = std::make_shared<std::vector<uint32_t>>();
};

/// An access by an instruction, as remembered.
struct LoggedAccess {
  Placed placed;
  Timeline timeline;
  uint32_t epoch;
  uint32_t instruction;
  uint8_t stream;
  bool writes;
};

/// The accesses to one memory that later ones may still conflict with: by stretches of bytes, and in each by timeline, in the order of epochs. What an accessor
/// knows of a timeline is a prefix of it, so that mostly one comparison with the latest epoch answers for all of its accesses.
class AccessLog {
public:
  /// `bytes` of one partition.
  explicit AccessLog(int64_t bytes);

  /// Who accesses: its timelines are always ordered before it, and what `knowledge` says.
  struct Accessor {
    const Knowledge &knowledge;
    Timeline timeline;
    Timeline ring;
  };
  /// Logs the access; gives an earlier access that conflicts and is not ordered before it, if there is one. A timeline's accesses come in the order of epochs.
  std::optional<LoggedAccess> add(const LoggedAccess &access, const Accessor &accessor);
  /// Forgets accesses that `known` (what every running stream knows) covers.
  void forget(const Knowledge &known);
  void clear();
  /// Remembered accesses, counted once for each stretch.
  size_t size() const;

private:
  /// The accesses of one timeline to one stretch.
  struct Lane {
    Timeline timeline;
    uint32_t lastRead = 0, lastWrite = 0; ///< epochs; 0: never
    size_t compactAt = 64;                ///< number of accesses at which repeated ones are dropped
    std::vector<LoggedAccess> accesses;
  };
  using Stretch = std::vector<Lane>;

  static const LoggedAccess *conflictIn(const Lane &lane, const LoggedAccess &access, uint32_t known);
  static void append(Stretch &stretch, const LoggedAccess &access);
  static void compact(Lane &lane);
  int64_t stretchOf(int64_t byte) const { return std::clamp<int64_t>(byte / stretchBytes_, 0, static_cast<int64_t>(stretches_.size()) - 1); }

  int64_t stretchBytes_;
  std::vector<Stretch> stretches_;
};

} // namespace manaslu::sim
