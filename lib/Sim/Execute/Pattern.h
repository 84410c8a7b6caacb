// Access patterns with neighbouring dimensions merged, and cursors that walk them.
#pragma once

#include "lib/Sim/Execute.h"

namespace manaslu::sim {

/// An access pattern with bytes as strides, outermost first, without dimensions of size 1 and with contiguous neighbours merged.
struct Pattern {
  struct Dim {
    int64_t stride;
    int64_t size;
  };
  std::array<Dim, 6> dims;
  int rank = 0;

  void push(int64_t stride, int64_t size);
  int64_t elements() const;
  /// All elements lie side by side, in order.
  bool isContiguous(int elementBytes) const { return rank == 0 || (rank == 1 && dims[0].stride == elementBytes); }
};

/// The pattern of one partition, or of a device operand (leaving out its first `skip` dimensions).
Pattern patternOf(const View &view);
Pattern patternOf(const DeviceView &view, int skip = 0);
/// The pattern of a whole tile, the partition outermost.
Pattern wholePattern(const View &view);

/// Walks a pattern: `pointer()` is the current element, `run()` how many elements follow at distance `stride()`, itself included.
class Cursor {
public:
  /// Starts `start` bytes behind `base`; a cursor that only counts has no base.
  Cursor(std::byte *base, const Pattern &pattern, int64_t start = 0);
  std::byte *pointer() const { return base_ + offset_; }
  /// Bytes from `base` to the current element.
  int64_t offset() const { return offset_; }
  int64_t run() const { return inner_.size - innerIndex_; }
  int64_t stride() const { return inner_.stride; }
  /// Goes on by n <= run() elements.
  void advance(int64_t n);
  /// Goes to an element by its number in the pattern's order; only for a cursor at its start.
  void seek(int64_t element);

private:
  Pattern pattern_;
  Pattern::Dim inner_;
  int64_t innerIndex_ = 0;
  std::array<int64_t, 6> index_{};
  std::byte *base_;
  int64_t offset_, runStart_;
};

} // namespace manaslu::sim
