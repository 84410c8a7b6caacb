// Who wrote and read which bytes last: an interval map with one state for each quadrant of 32 partitions.
#pragma once

#include <llvm/ADT/SmallVector.h>

#include <array>
#include <cstdint>
#include <map>

namespace manaslu::tile {

/// The `count`-th increment of a channel; count 0: nothing.
struct Event {
  int32_t channel = -1;
  uint32_t count = 0;
  bool operator==(const Event &) const = default;
};

/// History of one memory (SBUF, PSUM or a device region).
class Tracker {
public:
  /// Calls depend(event) for everything an access of [low, high) in the quadrants of `mask` must come after, then remembers the access as `event`.
  template <class F> void access(int64_t low, int64_t high, unsigned mask, bool reads, bool writes, Event event, F &&depend) {
    auto at = split(low);
    split(high);
    for (; at != segments_.end() && at->first < high; ++at) {
      Segment &segment = at->second;
      if (segment.uniform && mask != kAll) {
        segment.quadrants[1] = segment.quadrants[2] = segment.quadrants[3] = segment.quadrants[0];
        segment.uniform = false;
      }
      if (segment.uniform) {
        touch(segment.quadrants[0], reads, writes, event, depend);
        continue;
      }
      for (int q = 0; q < 4; ++q)
        if (mask >> q & 1)
          touch(segment.quadrants[q], reads, writes, event, depend);
      if (writes && mask == kAll)
        segment.uniform = true;
    }
    if (writes)
      join(low, high, mask, event);
  }

private:
  static constexpr unsigned kAll = 15;

  struct Quadrant {
    Event writer;
    llvm::SmallVector<Event, 3> readers;
  };
  struct Segment {
    bool uniform = true;
    std::array<Quadrant, 4> quadrants;
  };
  using Segments = std::map<int64_t, Segment>; // a segment reaches to the next key

  Segments::iterator split(int64_t at) {
    auto next = segments_.lower_bound(at);
    if (next != segments_.end() && next->first == at)
      return next;
    if (next == segments_.begin())
      return segments_.emplace_hint(next, at, Segment{});
    return segments_.emplace_hint(next, at, std::prev(next)->second);
  }

  template <class F> static void touch(Quadrant &quadrant, bool reads, bool writes, Event event, F &depend) {
    if (quadrant.writer.count)
      depend(quadrant.writer);
    if (writes) {
      for (const Event &reader : quadrant.readers)
        depend(reader);
      quadrant.writer = event;
      quadrant.readers.clear();
      return;
    }
    for (Event &reader : quadrant.readers)
      if (reader.channel == event.channel) {
        reader = event;
        return;
      }
    quadrant.readers.push_back(event);
  }

  /// Segments that one write made equal become one again.
  void join(int64_t low, int64_t high, unsigned mask, Event) {
    if (mask != kAll)
      return;
    auto at = segments_.find(low);
    for (auto next = std::next(at); next != segments_.end() && next->first < high; next = segments_.erase(next)) {
    }
  }

  Segments segments_;
};

/// The quadrants that partitions [first, first + count) touch.
constexpr unsigned quadrantMask(int first, int count) {
  unsigned mask = 0;
  for (int q = first / 32; q <= (first + count - 1) / 32 && q < 4; ++q)
    mask |= 1u << q;
  return mask;
}

} // namespace manaslu::tile
