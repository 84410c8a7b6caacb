// Values in cells, and their changes on a grid of time.
#include "lib/Sim/Trace/Occupancy.h"

#include <algorithm>
#include <cmath>

namespace manaslu::sim {

namespace {

constexpr int64_t kPartitions = 32, kBytes = 32;
constexpr size_t kMaxChanges = size_t(1) << 18;

} // namespace

Occupancy::Occupancy(int64_t partitions, int64_t bytes)
    : cellsOfGroup_((bytes + kBytes - 1) / kBytes), cells_(static_cast<size_t>((partitions + kPartitions - 1) / kPartitions * cellsOfGroup_)) {}

void Occupancy::access(const TraceAccess &access) {
  int64_t start = access.startPs / 1000, end = access.endPs / 1000;
  for (int64_t group = access.firstPartition / kPartitions; group * kPartitions < access.lastPartition; ++group) {
    int64_t first = std::max<int64_t>(access.firstPartition, group * kPartitions);
    int64_t partitions = std::min<int64_t>(access.lastPartition, (group + 1) * kPartitions) - first;
    for (int64_t index = access.low / kBytes; index * kBytes < access.high; ++index) {
      Cell &cell = cells_[static_cast<size_t>(group * cellsOfGroup_ + index)];
      if (access.reads && cell.since >= 0)
        cell.until = std::max(cell.until, end);
      if (!access.writes || access.reads)
        continue;
      int64_t low = std::max(access.low, index * kBytes), high = std::min(access.high, (index + 1) * kBytes);
      if (cell.since < 0 || (access.dense && low <= cell.low && cell.high <= high && cell.partitions <= partitions)) {
        // An instruction may read what it overwrites: its bytes count once.
        cell.until = std::min(cell.until, start);
        close(cell);
        cell = {start, -1, low, high, partitions};
      } else {
        cell.low = std::min(cell.low, low);
        cell.high = std::max(cell.high, high);
        cell.partitions = std::max(cell.partitions, partitions);
      }
    }
  }
  flush();
}

void Occupancy::close(const Cell &cell) {
  if (cell.until <= cell.since)
    return;
  if (cell.since != closing_.since || cell.until != closing_.until)
    flush();
  closing_ = cell;
  closingBytes_ += (cell.high - cell.low) * cell.partitions;
}

void Occupancy::flush() {
  if (closingBytes_ > 0) {
    changes_.emplace_back(closing_.since, double(closingBytes_));
    changes_.emplace_back(closing_.until, -double(closingBytes_));
  }
  closingBytes_ = 0;
  if (changes_.size() >= 4 * kMaxChanges)
    compact();
}

/// Adds up the changes of one time.
void Occupancy::merge() {
  std::sort(changes_.begin(), changes_.end());
  size_t kept = 0;
  for (auto change : changes_)
    if (kept > 0 && changes_[kept - 1].first == change.first)
      changes_[kept - 1].second += change.second;
    else
      changes_[kept++] = change;
  changes_.resize(kept);
}

void Occupancy::compact() {
  while (true) {
    // A change within a step counts for the part of the step that is left, and from the next step on in full: sums are averages over steps.
    for (size_t i = 0, count = changes_.size(); i < count && grid_ > 1; ++i) {
      auto [time, bytes] = changes_[i];
      int64_t late = time % grid_;
      if (late == 0)
        continue;
      double part = bytes * double(late) / double(grid_);
      changes_[i] = {time - late, bytes - part};
      changes_.emplace_back(time - late + grid_, part);
    }
    merge();
    if (changes_.size() <= kMaxChanges)
      return;
    grid_ *= 2;
  }
}

std::vector<Occupancy::Sample> Occupancy::finish() {
  for (Cell &cell : cells_)
    close(cell);
  flush();
  compact();
  std::vector<Sample> samples;
  double held = 0;
  for (auto [time, bytes] : changes_) {
    held += bytes;
    int64_t whole = std::llround(held);
    if (samples.empty() ? whole != 0 : samples.back().second != whole)
      samples.emplace_back(time, whole);
  }
  return samples;
}

} // namespace manaslu::sim
