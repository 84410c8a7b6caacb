// Live intervals, rotating copies, and SBUF offsets through lib/Alloc.
#include "lib/Conversion/TileToIsa/Storage.h"

#include "lib/Alloc/Alloc.h"

#include <algorithm>
#include <functional>

namespace manaslu::tile {

Positions positionsOf(const Model &model) {
  Positions positions;
  positions.leaf.resize(model.leaves.size());
  positions.loop.resize(model.loops.size());
  std::function<void(const std::vector<Item> &)> walk = [&](const std::vector<Item> &items) {
    for (const Item &item : items) {
      if (!item.isLoop) {
        positions.leaf[item.index] = positions.end++;
        continue;
      }
      positions.loop[item.index].first = positions.end;
      walk(model.loops[item.index].body);
      positions.loop[item.index].second = positions.end;
    }
  };
  walk(model.body);
  return positions;
}

std::vector<Interval> liveIntervals(const Model &model, const Positions &positions) {
  std::vector<Interval> intervals(model.buffers.size(), {INT64_MAX, 0});
  for (size_t index = 0; index < model.leaves.size(); ++index) {
    const Leaf &leaf = model.leaves[index];
    for (const Access &access : leaf.accesses) {
      const Buffer &buffer = model.buffers[access.buffer];
      if (buffer.region >= 0)
        continue;
      Interval use{positions.leaf[index], positions.leaf[index] + 1};
      for (int loop = leaf.loop; loop >= 0 && loop != buffer.loop; loop = model.loops[loop].parent)
        use = {positions.loop[loop].first, positions.loop[loop].second};
      if (buffer.copies > 1)
        use = {positions.loop[buffer.keptIn].first, positions.loop[buffer.keptIn].second};
      Interval &live = intervals[access.buffer];
      live = {std::min(live.start, use.start), std::max(live.end, use.end)};
    }
  }
  for (Interval &interval : intervals)
    if (interval.start >= interval.end)
      interval = {};
  return intervals;
}

namespace {

int64_t alignmentOf(int64_t bytes) {
  int64_t align = 64;
  while (align > 4 && align / 2 >= bytes)
    align /= 2;
  return align;
}

int64_t iterations(const Model &model, int loop) {
  int64_t total = 1;
  for (; loop >= 0; loop = model.loops[loop].parent)
    total *= model.loops[loop].trips;
  return total;
}

/// Levels of frugality: 0 the full rotation, 1 two copies at most; on both, buffers that transfers fill keep their bytes through the whole nest, so that the
/// loads of its next iteration may run ahead. 2 and 3 the same without that. From 4 on a single copy for buffers above a limit that halves with every level.
constexpr int kLevels = 22;

void chooseCopies(Model &model, const StorageOptions &options, int level, int64_t capacity) {
  std::vector<bool> filled(model.buffers.size());
  for (const Leaf &leaf : model.leaves)
    if (leaf.stream >= isa::StreamId::Dma0)
      for (const Access &access : leaf.accesses)
        if (access.writes)
          filled[access.buffer] = true;
  for (size_t b = 0; b < model.buffers.size(); ++b) {
    Buffer &buffer = model.buffers[b];
    if (buffer.space != Space::Sbuf)
      continue;
    int64_t align = alignmentOf(buffer.bytes);
    buffer.stride = (buffer.bytes + align - 1) / align * align;
    int64_t copies = buffer.loop < 0 ? 1 : filled[b] ? options.loadRotation : options.rotation;
    if (level == 1 || level >= 3)
      copies = std::min<int64_t>(copies, 2);
    if (level >= 4 && buffer.bytes > (capacity >> (level - 3)))
      copies = 1;
    buffer.copies = static_cast<int>(std::min(copies, iterations(model, buffer.loop)));
    buffer.keptIn = level < 2 && filled[b] && buffer.loop >= 0 ? model.nest(buffer.loop).front() : buffer.loop;
  }
}

struct SbufProblem {
  std::vector<int> buffers;
  std::vector<alloc::Buffer> requests;
};

SbufProblem sbufProblem(const Model &model, int64_t slack) {
  SbufProblem problem;
  Positions positions = positionsOf(model);
  std::vector<Interval> intervals = liveIntervals(model, positions);
  for (size_t b = 0; b < model.buffers.size(); ++b) {
    const Buffer &buffer = model.buffers[b];
    if (buffer.space != Space::Sbuf || intervals[b].start >= intervals[b].end)
      continue;
    problem.buffers.push_back(static_cast<int>(b));
    problem.requests.push_back({intervals[b].start, intervals[b].end + slack, buffer.stride * buffer.copies, alignmentOf(buffer.bytes)});
  }
  return problem;
}

/// Tries to place; `search` allows the exact stages.
bool tryPlace(Model &model, int64_t capacity, int64_t slack, bool search, int64_t &peak) {
  SbufProblem problem = sbufProblem(model, slack);
  alloc::Budget budget;
  if (!search)
    budget = {.hillClimb = 0, .search = 0, .searchBuffers = 0};
  Result<alloc::Placement> placement = alloc::place(problem.requests, capacity, budget);
  if (!placement)
    return false;
  for (size_t i = 0; i < problem.buffers.size(); ++i)
    model.buffers[problem.buffers[i]].base = placement->offsets[i];
  peak = placement->height;
  return true;
}

Error sbufError(const Model &model, int64_t capacity) {
  SbufProblem problem = sbufProblem(model, 0);
  std::vector<size_t> order(problem.buffers.size());
  for (size_t i = 0; i < order.size(); ++i)
    order[i] = i;
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return problem.requests[a].size > problem.requests[b].size; });
  std::string largest;
  for (size_t i = 0; i < std::min<size_t>(order.size(), 4); ++i) {
    mlir::Operation *op = model.buffers[problem.buffers[order[i]]].value.getDefiningOp();
    largest += (i ? ", " : "") + std::to_string(problem.requests[order[i]].size) + " at " + describe(op);
  }
  return Error("MN-MEM-SBUF", "values that live at one time need " + std::to_string(alloc::load(problem.requests)) + " bytes per partition, the limit is " +
                                  std::to_string(capacity) + "; the largest buffers: " + largest);
}

/// A plan to try: how much SBUF prefetched constants and all else may take, and by how many positions every buffer's end is put off, so that engines do not
/// wait for each other over reused bytes.
struct Attempt {
  int percent, slack;
};

/// Waiting over reused bytes costs more time than a shorter prefetch, down to half of SBUF.
std::vector<Attempt> attempts() {
  std::vector<Attempt> list;
  for (int slack : {12, 6, 2})
    for (int percent : {100, 95, 90, 80, 70, 60, 50})
      list.push_back({percent, slack});
  for (int percent : {100, 95, 90, 80, 70, 60, 50, 40, 30, 20, 10})
    list.push_back({percent, 0});
  return list;
}

} // namespace

int64_t leastSbufBytes(Model &model, const Chip &chip) {
  chooseCopies(model, {}, kLevels - 1, chip.sbufUsableBytes());
  return alloc::load(sbufProblem(model, 0).requests);
}

Result<StorageStatistics> planStorage(Model &model, const Chip &chip, const StorageOptions &options) {
  StorageStatistics statistics;
  Result<int64_t> banks = planPsum(model, chip);
  if (!banks)
    return banks.error();
  statistics.psumPeakBanks = *banks;
  int64_t capacity = chip.sbufUsableBytes();
  bool placed = false;
  int level = 0;
  for (; level < kLevels && !placed; ++level) {
    chooseCopies(model, options, level, capacity);
    placed = tryPlace(model, capacity, 0, level + 1 == kLevels, statistics.sbufPeakBytes);
  }
  if (!placed)
    return sbufError(model, capacity);
  std::vector<Item> order = model.body;
  if (options.prefetch)
    for (auto [percent, slack] : attempts()) {
      model.body = order;
      statistics.prefetchBudget = capacity * percent / 100;
      hoistLoads(model, statistics.prefetchBudget);
      if (tryPlace(model, capacity, slack, false, statistics.sbufPeakBytes))
        return statistics;
    }
  model.body = order;
  statistics.prefetchBudget = 0;
  for (int slack : {12, 6, 2, 0})
    if (tryPlace(model, capacity, slack, slack == 0, statistics.sbufPeakBytes))
      return statistics;
  return sbufError(model, capacity);
}

} // namespace manaslu::tile
