// Vector clocks and the search for unordered conflicts.
#include "lib/Sim/Machine/Order.h"

#include <unordered_set>

namespace manaslu::sim {

std::vector<uint32_t> &Knowledge::own() {
  // Snapshots share the vector until somebody learns something new.
  if (epochs_.use_count() > 1)
    epochs_ = std::make_shared<std::vector<uint32_t>>(*epochs_);
  return *epochs_;
}

void Knowledge::learn(Timeline timeline, uint32_t epoch) {
  if (of(timeline) >= epoch)
    return;
  std::vector<uint32_t> &epochs = own();
  if (epochs.size() <= timeline)
    epochs.resize(timeline + 1);
  epochs[timeline] = epoch;
}

void Knowledge::join(const Knowledge &other) {
  if (epochs_ == other.epochs_)
    return;
  const std::vector<uint32_t> &theirs = *other.epochs_;
  std::vector<uint32_t> &mine = own();
  if (mine.size() < theirs.size())
    mine.resize(theirs.size());
  for (size_t i = 0; i < theirs.size(); ++i)
    mine[i] = std::max(mine[i], theirs[i]);
}

AccessLog::AccessLog(int64_t bytes) : stretchBytes_(std::max<int64_t>(1024, bytes / 64 + 1)), stretches_(static_cast<size_t>(bytes / stretchBytes_ + 1)) {}

std::optional<LoggedAccess> AccessLog::add(const LoggedAccess &access, const Accessor &accessor) {
  int64_t first = stretchOf(access.placed.low()), last = stretchOf(access.placed.high() - 1);
  for (int64_t i = first; i <= last; ++i) {
    Stretch &stretch = stretches_[static_cast<size_t>(i)];
    for (const Lane &lane : stretch) {
      if (lane.timeline == accessor.timeline || lane.timeline == accessor.ring)
        continue;
      uint32_t known = accessor.knowledge.of(lane.timeline), latest = access.writes ? std::max(lane.lastRead, lane.lastWrite) : lane.lastWrite;
      if (known >= latest)
        continue;
      if (const LoggedAccess *other = conflictIn(lane, access, known))
        return *other;
    }
    append(stretch, access);
  }
  return std::nullopt;
}

const LoggedAccess *AccessLog::conflictIn(const Lane &lane, const LoggedAccess &access, uint32_t known) {
  for (auto old = lane.accesses.rbegin(); old != lane.accesses.rend() && old->epoch > known; ++old)
    if ((old->writes || access.writes) && overlap(old->placed, access.placed))
      return &*old;
  return nullptr;
}

void AccessLog::append(Stretch &stretch, const LoggedAccess &access) {
  auto lane = std::find_if(stretch.begin(), stretch.end(), [&access](const Lane &each) { return each.timeline == access.timeline; });
  if (lane == stretch.end()) {
    stretch.push_back({access.timeline, 0, 0, 64, {}});
    lane = stretch.end() - 1;
  }
  (access.writes ? lane->lastWrite : lane->lastRead) = access.epoch;
  if (lane->accesses.size() >= lane->compactAt)
    compact(*lane);
  lane->accesses.push_back(access);
}

namespace {

/// Accesses with equal keys touch the same bytes in the same way.
struct AccessKey {
  explicit AccessKey(const LoggedAccess &access)
      : writes(access.writes), first(access.placed.shape->firstPartition), last(access.placed.shape->lastPartition), low(access.placed.low()),
        high(access.placed.high()), sparse(access.placed.shape->dense ? nullptr : access.placed.shape) {}
  bool operator==(const AccessKey &) const = default;

  bool writes;
  int first, last;
  int64_t low, high;
  const Footprint *sparse;
};

struct HashOfKey {
  size_t operator()(const AccessKey &key) const {
    uint64_t hash = static_cast<uint64_t>(key.low) * 0x9e3779b97f4a7c15u + static_cast<uint64_t>(key.high);
    return (hash * 0x9e3779b97f4a7c15u + static_cast<uint64_t>(key.first * 256 + key.last)) * 2 + (key.writes ? 1 : 0);
  }
};

} // namespace

/// Of accesses to the same bytes the latest stands for all: who is ordered behind it is ordered behind the others of its timeline.
void AccessLog::compact(Lane &lane) {
  std::unordered_set<AccessKey, HashOfKey> seen;
  std::vector<LoggedAccess> latest;
  for (auto access = lane.accesses.rbegin(); access != lane.accesses.rend(); ++access)
    if (seen.insert(AccessKey(*access)).second)
      latest.push_back(*access);
  lane.accesses.assign(latest.rbegin(), latest.rend());
  lane.compactAt = std::max<size_t>(64, 2 * latest.size());
}

void AccessLog::forget(const Knowledge &known) {
  for (Stretch &stretch : stretches_)
    for (Lane &lane : stretch) {
      uint32_t epoch = known.of(lane.timeline);
      auto fresh = std::find_if(lane.accesses.begin(), lane.accesses.end(), [epoch](const LoggedAccess &old) { return old.epoch > epoch; });
      lane.accesses.erase(lane.accesses.begin(), fresh);
    }
}

void AccessLog::clear() {
  for (Stretch &stretch : stretches_)
    stretch.clear();
}

size_t AccessLog::size() const {
  size_t total = 0;
  for (const Stretch &stretch : stretches_)
    for (const Lane &lane : stretch)
      total += lane.accesses.size();
  return total;
}

} // namespace manaslu::sim
