// The judge of placements: a sweep over time that keeps the live ranges of addresses, written apart from the code that places.
#include "lib/Alloc/Alloc.h"

#include <algorithm>
#include <map>

namespace manaslu::alloc {

Status checkPlacement(std::span<const Buffer> buffers, const Placement &placement, int64_t capacity) {
  auto wrong = [](const std::string &what) { return Status(Error("MN-INTERNAL", "memory plan: " + what)); };
  if (placement.offsets.size() != buffers.size())
    return wrong(std::to_string(placement.offsets.size()) + " offsets for " + std::to_string(buffers.size()) + " buffers");
  struct Event {
    int64_t time;
    bool begins;
    size_t buffer;
  };
  std::vector<Event> events;
  for (size_t i = 0; i < buffers.size(); ++i) {
    int64_t offset = placement.offsets[i];
    if (offset < 0 || offset % buffers[i].align || buffers[i].size > capacity - offset)
      return wrong("buffer " + std::to_string(i) + " of " + std::to_string(buffers[i].size) + " at " + std::to_string(offset) + " is misaligned or beyond " +
                   std::to_string(capacity));
    if (buffers[i].start < buffers[i].end && buffers[i].size > 0) {
      events.push_back({buffers[i].start, true, i});
      events.push_back({buffers[i].end, false, i});
    }
  }
  // Ends come before begins: [start, end) intervals that only touch may share addresses.
  std::sort(events.begin(), events.end(),
            [](const Event &a, const Event &b) { return std::tie(a.time, a.begins, a.buffer) < std::tie(b.time, b.begins, b.buffer); });
  std::map<int64_t, std::pair<int64_t, size_t>> live; // offset -> end, buffer
  for (const Event &event : events) {
    int64_t offset = placement.offsets[event.buffer], end = offset + buffers[event.buffer].size;
    if (!event.begins) {
      live.erase(offset);
      continue;
    }
    auto next = live.lower_bound(offset);
    auto clash = next != live.end() && next->first < end ? next : next != live.begin() && std::prev(next)->second.first > offset ? std::prev(next) : live.end();
    if (clash != live.end())
      return wrong("buffers " + std::to_string(clash->second.second) + " and " + std::to_string(event.buffer) + " live together at time " +
                   std::to_string(event.time) + " and overlap at " + std::to_string(std::max(offset, clash->first)));
    live[offset] = {end, event.buffer};
  }
  return {};
}

} // namespace manaslu::alloc
