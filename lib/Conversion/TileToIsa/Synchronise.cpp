// Follows the tile program iteration by iteration over physical bytes, with vector clocks that drop what is already known, and folds the waits into affine
// form.
#include "lib/Conversion/TileToIsa/Synchronise.h"

#include "lib/Conversion/TileToIsa/Tracker.h"

#include <algorithm>
#include <deque>

namespace manaslu::tile {

namespace {

/// One iteration of a loop (frame 0 is the whole program).
struct Frame {
  int parent = -1, loop = -1, depth = 0;
  int64_t iteration = 0;
};

/// What is remembered of each increment of a channel.
struct Increment {
  int snapshot = 0; ///< the clock of its stream when it was issued
  int frame = 0;
  int64_t order = 0; ///< instances issued before it
};

/// A requirement of a leaf upon a channel, met by a wait in frames of depth `depth` (the leaf's own depth: at the leaf, else before the next inner loop).
struct Requirement {
  int channel = 0, depth = 0;
  int64_t value = INT64_MIN;     ///< greatest (count - increments of the loops down to `depth`)
  int64_t fullValue = INT64_MIN; ///< the same over all loops of the leaf
  int64_t order = -1;            ///< latest source seen
};

class Synchroniser {
public:
  Synchroniser(Model &model, const SyncOptions &options) : model_(model), options_(options) {}

  Result<SyncPlan> run() {
    int64_t total = countInstances(model_.body);
    if (total > options_.mostInstances)
      return Error("MN-MEM-SIZE",
                   "the tile program executes " + std::to_string(total) + " instructions, the limit is " + std::to_string(options_.mostInstances));
    assignChannels(model_.body);
    if (next_ > isa::kSemaphoreCount)
      return Error("MN-INTERNAL", "more semaphores than the chip has");
    countIncrements();
    channels_ = next_;
    increments_.resize(channels_);
    known_.assign(isa::kStreamCount, std::vector<uint32_t>(channels_));
    snapshotOf_.assign(isa::kStreamCount, -1);
    requirements_.resize(model_.leaves.size());
    iteration_.assign(model_.loops.size(), 0);
    rotation_.assign(model_.loops.size(), 0);
    frames_.push_back({});
    regions_.resize(model_.buffers.size());
    walk(model_.body, 0);
    fold();
    plan_.instances = total;
    return std::move(plan_);
  }

private:
  int64_t countInstances(const std::vector<Item> &items) const {
    int64_t total = 0;
    for (const Item &item : items)
      total += item.isLoop ? std::min<int64_t>(model_.loops[item.index].trips * countInstances(model_.loops[item.index].body), INT64_C(1) << 40) : 1;
    return total;
  }

  //===-- Channels ---------------------------------------------------------===//

  void assignChannels(const std::vector<Item> &items) {
    for (const Item &item : items) {
      if (item.isLoop) {
        assignChannels(model_.loops[item.index].body);
        continue;
      }
      Leaf &leaf = model_.leaves[item.index];
      int stream = static_cast<int>(leaf.stream);
      if (leaf.stream < isa::StreamId::Dma0) {
        leaf.channel = stream;
      } else {
        std::vector<int> &pool = pools_[stream];
        size_t most = leaf.stream == isa::dmaStream(0)           ? options_.constantChannels
                      : leaf.stream >= isa::dmaStream(kLoopRing) ? options_.loopChannels
                                                                 : options_.otherChannels;
        if (pool.size() < most) {
          pool.push_back(next_++);
          leaf.channel = pool.back();
        } else {
          leaf.channel = pool[turn_[stream]++ % pool.size()];
        }
      }
      plan_.signaller[leaf.channel] = leaf.stream;
    }
  }

  /// Increments of each channel in one iteration of each loop.
  void countIncrements() {
    perIteration_.assign(model_.loops.size(), std::vector<int64_t>(next_));
    for (const Leaf &leaf : model_.leaves) {
      int64_t times = 1;
      for (int loop = leaf.loop; loop >= 0; loop = model_.loops[loop].parent) {
        perIteration_[loop][leaf.channel] += times;
        times *= model_.loops[loop].trips;
      }
    }
  }

  //===-- Execution --------------------------------------------------------===//

  void walk(const std::vector<Item> &items, int frame) {
    for (const Item &item : items) {
      if (!item.isLoop) {
        execute(item.index, frame);
        continue;
      }
      const Loop &loop = model_.loops[item.index];
      for (int64_t i = 0; i < loop.trips; ++i) {
        iteration_[item.index] = i;
        frames_.push_back({frame, item.index, frames_[frame].depth + 1, i});
        walk(loop.body, static_cast<int>(frames_.size()) - 1);
        ++rotation_[item.index];
      }
    }
  }

  void execute(int index, int frame) {
    const Leaf &leaf = model_.leaves[index];
    int stream = static_cast<int>(leaf.stream);
    bool engine = leaf.stream < isa::StreamId::Dma0;
    Event self{leaf.channel, static_cast<uint32_t>(increments_[leaf.channel].size() + 1)};
    needs_.clear();
    auto depend = [&](Event event) {
      if (event != self && !(engine && event.channel == self.channel) && known_[stream][event.channel] < event.count)
        needs_.push_back(event);
    };
    for (const Access &access : leaf.accesses)
      visit(access, self, depend);
    if (!engine) {
      if (self.count > 1)
        depend({self.channel, self.count - 1});
      if (leaf.constantLoad && leaf.loop < 0)
        limitFlight(leaf, self, depend);
    }
    resolve(index, frame, stream);
    increments_[leaf.channel].push_back({snapshot(stream), frame, order_++});
  }

  template <class F> void visit(const Access &access, Event self, F &depend) {
    const Buffer &buffer = model_.buffers[access.buffer];
    if (!buffer.tracked)
      return;
    int64_t at = buffer.base;
    if (buffer.copies > 1)
      at += rotation_[buffer.loop] % buffer.copies * buffer.stride;
    for (const Term &term : access.terms)
      at += term.bytes * iteration_[term.loop];
    bool device = buffer.space == Space::Device;
    Tracker &tracker = device ? regions_[access.buffer] : buffer.space == Space::Sbuf ? sbuf_ : psum_;
    unsigned mask = device ? 15 : quadrantMask(access.partition, access.partitions);
    for (const ByteRange &range : access.bytes)
      tracker.access(at + range.low, at + range.high, mask, access.reads, access.writes, self, depend);
  }

  /// A transfer of constants starts only when those too far ahead of it have ended.
  template <class F> void limitFlight(const Leaf &leaf, Event self, F &depend) {
    flightBytes_ += leaf.transferBytes;
    flight_.push_back({self, leaf.transferBytes});
    while (flight_.size() > 2 && flightBytes_ > options_.bytesInFlight) {
      depend(flight_.front().first);
      flightBytes_ -= flight_.front().second;
      flight_.pop_front();
    }
  }

  /// Waits for what the stream does not know yet, latest first: each brings along all that its source knew.
  void resolve(int index, int frame, int stream) {
    std::sort(needs_.begin(), needs_.end(), [&](Event a, Event b) { return orderOf(a) > orderOf(b); });
    for (Event event : needs_) {
      if (known_[stream][event.channel] >= event.count)
        continue;
      absorb(stream, event);
      require(index, frame, event);
    }
  }

  Increment &at(Event event) { return increments_[event.channel][event.count - 1]; }
  int64_t orderOf(Event event) { return at(event).order; }

  void absorb(int stream, Event event) {
    const uint32_t *clock = &snapshots_[static_cast<size_t>(at(event).snapshot) * channels_];
    std::vector<uint32_t> &known = known_[stream];
    for (int c = 0; c < channels_; ++c)
      known[c] = std::max(known[c], clock[c]);
    known[event.channel] = std::max(known[event.channel], event.count);
    snapshotOf_[stream] = -1;
  }

  int snapshot(int stream) {
    if (snapshotOf_[stream] < 0) {
      snapshotOf_[stream] = static_cast<int>(snapshots_.size() / channels_);
      snapshots_.insert(snapshots_.end(), known_[stream].begin(), known_[stream].end());
    }
    return snapshotOf_[stream];
  }

  //===-- Requirements -----------------------------------------------------===//

  /// Depth of the frames in which a wait for `source` belongs: the innermost loop that both share when its iterations differ, else what they share.
  int attachDepth(int sink, int source) const {
    int sinkChild = -1, sourceChild = -1;
    while (sink != source) {
      bool climbSink = frames_[sink].depth >= frames_[source].depth, climbSource = frames_[source].depth >= frames_[sink].depth;
      if (climbSink) {
        sinkChild = sink;
        sink = frames_[sink].parent;
      }
      if (climbSource) {
        sourceChild = source;
        source = frames_[source].parent;
      }
    }
    int depth = frames_[sink].depth;
    bool carried = sinkChild >= 0 && sourceChild >= 0 && frames_[sinkChild].depth == depth + 1 && frames_[sourceChild].depth == depth + 1 &&
                   frames_[sinkChild].loop == frames_[sourceChild].loop;
    return carried ? depth + 1 : depth;
  }

  void require(int index, int frame, Event event) {
    int depth = attachDepth(frame, at(event).frame);
    int64_t value = event.count, full = event.count;
    for (int f = frame; f > 0; f = frames_[f].parent) {
      int64_t increments = perIteration_[frames_[f].loop][event.channel] * frames_[f].iteration;
      full -= increments;
      if (frames_[f].depth <= depth)
        value -= increments;
    }
    auto &list = requirements_[index];
    auto entry = llvm::find_if(list, [&](const Requirement &r) { return r.channel == event.channel && r.depth == depth; });
    if (entry == list.end())
      entry = list.insert(list.end(), {event.channel, depth});
    entry->value = std::max(entry->value, value);
    entry->fullValue = std::max(entry->fullValue, full);
    entry->order = std::max(entry->order, orderOf(event));
  }

  //===-- Folding ----------------------------------------------------------===//

  struct Ordered {
    SemaphoreWait wait;
    int64_t order;
  };

  void fold() {
    std::map<std::pair<isa::StreamId, int>, std::vector<Ordered>> before;
    plan_.leafWaits.resize(model_.leaves.size());
    for (size_t index = 0; index < model_.leaves.size(); ++index) {
      const Leaf &leaf = model_.leaves[index];
      llvm::SmallVector<int, 8> nest = model_.nest(leaf.loop);
      std::vector<Ordered> own;
      for (const Requirement &r : requirements_[index]) {
        if (r.depth == static_cast<int>(nest.size())) {
          add(own, r, nest);
          continue;
        }
        bool covered = llvm::any_of(requirements_[index], [&](const Requirement &o) {
          return o.channel == r.channel && o.depth == static_cast<int>(nest.size()) && o.value >= r.fullValue;
        });
        if (!covered)
          add(before[{leaf.stream, nest[r.depth]}], r, llvm::ArrayRef(nest).take_front(r.depth));
      }
      plan_.leafWaits[index] = finish(own);
    }
    for (auto &[place, waits] : before)
      plan_.loopWaits[place] = finish(waits);
  }

  void add(std::vector<Ordered> &waits, const Requirement &r, llvm::ArrayRef<int> nest) {
    for (Ordered &entry : waits)
      if (entry.wait.channel == r.channel) {
        entry.wait.value = std::max(entry.wait.value, r.value);
        entry.order = std::max(entry.order, r.order);
        return;
      }
    Ordered entry{{r.channel, r.value, {}}, r.order};
    for (int loop : nest)
      if (int64_t increments = perIteration_[loop][r.channel])
        entry.wait.terms.push_back({loop, increments});
    waits.push_back(std::move(entry));
  }

  llvm::SmallVector<SemaphoreWait, 2> finish(std::vector<Ordered> &waits) {
    std::sort(waits.begin(), waits.end(), [](const Ordered &a, const Ordered &b) { return a.order < b.order; });
    llvm::SmallVector<SemaphoreWait, 2> result;
    for (Ordered &entry : waits) {
      int64_t last = entry.wait.value;
      for (const Term &term : entry.wait.terms)
        last += term.bytes * (model_.loops[term.loop].trips - 1);
      if (last <= 0)
        continue;
      if (entry.wait.value < 0)
        plan_.credits[entry.wait.channel] = std::max(plan_.credits[entry.wait.channel], -entry.wait.value);
      result.push_back(std::move(entry.wait));
    }
    plan_.waits += static_cast<int64_t>(result.size());
    return result;
  }

  Model &model_;
  const SyncOptions options_;
  SyncPlan plan_;
  int next_ = 4, channels_ = 0;
  std::map<int, std::vector<int>> pools_;
  std::map<int, size_t> turn_;
  std::vector<std::vector<int64_t>> perIteration_;
  std::vector<std::vector<Increment>> increments_;
  std::vector<std::vector<uint32_t>> known_;
  std::vector<int> snapshotOf_;
  std::vector<uint32_t> snapshots_;
  std::vector<llvm::SmallVector<Requirement, 2>> requirements_;
  std::vector<int64_t> iteration_, rotation_;
  std::vector<Frame> frames_;
  std::vector<Event> needs_;
  std::deque<std::pair<Event, int64_t>> flight_;
  int64_t flightBytes_ = 0, order_ = 0;
  Tracker sbuf_, psum_;
  std::vector<Tracker> regions_;
};

} // namespace

Result<SyncPlan> synchronise(Model &model, const SyncOptions &options) { return Synchroniser(model, options).run(); }

} // namespace manaslu::tile
