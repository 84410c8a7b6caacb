// Bitmaps of written bytes.
#include "lib/Sim/Machine/WrittenMap.h"

#include <bit>
#include <utility>

namespace manaslu::sim {

/// Remembered footprints; a power of two.
static constexpr size_t kKnown = 1024;

WrittenMap::WrittenMap(int64_t partitions, int64_t bytesPerPartition) {
  int64_t granules = (bytesPerPartition + 3) / 4;
  wholeWords_ = (granules + 63) / 64;
  partBytes_ = (granules + 1) / 2;
  whole_ = Pages(static_cast<size_t>(partitions * wholeWords_ * 8));
  part_ = Pages(static_cast<size_t>(partitions * partBytes_));
  group_ = Pages(static_cast<size_t>((partitions + kGroup - 1) / kGroup * wholeWords_ * 8));
  known_.resize(kKnown);
  // A page that is read before it is written costs other threads more than the one that takes it.
  constexpr size_t kMostPopulated = size_t(4) << 20;
  for (Pages *pages : {&whole_, &part_, &group_})
    if (pages->size() <= kMostPopulated)
      pages->populate();
}

void WrittenMap::clear() {
  whole_.clear();
  if (std::exchange(anyPart_, false))
    part_.clear();
  group_.clear();
  known_.assign(kKnown, {});
}

void WrittenMap::markPart(int64_t row, int64_t granule, int64_t low, int64_t high) {
  anyPart_ = true;
  uint8_t &cell = partRow(row)[granule / 2];
  int shift = granule % 2 ? 4 : 0;
  auto mask = static_cast<uint8_t>(((1u << high) - 1) & ~((1u << low) - 1));
  cell = static_cast<uint8_t>(cell | (mask << shift));
  if (((cell >> shift) & 15) == 15)
    wholeRow(row)[granule / 64] |= uint64_t(1) << (granule % 64);
}

namespace {

/// Calls run(word, bits) for the words of granules first .. last - 1 until it gives false, and then gives false.
template <class F> bool forEachWord(int64_t first, int64_t last, F &&run) {
  while (first < last) {
    int64_t bit = first % 64, count = std::min<int64_t>(64 - bit, last - first);
    if (!run(first / 64, (count == 64 ? ~uint64_t(0) : (uint64_t(1) << count) - 1) << bit))
      return false;
    first += count;
  }
  return true;
}

} // namespace

void WrittenMap::markRange(int64_t row, int64_t low, int64_t high) {
  int64_t first = (low + 3) / 4, last = high / 4;
  if (first > last)
    return markPart(row, last, low - last * 4, high - last * 4);
  if (low % 4)
    markPart(row, first - 1, low % 4, 4);
  if (high % 4)
    markPart(row, last, 0, high % 4);
  uint64_t *words = wholeRow(row);
  forEachWord(first, last, [words](int64_t word, uint64_t bits) {
    words[word] |= bits;
    return true;
  });
}

/// Marks the bytes in all partitions of the row's group; granules written in part are left to the partitions.
void WrittenMap::markGroup(int64_t row, int64_t low, int64_t high) {
  int64_t first = (low + 3) / 4, last = high / 4;
  if (low % 4 || high % 4)
    for (int64_t each = row; each < row + kGroup; ++each) {
      if (first > last) {
        markRange(each, low, high);
        continue;
      }
      markRange(each, low, first * 4);
      markRange(each, last * 4, high);
    }
  uint64_t *words = groupRow(row);
  forEachWord(first, last, [words](int64_t word, uint64_t bits) {
    words[word] |= bits;
    return true;
  });
}

/// The bytes were written in all partitions of the row's group at once.
bool WrittenMap::groupHolds(int64_t row, int64_t low, int64_t high) const {
  const uint64_t *words = groupRow(row);
  return forEachWord(low / 4, (high + 3) / 4, [words](int64_t word, uint64_t bits) { return (bits & ~words[word]) == 0; });
}

int64_t WrittenMap::holeIn(int64_t row, int64_t low, int64_t high) const {
  const uint64_t *words = wholeRow(row), *group = groupRow(row);
  int64_t hole = -1;
  forEachWord(low / 4, (high + 3) / 4, [&](int64_t word, uint64_t bits) {
    uint64_t missing = bits & ~(words[word] | group[word]);
    while (missing && hole < 0) {
      int64_t at = word * 64 + std::countr_zero(missing);
      missing &= missing - 1;
      unsigned written = (partRow(row)[at / 2] >> (at % 2 ? 4 : 0)) & 15;
      for (int64_t byte = std::max(low, at * 4); hole < 0 && byte < std::min(high, at * 4 + 4); ++byte)
        if (!(written >> (byte - at * 4) & 1))
          hole = byte;
    }
    return hole < 0;
  });
  return hole;
}

WrittenMap::Whole &WrittenMap::cellFor(const Placed &placed) {
  const Footprint &shape = *placed.shape;
  auto key = static_cast<uint64_t>(placed.low()) * 128 + static_cast<uint64_t>(shape.firstPartition);
  if (!shape.dense)
    key += reinterpret_cast<uintptr_t>(placed.shape) >> 3;
  return known_[(key * 0x9e3779b97f4a7c15u >> 40) % kKnown];
}

bool WrittenMap::isKnown(const Placed &placed) {
  const Footprint &shape = *placed.shape;
  if (!shape.dense && !shape.lasting)
    return false;
  const Whole &cell = cellFor(placed);
  if (!shape.dense)
    return cell.shape == placed.shape && cell.shift == placed.shift;
  return !cell.shape && cell.first <= shape.firstPartition && shape.lastPartition <= cell.last && cell.low <= placed.low() && placed.high() <= cell.high;
}

void WrittenMap::remember(const Placed &placed) {
  const Footprint &shape = *placed.shape;
  if (!shape.dense && !shape.lasting)
    return;
  cellFor(placed) = {shape.dense ? nullptr : placed.shape, placed.shift, shape.firstPartition, shape.lastPartition, placed.low(), placed.high()};
}

void WrittenMap::mark(const Placed &placed) {
  if (isKnown(placed))
    return;
  for (int64_t row = placed.shape->firstPartition, end = placed.shape->lastPartition; row < end;) {
    bool group = row % kGroup == 0 && row + kGroup <= end;
    forEachByteRun(placed, [&](int64_t low, int64_t high) {
      group ? markGroup(row, low, high) : markRange(row, low, high);
      return true;
    });
    row += group ? kGroup : 1;
  }
  remember(placed);
}

std::optional<WrittenMap::Hole> WrittenMap::firstHole(const Placed &placed) {
  if (isKnown(placed))
    return std::nullopt;
  for (int row = placed.shape->firstPartition, end = placed.shape->lastPartition; row < end; ++row) {
    // A group that was written at once is looked at once, also when only some of its partitions are read; and mostly there are no holes between the runs
    // either.
    auto holds = [&](int64_t low, int64_t high) { return groupHolds(row, low, high); };
    if (holds(placed.low(), placed.high()) || forEachByteRun(placed, holds)) {
      row += kGroup - 1 - row % kGroup;
      continue;
    }
    if (holeIn(row, placed.low(), placed.high()) < 0)
      continue;
    int64_t hole = -1;
    forEachByteRun(placed, [&](int64_t low, int64_t high) { return (hole = holeIn(row, low, high)) < 0; });
    if (hole >= 0)
      return Hole{row, hole};
  }
  remember(placed);
  return std::nullopt;
}

} // namespace manaslu::sim
