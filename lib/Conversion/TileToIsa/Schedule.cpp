// Fusion, unrolling and ordering, from the innermost loops outwards.
#include "lib/Conversion/TileToIsa/Schedule.h"

#include "lib/Conversion/TileToIsa/Fuse.h"
#include "lib/Conversion/TileToIsa/ListSchedule.h"
#include "lib/Conversion/TileToIsa/Storage.h"
#include "lib/Conversion/TileToIsa/Unroll.h"

#include <algorithm>
#include <numeric>
#include <set>

namespace manaslu::tile {

namespace {

/// Instructions that an unrolled or joined body may have: enough for the heads of an attention layer, small beside a program.
constexpr int64_t kMostUnrolled = 128;
/// Instructions that a loop costs each stream that takes part: loop and end, registers for addresses and waits. A loop that saves fewer is unrolled.
constexpr int64_t kControl = 12;
/// Percent of the busiest engine's own time above which an iteration counts as one that waits.
constexpr int64_t kWaiting = 130;
/// Percent of the time before that an unrolled body may take at most, and a new order of instructions.
constexpr int64_t kWorthwhile = 80, kGain = 98;

class Scheduler {
public:
  Scheduler(Model &model, const Chip &chip) : model_(model), chip_(chip) {}

  Status run() {
    unrollWithin(-1);
    order(-1);
    return error_.empty() ? Status() : Status(error_);
  }

private:
  /// Innermost loops first: one that is unrolled whole makes the loop around it an innermost one.
  void unrollWithin(int loop) {
    for (int index : loopsIn(loop))
      unrollWithin(index);
    fuseLoops(model_, loop, kMostUnrolled);
    for (int index : loopsIn(loop))
      unrollIfWaiting(index);
  }

  std::vector<int> loopsIn(int loop) const {
    std::vector<int> loops;
    for (const Item &item : model_.items(loop))
      if (item.isLoop)
        loops.push_back(item.index);
    return loops;
  }

  void unrollIfWaiting(int loop) {
    const std::vector<Item> &body = model_.loops[loop].body;
    int64_t trips = model_.loops[loop].trips;
    // Transfers run ahead by rotating buffers.
    if (llvm::any_of(body, [&](const Item &item) { return item.isLoop || model_.leaves[item.index].stream >= isa::StreamId::Dma0; }))
      return;
    if ((trips - 1) * static_cast<int64_t>(body.size()) <= kControl * streamsOf(body))
      return commit(model_, unroll(model_, loop, trips));
    std::optional<Block> once = blockOf(body);
    std::optional<int64_t> interval = once ? steadyInterval(*once, banksFor(body)) : std::nullopt;
    if (!interval || *interval * 100 <= busiest(*once) * kWaiting)
      return;
    // The fewest copies that keep the busiest engine at work, or as many as the body may have.
    std::optional<Unrolled> best;
    int64_t time = *interval * kWorthwhile / 100;
    for (int64_t factor = 2; factor <= trips && factor * static_cast<int64_t>(body.size()) <= kMostUnrolled; ++factor) {
      if (trips % factor)
        continue;
      Unrolled copies = unroll(model_, loop, factor);
      std::optional<Order> order = orderOf(copies, banksFor(body));
      if (!order || order->time / factor >= time)
        continue;
      time = order->time / factor;
      best = std::move(copies);
      if (time * 100 <= busiest(*once) * kWaiting)
        break;
    }
    if (best)
      commit(model_, std::move(*best));
  }

  int64_t streamsOf(const std::vector<Item> &body) const {
    std::set<isa::StreamId> streams;
    for (const Item &item : body)
      streams.insert(model_.leaves[item.index].stream);
    return streams.size();
  }

  /// Time from one iteration's end to the next one's, ordered as well as one iteration alone can be.
  std::optional<int64_t> steadyInterval(const Block &block, int64_t banks) {
    std::vector<int> inOrder(block.steps.size());
    std::iota(inOrder.begin(), inOrder.end(), 0);
    std::optional<int64_t> least;
    auto consider = [&](const std::vector<int> &order) {
      std::optional<int64_t> two = timeOf(block, order, banks, 2), three = timeOf(block, order, banks, 3);
      if (two && three && (!least || *three - *two < *least))
        least = *three - *two;
    };
    consider(inOrder);
    if (std::optional<Order> order = listSchedule(block, banks))
      consider(order->steps);
    return least;
  }

  std::optional<Order> orderOf(const Unrolled &copies, int64_t banks) {
    std::vector<const Leaf *> leaves;
    for (const Leaf &leaf : copies.leaves)
      leaves.push_back(&leaf);
    // What the loop allocates; what the body around it allocates counts among the banks that are taken.
    auto own = [&](int buffer) { return buffer >= static_cast<int>(model_.buffers.size()) || model_.buffers[buffer].loop == copies.loop; };
    Result<Block> block = buildBlock(chip_, leaves, copies.buffers, own);
    if (block)
      return listSchedule(*block, banks);
    error_.append(block.error());
    return std::nullopt;
  }

  /// Orders the runs of leaves between loops.
  void order(int loop) {
    std::vector<Item> &items = loop < 0 ? model_.body : model_.loops[loop].body;
    for (size_t begin = 0; begin < items.size();) {
      if (items[begin].isLoop) {
        order(items[begin++].index);
        continue;
      }
      size_t end = begin;
      while (end < items.size() && !items[end].isLoop)
        ++end;
      std::vector<Item> run(items.begin() + begin, items.begin() + end);
      reorder(run);
      std::copy(run.begin(), run.end(), items.begin() + begin);
      begin = end;
    }
  }

  void reorder(std::vector<Item> &run) {
    // Loads that may run ahead do not take part: each stands before the first that needs it.
    std::vector<Item> loads, steps;
    for (const Item &item : run) {
      const Leaf &leaf = model_.leaves[item.index];
      (leaf.freeLoad && leaf.loop < 0 && fresh(leaf, steps) ? loads : steps).push_back(item);
    }
    std::optional<Block> block = steps.size() < 2 ? std::nullopt : blockOf(steps);
    if (!block)
      return;
    int64_t banks = banksFor(steps);
    std::vector<int> inOrder(steps.size());
    std::iota(inOrder.begin(), inOrder.end(), 0);
    std::optional<int64_t> before = timeOf(*block, inOrder, banks, 1);
    std::optional<Order> after = listSchedule(*block, banks);
    if (!before || !after || after->time * 100 >= *before * kGain)
      return;
    std::vector<Item> out;
    std::vector<bool> placed(loads.size());
    for (int index : after->steps) {
      for (size_t l = 0; l < loads.size(); ++l)
        if (!placed[l] && needs(steps[index], loads[l])) {
          out.push_back(loads[l]);
          placed[l] = true;
        }
      out.push_back(steps[index]);
    }
    for (size_t l = 0; l < loads.size(); ++l)
      if (!placed[l])
        out.push_back(loads[l]);
    run = std::move(out);
  }

  /// No step before the load touches what it fills.
  bool fresh(const Leaf &load, const std::vector<Item> &before) const {
    int buffer = load.accesses.front().buffer;
    return llvm::none_of(before, [&](const Item &item) {
      return llvm::any_of(model_.leaves[item.index].accesses, [&](const Access &access) { return access.buffer == buffer; });
    });
  }
  bool needs(const Item &step, const Item &load) const {
    int buffer = model_.leaves[load.index].accesses.front().buffer;
    return llvm::any_of(model_.leaves[step.index].accesses, [&](const Access &access) { return access.buffer == buffer; });
  }

  std::optional<Block> blockOf(const std::vector<Item> &items) {
    std::vector<const Leaf *> leaves;
    for (const Item &item : items)
      leaves.push_back(&model_.leaves[item.index]);
    countUses(items);
    Result<Block> block = buildBlock(chip_, leaves, model_.buffers, [&](int buffer) { return here_[buffer] == everywhere_[buffer]; });
    if (block)
      return std::move(*block);
    error_.append(block.error());
    return std::nullopt;
  }

  void countUses(const std::vector<Item> &items) {
    here_.assign(model_.buffers.size(), 0);
    everywhere_ = here_;
    for (const Leaf &leaf : model_.leaves)
      for (const Access &access : leaf.accesses)
        ++everywhere_[access.buffer];
    for (const Item &item : items)
      for (const Access &access : model_.leaves[item.index].accesses)
        ++here_[access.buffer];
  }

  /// Banks of PSUM that nothing outside these items holds while they run. Follows blockOf() on the same items.
  int64_t banksFor(const std::vector<Item> &items) {
    Positions positions = positionsOf(model_);
    std::vector<Interval> intervals = liveIntervals(model_, positions);
    int64_t first = positions.leaf[items.front().index], last = positions.leaf[items.back().index], banks = chip_.psumBanks;
    for (size_t b = 0; b < model_.buffers.size(); ++b)
      if (model_.buffers[b].space == Space::Psum && here_[b] != everywhere_[b] && intervals[b].start <= last && intervals[b].end > first)
        banks -= model_.buffers[b].banks(chip_.psumBankBytes);
    return std::max<int64_t>(banks, 0);
  }

  Model &model_;
  const Chip &chip_;
  Error error_;
  std::vector<int> here_, everywhere_;
};

} // namespace

Status scheduleBodies(Model &model, const Chip &chip) { return Scheduler(model, chip).run(); }

} // namespace manaslu::tile
