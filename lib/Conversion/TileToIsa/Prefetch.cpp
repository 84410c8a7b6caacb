// Loads of constants and inputs move up in the top-level list as far as SBUF has room, so that they run ahead of their use.
#include "lib/Conversion/TileToIsa/Storage.h"

#include <algorithm>
#include <map>

namespace manaslu::tile {

namespace {

/// Greatest number of live SBUF bytes per partition during each top-level item.
std::vector<int64_t> liveBytes(const Model &model, const Positions &positions, const std::vector<Interval> &intervals) {
  std::vector<int64_t> change(positions.end + 1);
  for (size_t b = 0; b < model.buffers.size(); ++b) {
    const Buffer &buffer = model.buffers[b];
    if (buffer.space != Space::Sbuf || intervals[b].start >= intervals[b].end)
      continue;
    change[intervals[b].start] += buffer.stride * buffer.copies;
    change[intervals[b].end] -= buffer.stride * buffer.copies;
  }
  std::vector<int64_t> result;
  int64_t live = 0, position = 0;
  for (const Item &item : model.body) {
    int64_t end = item.isLoop ? positions.loop[item.index].second : positions.leaf[item.index] + 1, most = 0;
    for (; position < end; ++position)
      most = std::max(most, live += change[position]);
    result.push_back(most);
  }
  return result;
}

/// First top-level item that touches each buffer, and for each buffer the last item before its first load that is not a free load.
class Hoister {
public:
  Hoister(Model &model, int64_t budget) : model_(model), budget_(budget), start_(model.buffers.size(), -1), barrier_(model.buffers.size(), -1) {
    Positions positions = positionsOf(model);
    profile_ = liveBytes(model, positions, liveIntervals(model, positions));
  }

  void run() {
    std::vector<std::vector<Item>> before(model_.body.size());
    std::vector<bool> moved(model_.body.size());
    std::map<isa::StreamId, int64_t> latest;
    for (size_t at = 0; at < model_.body.size(); ++at) {
      const Item &item = model_.body[at];
      if (!canMove(item)) {
        touch(item, static_cast<int64_t>(at));
        continue;
      }
      int buffer = model_.leaves[item.index].accesses.front().buffer;
      int64_t &previous = latest[model_.leaves[item.index].stream];
      int64_t start = start_[buffer] < 0 ? static_cast<int64_t>(at) : start_[buffer];
      previous = highest(buffer, start, std::max(previous, barrier_[buffer] + 1), static_cast<int64_t>(at));
      start_[buffer] = std::min(start, previous);
      before[previous].push_back(item);
      moved[at] = true;
    }
    std::vector<Item> body;
    for (size_t at = 0; at < model_.body.size(); ++at) {
      body.insert(body.end(), before[at].begin(), before[at].end());
      if (!moved[at])
        body.push_back(model_.body[at]);
    }
    model_.body = std::move(body);
  }

private:
  bool canMove(const Item &item) const {
    if (item.isLoop || !model_.leaves[item.index].freeLoad)
      return false;
    const Buffer &buffer = model_.buffers[model_.leaves[item.index].accesses.front().buffer];
    return buffer.space == Space::Sbuf;
  }

  void touch(const Item &item, int64_t at) {
    if (item.isLoop) {
      for (const Item &inner : model_.loops[item.index].body)
        touch(inner, at);
      return;
    }
    for (const Access &access : model_.leaves[item.index].accesses) {
      barrier_[access.buffer] = at;
      if (start_[access.buffer] < 0)
        start_[access.buffer] = at;
    }
  }

  /// The first item before which the load may stand: the buffer then lives from there on.
  int64_t highest(int buffer, int64_t start, int64_t first, int64_t at) {
    int64_t size = model_.buffers[buffer].stride * model_.buffers[buffer].copies, target = std::min(start, at);
    if (first > target)
      return std::min(first, at);
    while (target > first && profile_[target - 1] + size <= budget_)
      profile_[--target] += size;
    return target;
  }

  Model &model_;
  int64_t budget_;
  std::vector<int64_t> start_, barrier_, profile_;
};

} // namespace

void hoistLoads(Model &model, int64_t budget) { Hoister(model, budget).run(); }

} // namespace manaslu::tile
