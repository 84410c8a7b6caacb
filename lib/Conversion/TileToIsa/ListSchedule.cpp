// A clock over streams, completions and banks of PSUM, and the greedy order that it gives.
#include "lib/Conversion/TileToIsa/ListSchedule.h"

#include <algorithm>
#include <array>
#include <map>
#include <numeric>
#include <set>

namespace manaslu::tile {

namespace {

/// Ready steps of a stream that are looked at: those far down the program need not run ahead.
constexpr size_t kWindow = 48;

/// When each step of a block starts and completes, given the order in which they are issued.
class Clock {
public:
  Clock(const Block &block, int64_t banks) : block_(block), free_(banks, 0) { restart(); }

  /// Another execution with storage of its own: only engines and banks remember the one before.
  void restart() {
    completion_.assign(block_.steps.size(), 0);
    left_ = block_.uses;
    held_.assign(block_.banks.size(), false);
  }

  /// The earliest start of a step whose predecessors have been issued. Nothing while its banks are not free.
  std::optional<int64_t> start(int index) const {
    const Step &step = block_.steps[index];
    int64_t at = streams_[static_cast<int>(step.stream)];
    for (const Dependence &dependence : step.after) {
      const Step &from = block_.steps[dependence.from];
      bool same = from.stream == step.stream;
      if (dependence.completes)
        at = std::max(at, completion_[dependence.from] + (same && step.stream < isa::StreamId::Dma0 ? 0 : step.notice));
    }
    if (int64_t need = missingBanks(step)) {
      if (need > static_cast<int64_t>(free_.size()))
        return std::nullopt;
      at = std::max(at, *std::next(free_.begin(), need - 1) + step.notice);
    }
    return at;
  }

  void issue(int index, int64_t at) {
    const Step &step = block_.steps[index];
    streams_[static_cast<int>(step.stream)] = at + step.occupancy;
    completion_[index] = at + step.completion;
    end_ = std::max(end_, completion_[index]);
    for (int64_t need = missingBanks(step); need > 0; --need)
      free_.erase(free_.begin());
    for (int buffer : step.psum) {
      held_[buffer] = true;
      if (--left_[buffer] == 0)
        for (int64_t i = 0; i < block_.banks[buffer]; ++i)
          free_.insert(completion_[index]);
    }
  }

  int64_t end() const { return end_; }

private:
  int64_t missingBanks(const Step &step) const {
    int64_t need = 0;
    for (size_t i = 0; i < step.psum.size(); ++i)
      if (!held_[step.psum[i]] && std::find(step.psum.begin(), step.psum.begin() + i, step.psum[i]) == step.psum.begin() + i)
        need += block_.banks[step.psum[i]];
    return need;
  }

  struct FreeBanks : std::multiset<int64_t> {
    FreeBanks(int64_t count, int64_t at) {
      for (int64_t i = 0; i < count; ++i)
        insert(at);
    }
  };

  const Block &block_;
  FreeBanks free_; ///< when each bank that nobody holds was left
  std::array<int64_t, isa::kStreamCount> streams_{};
  std::vector<int64_t> completion_;
  std::vector<int> left_;
  std::vector<bool> held_;
  int64_t end_ = 0;
};

} // namespace

std::optional<int64_t> timeOf(const Block &block, const std::vector<int> &order, int64_t banks, int rounds) {
  Clock clock(block, banks);
  for (int round = 0; round < rounds; ++round) {
    clock.restart();
    for (int index : order) {
      std::optional<int64_t> at = clock.start(index);
      if (!at)
        return std::nullopt;
      clock.issue(index, *at);
    }
  }
  return clock.end();
}

std::vector<int64_t> startsOf(const Block &block) {
  Clock clock(block, std::accumulate(block.banks.begin(), block.banks.end(), int64_t{0}));
  std::vector<int64_t> starts;
  for (size_t index = 0; index < block.steps.size(); ++index) {
    starts.push_back(*clock.start(static_cast<int>(index)));
    clock.issue(static_cast<int>(index), starts.back());
  }
  return starts;
}

std::optional<Order> listSchedule(const Block &block, int64_t banks) {
  size_t count = block.steps.size();
  std::vector<int> waiting(count);
  std::vector<std::vector<int>> users(count);
  std::map<isa::StreamId, std::set<int>> ready;
  for (size_t i = 0; i < count; ++i) {
    waiting[i] = block.steps[i].after.size();
    for (const Dependence &dependence : block.steps[i].after)
      users[dependence.from].push_back(i);
    if (!waiting[i])
      ready[block.steps[i].stream].insert(i);
  }
  Clock clock(block, banks);
  Order order;
  while (order.steps.size() < count) {
    int best = -1;
    int64_t earliest = INT64_MAX;
    for (auto &[stream, steps] : ready) {
      size_t seen = 0;
      for (auto at = steps.begin(); at != steps.end() && seen < kWindow; ++at, ++seen) {
        std::optional<int64_t> start = clock.start(*at);
        if (start && (*start < earliest || (*start == earliest && *at < best))) {
          best = *at;
          earliest = *start;
        }
      }
    }
    if (best < 0)
      return std::nullopt;
    clock.issue(best, earliest);
    ready[block.steps[best].stream].erase(best);
    order.steps.push_back(best);
    for (int user : users[best])
      if (--waiting[user] == 0)
        ready[block.steps[user].stream].insert(user);
  }
  order.time = clock.end();
  return order;
}

int64_t busiest(const Block &block) {
  std::array<int64_t, isa::kStreamCount> busy{};
  for (const Step &step : block.steps)
    busy[static_cast<int>(step.stream)] += step.occupancy;
  return *std::max_element(busy.begin(), busy.end());
}

} // namespace manaslu::tile
