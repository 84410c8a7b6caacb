// Vector clocks and the search for unordered conflicts.
#include "lib/Sim/Machine/Order.h"

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

AccessLog::AccessLog(int64_t bytes) : bucketBytes_(std::max<int64_t>(1024, bytes / 256 + 1)), buckets_(static_cast<size_t>(bytes / bucketBytes_ + 1)) {}

std::optional<LoggedAccess> AccessLog::add(const LoggedAccess &access, const Accessor &accessor) {
  int64_t first = bucketOf(access.placed.low()), last = bucketOf(access.placed.high() - 1);
  for (int64_t b = first; b <= last; ++b) {
    std::vector<LoggedAccess> &bucket = buckets_[static_cast<size_t>(b)];
    size_t kept = 0;
    for (size_t i = 0; i < bucket.size(); ++i) {
      const LoggedAccess &old = bucket[i];
      bool near = boxesOverlap(old.placed, access.placed);
      bool ordered = !near || old.timeline == accessor.timeline || old.timeline == accessor.ring || accessor.knowledge.of(old.timeline) >= old.epoch;
      if (!ordered && (old.writes || access.writes) && overlap(old.placed, access.placed))
        return old;
      // Who is ordered behind the new access is ordered behind the old one: the old one is superseded unless it is a write and the new one only reads.
      bool superseded = near && ordered && (access.writes || !old.writes) && covers(access.placed, old.placed);
      if (!superseded) {
        if (kept != i)
          bucket[kept] = old;
        ++kept;
      }
    }
    bucket.resize(kept);
    bucket.push_back(access);
  }
  return std::nullopt;
}

void AccessLog::forget(const Knowledge &known) {
  for (std::vector<LoggedAccess> &bucket : buckets_)
    std::erase_if(bucket, [&known](const LoggedAccess &old) { return known.of(old.timeline) >= old.epoch; });
}

void AccessLog::clear() {
  for (std::vector<LoggedAccess> &bucket : buckets_)
    bucket.clear();
}

size_t AccessLog::size() const {
  size_t total = 0;
  for (const std::vector<LoggedAccess> &bucket : buckets_)
    total += bucket.size();
  return total;
}

} // namespace manaslu::sim
