// Hill climbing over the order of first fit: the buffer at the top trades places with one that stands in its way.
#include "lib/Alloc/Stages.h"

#include <algorithm>

namespace manaslu::alloc {

namespace {

/// A small generator of our own, so that the same input gives the same placement everywhere.
class Generator {
public:
  uint64_t below(uint64_t limit) {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return (state_ >> 16) % limit;
  }

private:
  uint64_t state_ = 0x9E3779B97F4A7C15;
};

} // namespace

Placement hillClimb(std::span<const Buffer> buffers, std::vector<int> order, const std::vector<std::vector<int>> &neighbours, int64_t capacity,
                    int64_t budget) {
  int64_t steps = 0;
  Placement best = firstFit(buffers, order, neighbours, steps);
  std::vector<size_t> position(buffers.size());
  for (size_t i = 0; i < order.size(); ++i)
    position[order[i]] = i;
  Generator generator;
  auto swap = [&](size_t a, size_t b) {
    std::swap(order[a], order[b]);
    position[order[a]] = a;
    position[order[b]] = b;
  };
  std::vector<int> tops;
  for (int64_t stuck = 0; steps < budget && best.height > capacity && buffers.size() > 1; ++stuck) {
    tops.clear();
    for (size_t i = 0; i < buffers.size(); ++i)
      if (best.offsets[i] + buffers[i].size > capacity)
        tops.push_back(static_cast<int>(i));
    int top = tops[generator.below(tops.size())];
    const std::vector<int> &near = neighbours[top];
    // Mostly a neighbour moves behind the top buffer; now and then any buffer, so that the search leaves a dead end.
    bool wide = near.empty() || generator.below(10) < 3 || stuck > 50;
    int other = wide ? order[generator.below(order.size())] : near[generator.below(near.size())];
    size_t a = position[top], b = position[other];
    swap(a, b);
    Placement placement = firstFit(buffers, order, neighbours, steps);
    if (placement.height <= best.height) {
      if (placement.height < best.height)
        stuck = 0;
      best = std::move(placement);
    } else {
      swap(a, b);
    }
  }
  return best;
}

} // namespace manaslu::alloc
