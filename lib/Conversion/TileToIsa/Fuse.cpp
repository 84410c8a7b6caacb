// Loop fusion: what one loop makes the next one takes iteration by iteration, and the control of one loop is saved in every stream.
#include "lib/Conversion/TileToIsa/Fuse.h"

#include <algorithm>

namespace manaslu::tile {

namespace {

/// Trips up to which pairs of iterations are compared one by one.
constexpr int64_t kMostTrips = 64;

class Fuser {
public:
  Fuser(Model &model, int loop, int64_t most) : model_(model), items_(loop < 0 ? model.body : model.loops[loop].body), most_(most) {}

  void run() {
    for (size_t at = 0; at < items_.size(); ++at)
      if (items_[at].isLoop)
        while (joinNext(at)) {
        }
  }

private:
  /// Joins the loop after `at` to the one at `at`; what stands between moves before it, which shifts `at`.
  bool joinNext(size_t &at) {
    size_t next = at + 1;
    while (next < items_.size() && !items_[next].isLoop && runsAhead(items_[at].index, items_[next].index))
      ++next;
    if (next == items_.size() || !items_[next].isLoop || !mayJoin(items_[at].index, items_[next].index))
      return false;
    join(items_[at].index, items_[next].index);
    items_.erase(items_.begin() + next);
    std::rotate(items_.begin() + at, items_.begin() + at + 1, items_.begin() + next);
    at = next - 1;
    return true;
  }

  /// A load that the loop has nothing to do with.
  bool runsAhead(int loop, int leaf) const {
    const Leaf &load = model_.leaves[leaf];
    return load.freeLoad && llvm::none_of(model_.loops[loop].body, [&](const Item &item) {
             return item.isLoop ||
                    llvm::any_of(model_.leaves[item.index].accesses, [&](const Access &access) { return access.buffer == load.accesses.front().buffer; });
           });
  }

  bool mayJoin(int first, int second) const {
    const Loop &a = model_.loops[first], &b = model_.loops[second];
    auto simple = [&](const Item &item) { return !item.isLoop && model_.leaves[item.index].stream < isa::StreamId::Dma0; };
    if (a.trips != b.trips || a.trips > kMostTrips || static_cast<int64_t>(a.body.size() + b.body.size()) > most_ || !llvm::all_of(a.body, simple) ||
        !llvm::all_of(b.body, simple))
      return false;
    for (const Item &from : a.body)
      for (const Access &earlier : model_.leaves[from.index].accesses)
        for (const Item &to : b.body)
          for (const Access &later : model_.leaves[to.index].accesses)
            if (earlier.buffer == later.buffer && (earlier.writes || later.writes) && crosses(first, earlier, second, later))
              return false;
    return true;
  }

  /// Whether `earlier` in some iteration of the first loop touches what `later` touches in an iteration of the second one before it.
  bool crosses(int first, const Access &earlier, int second, const Access &later) const {
    if (earlier.partition >= later.partition + std::max(1, later.partitions) || later.partition >= earlier.partition + std::max(1, earlier.partitions))
      return false;
    int64_t own = 0, other = 0;
    if (!llvm::equal(termsWithout(earlier, first, own), termsWithout(later, second, other),
                     [](const Term &x, const Term &y) { return x.loop == y.loop && x.bytes == y.bytes; }))
      return true;
    int64_t trips = model_.loops[first].trips;
    for (int64_t j = 1; j < trips; ++j)
      for (int64_t i = 0; i < j; ++i)
        if (touch(earlier, own * j, later, other * i))
          return true;
    return false;
  }

  static llvm::SmallVector<Term, 3> termsWithout(const Access &access, int loop, int64_t &coefficient) {
    llvm::SmallVector<Term, 3> rest;
    for (const Term &term : access.terms)
      if (term.loop == loop)
        coefficient = term.bytes;
      else
        rest.push_back(term);
    return rest;
  }

  static bool touch(const Access &a, int64_t shiftA, const Access &b, int64_t shiftB) {
    for (size_t i = 0, j = 0; i < a.bytes.size() && j < b.bytes.size();) {
      int64_t lowA = a.bytes[i].low + shiftA, highA = a.bytes[i].high + shiftA, lowB = b.bytes[j].low + shiftB, highB = b.bytes[j].high + shiftB;
      if (lowA < highB && lowB < highA)
        return true;
      highA <= highB ? ++i : ++j;
    }
    return false;
  }

  void join(int first, int second) {
    for (const Item &item : model_.loops[second].body) {
      Leaf &leaf = model_.leaves[item.index];
      leaf.loop = first;
      for (Access &access : leaf.accesses) {
        for (Term &term : access.terms)
          if (term.loop == second)
            term.loop = first;
        llvm::sort(access.terms, [](const Term &a, const Term &b) { return a.loop < b.loop; });
      }
      model_.loops[first].body.push_back(item);
    }
    for (Buffer &buffer : model_.buffers)
      if (buffer.loop == second)
        buffer.loop = first;
    model_.loops[second].body.clear();
  }

  Model &model_;
  std::vector<Item> &items_;
  int64_t most_;
};

} // namespace

void fuseLoops(Model &model, int loop, int64_t most) { Fuser(model, loop, most).run(); }

} // namespace manaslu::tile
