// First fit in several orders, and the order of the stages.
#include "lib/Alloc/Stages.h"

#include <algorithm>
#include <numeric>
#include <tuple>

namespace manaslu::alloc {

namespace {

/// Above this many buffers neighbour lists would take too much memory; an interval tree finds the placed neighbours instead.
constexpr size_t kListLimit = 2000;

/// The lowest aligned offset at which `buffer` does not meet any of the taken [low, high) ranges.
int64_t lowestGap(const Buffer &buffer, std::vector<std::pair<int64_t, int64_t>> &taken) {
  std::sort(taken.begin(), taken.end());
  int64_t offset = 0;
  for (auto [low, high] : taken) {
    if (offset + buffer.size <= low)
      break;
    offset = std::max(offset, alignUp(high, buffer.align));
  }
  return offset;
}

/// The buffers in the order of their starts as an implicit balanced tree; each node knows the latest end of the placed buffers below it.
class IntervalTree {
public:
  explicit IntervalTree(std::span<const Buffer> buffers)
      : buffers_(buffers), order_(buffers.size()), rank_(buffers.size()), latest_(buffers.size(), INT64_MIN), placed_(buffers.size()) {
    std::iota(order_.begin(), order_.end(), 0);
    std::stable_sort(order_.begin(), order_.end(), [&](int a, int b) { return buffers[a].start < buffers[b].start; });
    for (size_t i = 0; i < order_.size(); ++i)
      rank_[order_[i]] = i;
  }

  void insert(int buffer) {
    size_t low = 0, high = order_.size(), target = rank_[buffer];
    placed_[target] = true;
    while (low < high) {
      size_t middle = low + (high - low) / 2;
      latest_[middle] = std::max(latest_[middle], buffers_[buffer].end);
      if (target == middle)
        return;
      (target < middle ? high : low) = target < middle ? middle : middle + 1;
    }
  }

  template <class F> void visit(const Buffer &query, F &&fn) const { visit(query, 0, order_.size(), fn); }

private:
  template <class F> void visit(const Buffer &query, size_t low, size_t high, F &fn) const {
    if (low >= high)
      return;
    size_t middle = low + (high - low) / 2;
    if (latest_[middle] <= query.start)
      return;
    visit(query, low, middle, fn);
    const Buffer &own = buffers_[order_[middle]];
    if (own.start >= query.end)
      return;
    if (placed_[middle] && own.end > query.start)
      fn(order_[middle]);
    visit(query, middle + 1, high, fn);
  }

  std::span<const Buffer> buffers_;
  std::vector<int> order_;
  std::vector<size_t> rank_;
  std::vector<int64_t> latest_;
  std::vector<bool> placed_;
};

template <class Key> std::vector<int> orderBy(std::span<const Buffer> buffers, Key &&key) {
  std::vector<int> order(buffers.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return key(buffers[a]) < key(buffers[b]); });
  return order;
}

std::vector<std::vector<int>> greedyOrders(std::span<const Buffer> buffers) {
  auto duration = [](const Buffer &b) { return b.end - b.start; };
  auto area = [&](const Buffer &b) { return static_cast<double>(b.size) * static_cast<double>(duration(b)); };
  return {orderBy(buffers, [&](const Buffer &b) { return std::tuple(-b.size, -duration(b), b.start); }),
          orderBy(buffers, [&](const Buffer &b) { return std::tuple(-area(b), -b.size, b.start); }),
          orderBy(buffers, [&](const Buffer &b) { return std::tuple(-duration(b), -b.size, b.start); }),
          orderBy(buffers, [&](const Buffer &b) { return std::tuple(b.start, -b.size, -duration(b)); }),
          orderBy(buffers, [&](const Buffer &b) { return std::tuple(-b.end, -b.size, -duration(b)); }),
          orderBy(buffers, [&](const Buffer &b) { return std::tuple(b.start, -duration(b), -b.size); })};
}

Placement firstFitInTree(std::span<const Buffer> buffers, std::span<const int> order) {
  IntervalTree tree(buffers);
  Placement result{std::vector<int64_t>(buffers.size()), 0};
  std::vector<std::pair<int64_t, int64_t>> taken;
  for (int index : order) {
    taken.clear();
    tree.visit(buffers[index], [&](int other) { taken.push_back({result.offsets[other], result.offsets[other] + buffers[other].size}); });
    result.offsets[index] = lowestGap(buffers[index], taken);
    result.height = std::max(result.height, result.offsets[index] + buffers[index].size);
    tree.insert(index);
  }
  return result;
}

} // namespace

int64_t load(std::span<const Buffer> buffers) {
  std::vector<std::pair<int64_t, int64_t>> events;
  for (const Buffer &buffer : buffers)
    if (buffer.start < buffer.end) {
      events.push_back({buffer.start, buffer.size});
      events.push_back({buffer.end, -buffer.size});
    }
  std::sort(events.begin(), events.end());
  int64_t live = 0, most = 0;
  for (auto [time, size] : events)
    most = std::max(most, live += size);
  return most;
}

std::vector<std::vector<int>> neighbours(std::span<const Buffer> buffers) {
  std::vector<std::vector<int>> lists(buffers.size());
  std::vector<int> order = orderBy(buffers, [](const Buffer &b) { return b.start; });
  for (size_t i = 0; i < order.size(); ++i)
    for (size_t j = i + 1; j < order.size() && buffers[order[j]].start < buffers[order[i]].end; ++j) {
      lists[order[i]].push_back(order[j]);
      lists[order[j]].push_back(order[i]);
    }
  for (std::vector<int> &list : lists)
    std::sort(list.begin(), list.end());
  return lists;
}

Placement firstFit(std::span<const Buffer> buffers, std::span<const int> order, const std::vector<std::vector<int>> &neighbours, int64_t &steps) {
  Placement result{std::vector<int64_t>(buffers.size(), -1), 0};
  std::vector<std::pair<int64_t, int64_t>> taken;
  for (int index : order) {
    taken.clear();
    steps += static_cast<int64_t>(neighbours[index].size());
    for (int other : neighbours[index])
      if (result.offsets[other] >= 0)
        taken.push_back({result.offsets[other], result.offsets[other] + buffers[other].size});
    result.offsets[index] = lowestGap(buffers[index], taken);
    result.height = std::max(result.height, result.offsets[index] + buffers[index].size);
  }
  return result;
}

Placement firstFit(std::span<const Buffer> buffers, std::span<const int> order) { return firstFitInTree(buffers, order); }

Result<Placement> place(std::span<const Buffer> buffers, int64_t capacity, const Budget &budget) {
  int64_t bound = load(buffers), steps = 0;
  auto failure = [&](int64_t height) {
    std::string reached = height < 0 ? "" : ", the lowest placement found takes " + std::to_string(height);
    return Error("MN-MEM-PLACE", std::to_string(buffers.size()) + " buffers need at least " + std::to_string(bound) + reached + ", the capacity is " +
                                     std::to_string(capacity));
  };
  if (bound > capacity)
    return failure(-1);
  bool lists = buffers.size() <= kListLimit;
  std::vector<std::vector<int>> near;
  if (lists)
    near = neighbours(buffers);
  Placement best;
  std::vector<int> bestOrder;
  for (std::vector<int> &order : greedyOrders(buffers)) {
    Placement placement = lists ? firstFit(buffers, order, near, steps) : firstFitInTree(buffers, order);
    if (placement.height <= capacity)
      return placement;
    if (bestOrder.empty() || placement.height < best.height) {
      best = std::move(placement);
      bestOrder = std::move(order);
    }
  }
  if (!lists)
    return failure(best.height);
  if (static_cast<int64_t>(buffers.size()) <= budget.searchBuffers && budget.search > 0)
    if (std::optional<Placement> exact = exactSearch(buffers, near, capacity, budget.search))
      return *exact;
  Placement climbed = hillClimb(buffers, bestOrder, near, capacity, budget.hillClimb);
  if (climbed.height <= capacity)
    return climbed;
  return failure(std::min(best.height, climbed.height));
}

} // namespace manaslu::alloc
