// Loads that are copied when somebody needs them in SBUF, if ever.
#include "lib/Sim/Machine/PendingLoads.h"

#include "lib/Sim/Execute/Pattern.h"

#include <algorithm>

namespace manaslu::sim {

PendingLoads::PendingLoads(const CoreMemory &memory, Deferred &deferred, bool anySize)
    : memory_(memory), deferred_(deferred), leastBytes_(anySize ? 1 : int64_t(1) << 15), leastPiece_(anySize ? 1 : 256),
      bucketBytes_(memory.partitionBytes(isa::Space::Sbuf) / kBuckets + 1) {}

bool PendingLoads::add(const View &tile, const Box &box, const DeviceView &source) {
  constexpr int64_t kMostPieces = 8;
  int64_t size = sizeOf(tile.type), rowBytes = box.high - box.low;
  if (tile.partitions < 2 || rowBytes * tile.partitions < leastBytes_)
    return false;
  // The source as `partitions` rows of equal pieces: its innermost dimension is a piece, or all of it is contiguous.
  Pattern pattern = patternOf(source);
  if (pattern.rank == 0 || pattern.dims[pattern.rank - 1].stride != size)
    return false;
  if (pattern.rank == 1) {
    insert({box, source.base, rowBytes});
    return true;
  }
  Pattern::Dim outer = pattern.dims[0];
  int64_t piece = pattern.dims[pattern.rank - 1].size * size;
  if (outer.size % tile.partitions != 0 || piece < leastPiece_ || rowBytes % piece != 0 || rowBytes / piece > kMostPieces)
    return false;
  int64_t pitch = outer.stride * (outer.size / tile.partitions);
  for (int64_t done = 0; done < rowBytes; done += piece) {
    Cursor at(source.base, pattern);
    at.seek(done / size);
    Box part = box;
    part.low = box.low + done;
    part.high = part.low + piece;
    insert({part, at.pointer(), pitch});
  }
  return true;
}

std::optional<View> PendingLoads::find(const View &tile, const Box &box) {
  const std::vector<size_t> &found = overlapping(box);
  if (found.size() == 1 && loads_[found[0]]->box.contains(box)) {
    const Load &load = *loads_[found[0]];
    const std::byte *low = memory_.sbuf(box.firstPartition, box.low);
    View view = tile;
    // Only for reading.
    view.base =
        const_cast<std::byte *>(load.source) + (box.firstPartition - load.box.firstPartition) * load.pitch + (box.low - load.box.low) + (tile.base - low);
    view.partitionPitch = load.pitch;
    return view;
  }
  settle(box);
  return std::nullopt;
}

void PendingLoads::settle(const Box &box) {
  for (size_t number : overlapping(box)) {
    copy(*loads_[number]);
    erase(number);
  }
}

void PendingLoads::overwrite(const Box &box) {
  for (size_t number : overlapping(box)) {
    Load load = *loads_[number];
    bool allPartitions = box.firstPartition <= load.box.firstPartition && load.box.lastPartition <= box.lastPartition;
    if (!allPartitions)
      copy(load);
    erase(number);
    if (!allPartitions)
      continue;
    Load left = load, right = load;
    left.box.high = box.low;
    right.box.low = box.high;
    right.source += box.high - load.box.low;
    for (const Load &rest : {left, right})
      if (rest.box.low < rest.box.high)
        insert(rest);
  }
}

void PendingLoads::insert(const Load &load) {
  size_t number = loads_.size();
  if (free_.empty()) {
    loads_.emplace_back(load);
  } else {
    number = free_.back();
    free_.pop_back();
    loads_[number] = load;
  }
  for (int64_t bucket = bucketOf(load.box.low); bucket <= bucketOf(load.box.high - 1); ++bucket)
    buckets_[static_cast<size_t>(bucket)].push_back(number);
}

void PendingLoads::erase(size_t number) {
  const Box &box = loads_[number]->box;
  for (int64_t bucket = bucketOf(box.low); bucket <= bucketOf(box.high - 1); ++bucket)
    std::erase(buckets_[static_cast<size_t>(bucket)], number);
  loads_[number].reset();
  free_.push_back(number);
}

void PendingLoads::copy(const Load &load) { deferred_.add({load.box, load.source, load.pitch}); }

const std::vector<size_t> &PendingLoads::overlapping(const Box &box) {
  found_.clear();
  if (free_.size() == loads_.size() || box.memory != 0)
    return found_;
  int64_t last = std::min<int64_t>(kBuckets - 1, bucketOf(box.high - 1));
  for (int64_t bucket = bucketOf(box.low); bucket <= last; ++bucket)
    for (size_t number : buckets_[static_cast<size_t>(bucket)])
      if (loads_[number]->box.overlaps(box))
        found_.push_back(number);
  std::sort(found_.begin(), found_.end());
  found_.erase(std::unique(found_.begin(), found_.end()), found_.end());
  return found_;
}

} // namespace manaslu::sim
