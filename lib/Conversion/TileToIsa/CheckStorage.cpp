// The judge of the storage plan: recomputes who lives when, from the innermost loops outwards, and sweeps for overlaps.
#include "lib/Conversion/TileToIsa/Storage.h"

#include "lib/Alloc/Alloc.h"

#include <map>

namespace manaslu::tile {

namespace {

class Judge {
public:
  explicit Judge(const Model &model) : model_(model), life_(model.buffers.size(), {-1, -1}) {
    std::map<int, std::pair<int64_t, int64_t>> touched = walk(model.body, -1);
    for (auto &[buffer, range] : touched)
      life_[buffer] = range;
  }

  Status check(Space space, int64_t capacity, int64_t bank) const {
    std::vector<alloc::Buffer> requests;
    alloc::Placement placement;
    for (size_t b = 0; b < model_.buffers.size(); ++b) {
      const Buffer &buffer = model_.buffers[b];
      if (buffer.space != space || life_[b].first < 0)
        continue;
      if (buffer.stride < buffer.bytes || buffer.copies < 1 || buffer.base % buffer.elementBytes)
        return Error("MN-INTERNAL", "storage plan: copies of a buffer overlap or are misaligned", describe(buffer.value.getDefiningOp()));
      if (bank && buffer.bytes <= bank && (buffer.base % bank + buffer.bytes > bank || (buffer.copies > 1 && buffer.stride % bank)))
        return Error("MN-INTERNAL", "storage plan: a small PSUM buffer crosses a bank", describe(buffer.value.getDefiningOp()));
      requests.push_back({life_[b].first, life_[b].second + 1, buffer.stride * (buffer.copies - 1) + buffer.bytes, 1});
      placement.offsets.push_back(buffer.base);
    }
    return alloc::checkPlacement(requests, placement, capacity);
  }

private:
  using Touched = std::map<int, std::pair<int64_t, int64_t>>;

  static void merge(Touched &into, int buffer, int64_t first, int64_t last) {
    auto [entry, fresh] = into.insert({buffer, {first, last}});
    if (!fresh)
      entry->second = {std::min(entry->second.first, first), std::max(entry->second.second, last)};
  }

  /// Time ticks once for each leaf and twice for each loop. Returns the buffers that belong further out.
  Touched walk(const std::vector<Item> &items, int loop) {
    Touched touched;
    int64_t begin = clock_++;
    for (const Item &item : items) {
      if (item.isLoop) {
        int64_t before = clock_;
        Touched inner = walk(model_.loops[item.index].body, item.index);
        for (auto &[buffer, range] : inner)
          merge(touched, buffer, before, clock_ - 1);
        continue;
      }
      int64_t now = clock_++;
      for (const Access &access : model_.leaves[item.index].accesses)
        merge(touched, access.buffer, now, now);
    }
    int64_t end = clock_++;
    Touched outer;
    for (auto &[buffer, range] : touched) {
      if (loop >= 0 && model_.buffers[buffer].loop == loop)
        life_[buffer] = model_.buffers[buffer].copies > 1 ? std::pair(begin, end) : range;
      else
        outer[buffer] = range;
    }
    return outer;
  }

  const Model &model_;
  std::vector<std::pair<int64_t, int64_t>> life_;
  int64_t clock_ = 0;
};

} // namespace

Status checkStorage(const Model &model, const Chip &chip) {
  Judge judge(model);
  if (Status status = judge.check(Space::Sbuf, chip.sbufUsableBytes(), 0); !status)
    return status;
  return judge.check(Space::Psum, chip.psumBytesPerPartition(), chip.psumBankBytes);
}

} // namespace manaslu::tile
