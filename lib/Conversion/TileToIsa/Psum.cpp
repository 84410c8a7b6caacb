// PSUM by banks: a buffer takes whole banks, buffers in loops rotate through as many as there are, otherwise the bank that was free the longest is next.
#include "lib/Conversion/TileToIsa/Storage.h"

#include <llvm/ADT/STLExtras.h>

#include <algorithm>
#include <map>

namespace manaslu::tile {

namespace {

class PsumPlanner {
public:
  PsumPlanner(Model &model, const Chip &chip) : model_(model), chip_(chip), positions_(positionsOf(model)), limit_(model.loops.size(), 1) {
    for (size_t b = 0; b < model.buffers.size(); ++b)
      if (model.buffers[b].space == Space::Psum)
        members_.push_back(static_cast<int>(b));
    for (int b : members_)
      model_.buffers[b].stride = banks(b) * chip_.psumBankBytes;
  }

  Result<int64_t> run() {
    raiseLimits();
    for (;;) {
      for (int b : members_)
        applyLimit(b);
      intervals_ = liveIntervals(model_, positions_);
      int64_t peak = 0;
      int failed = assign(members_, peak);
      if (failed < 0)
        return peak;
      if (!reduce(failed))
        return tooMany(failed);
    }
  }

private:
  int64_t banks(int b) const { return model_.buffers[b].banks(chip_.psumBankBytes); }

  int outermost(int loop) const {
    while (loop >= 0 && model_.loops[loop].parent >= 0)
      loop = model_.loops[loop].parent;
    return loop;
  }

  void applyLimit(int b) {
    Buffer &buffer = model_.buffers[b];
    int64_t total = 1;
    for (int loop = buffer.loop; loop >= 0; loop = model_.loops[loop].parent)
      total *= model_.loops[loop].trips;
    buffer.copies = buffer.loop < 0 ? 1 : static_cast<int>(std::min(limit_[buffer.loop], total));
    buffer.keptIn = buffer.loop;
  }

  /// Copies of the buffers of each loop: all loops get two before any gets three, inner loops before outer ones because their banks are free again after them.
  void raiseLimits() {
    intervals_ = liveIntervals(model_, positions_);
    std::map<int, std::vector<int>> loops; // by outermost loop: those that allocate
    std::map<int, std::vector<int>> near;  // by outermost loop: buffers that live during it
    for (int b : members_)
      if (int loop = model_.buffers[b].loop; loop >= 0 && !llvm::is_contained(loops[outermost(loop)], loop))
        loops[outermost(loop)].push_back(loop);
    for (auto &[top, list] : loops) {
      std::stable_sort(list.begin(), list.end(), [&](int a, int b) { return model_.loops[a].depth > model_.loops[b].depth; });
      for (int b : members_)
        if (intervals_[b].start < positions_.loop[top].second && intervals_[b].end > positions_.loop[top].first)
          near[top].push_back(b);
      for (int64_t copies = 2; copies <= chip_.psumBanks; ++copies)
        for (int loop : list)
          if (limit_[loop] == copies - 1)
            tryLimit(loop, copies, near[top]);
    }
  }

  void tryLimit(int loop, int64_t copies, const std::vector<int> &near) {
    int64_t before = limit_[loop], peak = 0;
    limit_[loop] = copies;
    for (int b : near) {
      applyLimit(b);
      Buffer &buffer = model_.buffers[b];
      if (buffer.loop == loop && buffer.copies > 1)
        intervals_[b] = {positions_.loop[loop].first, positions_.loop[loop].second};
    }
    if (assign(near, peak) < 0)
      return;
    limit_[loop] = before;
    for (int b : near)
      applyLimit(b);
    if (before == 1)
      intervals_ = liveIntervals(model_, positions_);
  }

  /// Takes banks in the order of starts. Returns the first buffer that finds none, or -1.
  int assign(const std::vector<int> &buffers, int64_t &peak) {
    std::vector<int> order = buffers;
    std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return intervals_[a].start < intervals_[b].start; });
    std::vector<int64_t> freeAt(chip_.psumBanks, 0);
    peak = 0;
    for (int b : order) {
      if (intervals_[b].start >= intervals_[b].end)
        continue;
      int64_t need = banks(b) * model_.buffers[b].copies, best = -1, bestAge = INT64_MAX;
      for (int64_t first = 0; first + need <= chip_.psumBanks; ++first) {
        int64_t age = *std::max_element(freeAt.begin() + first, freeAt.begin() + first + need);
        if (age <= intervals_[b].start && age < bestAge) {
          best = first;
          bestAge = age;
        }
      }
      if (best < 0)
        return b;
      std::fill(freeAt.begin() + best, freeAt.begin() + best + need, intervals_[b].end);
      model_.buffers[b].base = best * chip_.psumBankBytes;
      peak = std::max<int64_t>(peak, std::count_if(freeAt.begin(), freeAt.end(), [&](int64_t end) { return end > intervals_[b].start; }));
    }
    return -1;
  }

  /// One copy less for the loop with most copies among those that live when `failed` starts.
  bool reduce(int failed) {
    int victim = -1;
    for (int b : members_) {
      bool together = intervals_[b].start <= intervals_[failed].start && intervals_[b].end > intervals_[failed].start;
      if (together && model_.buffers[b].copies > 1 && (victim < 0 || model_.buffers[b].copies > model_.buffers[victim].copies))
        victim = b;
    }
    if (victim < 0)
      return false;
    limit_[model_.buffers[victim].loop] = model_.buffers[victim].copies - 1;
    return true;
  }

  Error tooMany(int failed) const {
    int64_t live = 0;
    for (int b : members_)
      if (intervals_[b].start <= intervals_[failed].start && intervals_[b].end > intervals_[failed].start)
        live += banks(b);
    return Error("MN-MEM-PSUM",
                 "results that live at one time need " + std::to_string(live) + " banks of PSUM, the chip has " + std::to_string(chip_.psumBanks),
                 describe(model_.buffers[failed].value.getDefiningOp()));
  }

  Model &model_;
  const Chip &chip_;
  Positions positions_;
  std::vector<int64_t> limit_;
  std::vector<int> members_;
  std::vector<Interval> intervals_;
};

} // namespace

Result<int64_t> planPsum(Model &model, const Chip &chip) { return PsumPlanner(model, chip).run(); }

} // namespace manaslu::tile
