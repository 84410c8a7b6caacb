// Exact search over canonical placements: buffers are placed at ascending offsets, each resting on what lies below it, so a state is the skyline over time.
#include "lib/Alloc/Stages.h"

#include <algorithm>
#include <numeric>
#include <tuple>

namespace manaslu::alloc {

namespace {

/// One connected group of buffers and one static preference among them.
class Searcher {
public:
  Searcher(std::span<const Buffer> buffers, std::vector<int> preference, const std::vector<std::vector<int>> &neighbours, int64_t capacity, int64_t budget)
      : buffers_(buffers), preference_(std::move(preference)), neighbours_(neighbours), capacity_(capacity), budget_(budget) {
    buildSections();
  }

  bool run() { return step(0, 0, -1); }
  bool exhausted() const { return budget_ <= 0; }
  int64_t spent(int64_t budget) const { return budget - budget_; }
  const std::vector<int64_t> &offsets() const { return offsets_; }

private:
  struct Undo {
    int buffer;
    int64_t floor;
  };

  void buildSections() {
    std::vector<int64_t> cuts;
    for (int b : preference_) {
      cuts.push_back(buffers_[b].start);
      cuts.push_back(buffers_[b].end);
    }
    std::sort(cuts.begin(), cuts.end());
    cuts.erase(std::unique(cuts.begin(), cuts.end()), cuts.end());
    auto section = [&](int64_t time) { return static_cast<int>(std::lower_bound(cuts.begin(), cuts.end(), time) - cuts.begin()); };
    first_.assign(buffers_.size(), 0);
    last_.assign(buffers_.size(), 0);
    members_.resize(cuts.size());
    remaining_.assign(cuts.size(), 0);
    offsets_.assign(buffers_.size(), -1);
    floor_.assign(buffers_.size(), 0);
    for (int b : preference_) {
      first_[b] = section(buffers_[b].start);
      last_[b] = section(buffers_[b].end);
      for (int s = first_[b]; s < last_[b]; ++s) {
        members_[s].push_back(b);
        remaining_[s] += buffers_[b].size;
      }
    }
  }

  /// Whether what is left in each of the sections still fits above the lowest place it can start at.
  bool fits(int from, int to, int64_t lowest) {
    for (int s = from; s < to; ++s) {
      if (!remaining_[s])
        continue;
      int64_t start = INT64_MAX;
      for (int b : members_[s])
        if (offsets_[b] < 0)
          start = std::min(start, floor_[b]);
      budget_ -= static_cast<int64_t>(members_[s].size());
      if (std::max(start, lowest) + remaining_[s] > capacity_)
        return false;
    }
    return true;
  }

  bool step(size_t placed, int64_t lowest, int lastIndex) {
    if (placed == preference_.size())
      return true;
    // A buffer that could lie wholly below another candidate must come first: the candidate at or above this height is dominated.
    int64_t ceiling = INT64_MAX;
    for (int b : preference_)
      if (offsets_[b] < 0)
        ceiling = std::min(ceiling, alignUp(std::max(floor_[b], lowest), buffers_[b].align) + buffers_[b].size);
    budget_ -= static_cast<int64_t>(preference_.size());
    for (size_t i = 0; i < preference_.size() && budget_ > 0; ++i) {
      int b = preference_[i];
      if (offsets_[b] >= 0)
        continue;
      int64_t offset = alignUp(floor_[b], buffers_[b].align);
      if (offset < lowest || (offset == lowest && static_cast<int>(i) < lastIndex) || offset >= ceiling || offset + buffers_[b].size > capacity_)
        continue;
      if (tryAt(b, offset, placed, static_cast<int>(i)))
        return true;
    }
    return false;
  }

  bool tryAt(int b, int64_t offset, size_t placed, int index) {
    size_t mark = undo_.size();
    int from = first_[b], to = last_[b];
    offsets_[b] = offset;
    for (int s = first_[b]; s < last_[b]; ++s)
      remaining_[s] -= buffers_[b].size;
    bool good = true;
    budget_ -= static_cast<int64_t>(neighbours_[b].size());
    for (int other : neighbours_[b]) {
      if (offsets_[other] >= 0 || floor_[other] >= offset + buffers_[b].size)
        continue;
      undo_.push_back({other, floor_[other]});
      floor_[other] = offset + buffers_[b].size;
      good &= floor_[other] + buffers_[other].size <= capacity_;
      from = std::min(from, first_[other]);
      to = std::max(to, last_[other]);
    }
    if (good && fits(from, to, offset) && step(placed + 1, offset, index))
      return true;
    for (int s = first_[b]; s < last_[b]; ++s)
      remaining_[s] += buffers_[b].size;
    offsets_[b] = -1;
    for (; undo_.size() > mark; undo_.pop_back())
      floor_[undo_.back().buffer] = undo_.back().floor;
    return false;
  }

  std::span<const Buffer> buffers_;
  std::vector<int> preference_;
  const std::vector<std::vector<int>> &neighbours_;
  int64_t capacity_, budget_;
  std::vector<int> first_, last_;
  std::vector<std::vector<int>> members_;
  std::vector<int64_t> remaining_, offsets_, floor_;
  std::vector<Undo> undo_;
};

/// Groups of buffers that no time separates, each ascending.
std::vector<std::vector<int>> groups(std::span<const Buffer> buffers) {
  std::vector<int> order(buffers.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return buffers[a].start < buffers[b].start; });
  std::vector<std::vector<int>> result;
  int64_t latest = INT64_MIN;
  for (int b : order) {
    if (result.empty() || buffers[b].start >= latest)
      result.emplace_back();
    result.back().push_back(b);
    latest = std::max(latest, buffers[b].end);
  }
  return result;
}

/// Preferences by the sum of sizes that live beside a buffer (T), area (A) and width in time (W), in three arrangements.
std::vector<std::vector<int>> preferences(std::span<const Buffer> buffers, const std::vector<int> &group, const std::vector<std::vector<int>> &neighbours) {
  auto key = [&](int b, int kind) {
    double width = static_cast<double>(buffers[b].end - buffers[b].start), area = width * static_cast<double>(buffers[b].size),
           total = static_cast<double>(buffers[b].size);
    for (int other : neighbours[b])
      total += static_cast<double>(buffers[other].size);
    return kind == 0 ? std::tuple(-width, -area, -total, b) : kind == 1 ? std::tuple(-total, -area, -width, b) : std::tuple(-total, -width, -area, b);
  };
  std::vector<std::vector<int>> result(3, group);
  for (int kind = 0; kind < 3; ++kind)
    std::sort(result[kind].begin(), result[kind].end(), [&](int a, int b) { return key(a, kind) < key(b, kind); });
  return result;
}

} // namespace

std::optional<Placement> exactSearch(std::span<const Buffer> buffers, const std::vector<std::vector<int>> &neighbours, int64_t capacity, int64_t budget) {
  Placement result{std::vector<int64_t>(buffers.size()), 0};
  for (const std::vector<int> &group : groups(buffers)) {
    bool solved = false;
    // Short turns first, then longer ones: a good preference solves quickly, a bad one never.
    for (int64_t turn = budget / 64; !solved && turn <= budget; turn *= 4)
      for (const std::vector<int> &preference : preferences(buffers, group, neighbours)) {
        Searcher searcher(buffers, preference, neighbours, capacity, turn);
        solved = searcher.run();
        if (solved) {
          for (int b : group) {
            result.offsets[b] = searcher.offsets()[b];
            result.height = std::max(result.height, result.offsets[b] + buffers[b].size);
          }
          break;
        }
        if (!searcher.exhausted())
          return std::nullopt;
      }
    if (!solved)
      return std::nullopt;
  }
  return result;
}

} // namespace manaslu::alloc
