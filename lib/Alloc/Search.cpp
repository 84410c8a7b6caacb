// Exact search over canonical placements: buffers are placed at ascending offsets, each resting on the bottom or on one below it.
//
// After M. D. Moffitt, "MiniMalloc: A Lightweight Memory Allocator for Hardware-Accelerated Machine Learning", ASPLOS 2023: canonical placements, inference
// over sections of time, dominance, decomposition in time. What differs stands in docs/decisions/0013.
#include "lib/Alloc/Stages.h"

#include <algorithm>
#include <numeric>
#include <string_view>
#include <tuple>

namespace manaslu::alloc {

namespace {

/// A set of buffers that no moment in time separates, in the order of their starts.
using Group = std::vector<int>;

/// Splits buffers (in the order of their starts) where no buffer lives across.
std::vector<Group> splitInTime(std::span<const Buffer> buffers, std::span<const int> ordered) {
  std::vector<Group> result;
  int64_t latest = INT64_MIN;
  for (int b : ordered) {
    if (result.empty() || buffers[b].start >= latest)
      result.emplace_back();
    result.back().push_back(b);
    latest = std::max(latest, buffers[b].end);
  }
  return result;
}

/// One group, one static preference among its buffers (rank 0 first) and one capacity.
class Searcher {
public:
  Searcher(std::span<const Buffer> buffers, const Group &group, const std::vector<int> &preference, const std::vector<std::vector<int>> &neighbours,
           int64_t capacity, int64_t budget)
      : buffers_(buffers), neighbours_(neighbours), capacity_(capacity), budget_(budget), rank_(buffers.size()), offsets_(buffers.size(), -1),
        floor_(buffers.size(), 0), first_(buffers.size()), last_(buffers.size()) {
    for (size_t i = 0; i < preference.size(); ++i)
      rank_[preference[i]] = static_cast<int>(i);
    buildSections(group);
  }

  bool run(const Group &group) { return solve(group, {0, -1}); }
  bool exhausted() const { return budget_ <= 0; }
  int64_t offset(int buffer) const { return offsets_[buffer]; }

private:
  /// The last placement: what follows stands at a higher offset, or at the same one with a higher rank.
  struct Last {
    int64_t offset;
    int rank;
  };
  struct Candidate {
    int64_t offset;
    int rank, buffer;
    bool operator<(const Candidate &other) const { return std::tie(offset, rank) < std::tie(other.offset, other.rank); }
  };

  void buildSections(const Group &group) {
    std::vector<int64_t> cuts;
    for (int b : group) {
      cuts.push_back(buffers_[b].start);
      cuts.push_back(buffers_[b].end);
    }
    std::sort(cuts.begin(), cuts.end());
    cuts.erase(std::unique(cuts.begin(), cuts.end()), cuts.end());
    auto section = [&](int64_t time) { return static_cast<int>(std::lower_bound(cuts.begin(), cuts.end(), time) - cuts.begin()); };
    remaining_.assign(cuts.size(), 0);
    for (int b : group) {
      first_[b] = section(buffers_[b].start);
      last_[b] = section(buffers_[b].end);
      for (int s = first_[b]; s < last_[b]; ++s) {
        remaining_[s] += buffers_[b].size;
      }
    }
  }

  /// Where the buffer would rest now.
  int64_t restingPlace(int b) const { return alignUp(floor_[b], buffers_[b].align); }

  /// A lower bound of where an unplaced buffer will stand: at its resting place, or, if the order of placements has passed that, on a neighbour still to come.
  int64_t lowestPlace(int b, int64_t passed) {
    int64_t rest = restingPlace(b);
    if (rest >= passed)
      return rest;
    int64_t lowest = INT64_MAX / 2;
    budget_ -= static_cast<int64_t>(neighbours_[b].size());
    for (int other : neighbours_[b])
      if (offsets_[other] < 0)
        lowest = std::min(lowest, std::max(restingPlace(other), passed) + buffers_[other].size);
    return lowest;
  }

  /// Whether in every section of the group the remaining buffers still fit: those that start at or above a height take at least the sum of their sizes from
  /// there.
  bool sectionsFit(const Group &group, int64_t passed) {
    byPlace_.assign(group.begin(), group.end());
    for (int b : group) {
      place_[b] = lowestPlace(b, passed);
      if (place_[b] + buffers_[b].size > capacity_)
        return false;
      std::fill(above_.begin() + first_[b], above_.begin() + last_[b], 0);
    }
    std::sort(byPlace_.begin(), byPlace_.end(), [&](int a, int b) { return place_[a] > place_[b]; });
    for (int b : byPlace_) {
      budget_ -= last_[b] - first_[b];
      for (int s = first_[b]; s < last_[b]; ++s)
        if (place_[b] + (above_[s] += buffers_[b].size) > capacity_)
          return false;
    }
    return true;
  }

  bool solve(const Group &group, Last last) {
    budget_ -= static_cast<int64_t>(group.size());
    if (!sectionsFit(group, last.offset))
      return false;
    // A buffer that fits wholly below another candidate comes first: a candidate at or above this height is dominated.
    int64_t ceiling = INT64_MAX;
    for (int b : group)
      ceiling = std::min(ceiling, place_[b] + buffers_[b].size);
    std::vector<Candidate> candidates;
    for (int b : group) {
      int64_t offset = restingPlace(b);
      if (offset >= last.offset && offset < ceiling && (offset > last.offset || rank_[b] > last.rank))
        candidates.push_back({offset, rank_[b], b});
    }
    std::sort(candidates.begin(), candidates.end());
    for (const Candidate &candidate : candidates) {
      if (budget_ <= 0)
        return false;
      if (solveWith(group, candidate))
        return true;
    }
    return false;
  }

  bool solveWith(const Group &group, const Candidate &candidate) {
    int b = candidate.buffer;
    int64_t top = candidate.offset + buffers_[b].size;
    size_t mark = undo_.size();
    offsets_[b] = candidate.offset;
    for (int s = first_[b]; s < last_[b]; ++s)
      remaining_[s] -= buffers_[b].size;
    budget_ -= static_cast<int64_t>(neighbours_[b].size());
    for (int other : neighbours_[b])
      if (offsets_[other] < 0 && floor_[other] < top) {
        undo_.push_back({other, floor_[other]});
        floor_[other] = top;
      }
    if (solveRest(group, b, {candidate.offset, candidate.rank}))
      return true;
    for (; undo_.size() > mark; undo_.pop_back())
      floor_[undo_.back().first] = undo_.back().second;
    for (int s = first_[b]; s < last_[b]; ++s)
      remaining_[s] += buffers_[b].size;
    offsets_[b] = -1;
    return false;
  }

  /// What is left after a placement falls apart in time; the parts do not know of each other, so the first that fails ends it.
  bool solveRest(const Group &group, int placed, Last last) {
    Group rest;
    rest.reserve(group.size());
    for (int b : group)
      if (b != placed)
        rest.push_back(b);
    std::vector<Group> parts = splitInTime(buffers_, rest);
    std::stable_sort(parts.begin(), parts.end(), [](const Group &a, const Group &b) { return a.size() < b.size(); });
    for (size_t i = 0; i < parts.size(); ++i)
      if (!solve(parts[i], last)) {
        for (size_t j = 0; j < i; ++j)
          takeBack(parts[j]);
        return false;
      }
    return true;
  }

  void takeBack(const Group &part) {
    for (int b : part) {
      offsets_[b] = -1;
      for (int s = first_[b]; s < last_[b]; ++s)
        remaining_[s] += buffers_[b].size;
    }
  }

  std::span<const Buffer> buffers_;
  const std::vector<std::vector<int>> &neighbours_;
  int64_t capacity_, budget_;
  std::vector<int> rank_;
  std::vector<int64_t> offsets_, floor_;
  std::vector<int> first_, last_;
  std::vector<int64_t> remaining_;
  std::vector<int64_t> place_ = std::vector<int64_t>(offsets_.size());
  std::vector<int64_t> above_ = std::vector<int64_t>(2 * offsets_.size() + 1);
  std::vector<int> byPlace_;
  std::vector<std::pair<int, int64_t>> undo_;
};

/// Orders in which buffers at the same offset are tried: by the width in time (W), the area (A), the size (Z) and the fullest moment that a buffer lives in
/// (T).
std::vector<std::vector<int>> preferences(std::span<const Buffer> buffers, const Group &group, const std::vector<std::vector<int>> &neighbours) {
  std::vector<int64_t> fullest(buffers.size(), 0);
  for (int b : group) {
    // The fullest moment of a set of intervals is the start of one of them.
    int64_t total = buffers[b].size;
    for (int other : neighbours[b])
      total += buffers[other].start <= buffers[b].start ? buffers[other].size : 0;
    fullest[b] = std::max(fullest[b], total);
    for (int other : neighbours[b])
      if (buffers[other].start <= buffers[b].start)
        fullest[other] = std::max(fullest[other], total);
  }
  auto value = [&](int b, char key) {
    int64_t width = buffers[b].end - buffers[b].start;
    return key == 'W'   ? static_cast<double>(width)
           : key == 'T' ? static_cast<double>(fullest[b])
                        : static_cast<double>(buffers[b].size) * (key == 'A' ? width : 1);
  };
  std::vector<std::vector<int>> result;
  for (std::string_view keys : {"TWA", "AWT", "WAT", "TAW", "TZW"}) {
    result.push_back(group);
    std::sort(result.back().begin(), result.back().end(), [&](int a, int b) {
      for (char key : keys)
        if (value(a, key) != value(b, key))
          return value(a, key) > value(b, key);
      return a < b;
    });
  }
  return result;
}

/// Offsets of one group's buffers, in its order; nothing when there are none or the budget of every turn is used up.
std::optional<std::vector<int64_t>> placeGroup(std::span<const Buffer> buffers, const Group &group, const std::vector<std::vector<int>> &neighbours,
                                               int64_t capacity, int64_t budget) {
  std::vector<Buffer> own;
  for (int b : group)
    own.push_back(buffers[b]);
  // What fits the load fits every capacity, and more room makes the search longer, not shorter.
  std::vector<int64_t> capacities = {load(own)};
  if (capacities.front() < capacity)
    capacities.push_back(capacity);
  std::vector<std::vector<int>> orders = preferences(buffers, group, neighbours);
  // Short turns first, then longer ones: a good order solves quickly, a bad one never.
  for (int64_t turn = std::max<int64_t>(1, budget / 64); turn <= budget; turn *= 4)
    for (const std::vector<int> &order : orders)
      for (int64_t height : capacities) {
        Searcher searcher(buffers, group, order, neighbours, height, turn);
        if (searcher.run(group)) {
          std::vector<int64_t> offsets;
          for (int b : group)
            offsets.push_back(searcher.offset(b));
          return offsets;
        }
        if (!searcher.exhausted() && height == capacity)
          return std::nullopt;
      }
  return std::nullopt;
}

} // namespace

std::optional<Placement> exactSearch(std::span<const Buffer> buffers, const std::vector<std::vector<int>> &neighbours, int64_t capacity, int64_t budget) {
  Placement result{std::vector<int64_t>(buffers.size()), 0};
  std::vector<int> order(buffers.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return buffers[a].start < buffers[b].start; });
  for (const Group &group : splitInTime(buffers, order)) {
    std::optional<std::vector<int64_t>> offsets = placeGroup(buffers, group, neighbours, capacity, budget);
    if (!offsets)
      return std::nullopt;
    for (size_t i = 0; i < group.size(); ++i) {
      result.offsets[group[i]] = (*offsets)[i];
      result.height = std::max(result.height, (*offsets)[i] + buffers[group[i]].size);
    }
  }
  return result;
}

} // namespace manaslu::alloc
