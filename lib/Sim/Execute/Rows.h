// Rows of tiles as the kernels want them: contiguous fp32 copies only where needed, scratch of the thread.
#pragma once

#include "lib/Sim/Execute/Narrower.h"

#include <algorithm>
#include <span>

namespace manaslu::sim {

/// n floats (or 4-byte words) of this thread's scratch memory; slots 0..7 are distinct. Valid until the next call with the same slot.
float *scratch(int slot, int64_t n);

/// One tile whose rows (elements of one partition) are read or written as contiguous arrays.
class Rows {
public:
  /// `narrower` rounds what is stored.
  explicit Rows(const View &view, const Narrower &narrower = {});

  int64_t count() const { return count_; }
  int partitions() const { return view_.partitions; }
  DType type() const { return view_.type; }
  const View &view() const { return view_; }
  const Narrower &narrower() const { return narrower_; }
  std::byte *row(int partition) const { return view_.base + partition * view_.partitionPitch; }

  /// The row as fp32 values: in place when it is contiguous fp32, else widened into `buffer` (count() floats).
  const float *load(int partition, float *buffer) const;
  /// The elements of a partition lie side by side, in order.
  bool isContiguous() const { return contiguous_; }
  /// True when load() and target() work in place.
  bool isDirect() const { return direct_; }
  /// Rounds count() values to the row's type as the instruction says. Nothing to do when `values` is the row itself.
  void store(int partition, const float *values) const;

  /// The row's bits, element by element: in place when contiguous, else copied into `buffer`.
  const std::byte *loadBits(int partition, std::byte *buffer) const;
  void storeBits(int partition, const std::byte *bits) const;

  /// Bytes from row() to the lowest and past the highest byte of a row.
  int64_t low() const { return low_; }
  int64_t high() const { return high_; }

private:
  View view_;
  Pattern pattern_;
  Narrower narrower_;
  int64_t count_;
  int64_t low_ = 0, high_ = 0;
  bool contiguous_, direct_;
};

/// True when a row of `a` shares bytes with another partition's row of `b`: then partitions must be taken one after the other.
bool crossesRows(const Rows &a, const Rows &b);

/// True when the rows of this partition overlap without being the same bytes in the same order.
bool overlapsPartly(const Rows &target, const Rows &source, int partition);

/// Elements that a thread should have: another one is woken in about the time that these take.
constexpr int64_t kThreadElements = 8192;

/// For each partition: compute(partition, inputs as fp32 rows, output row of target.count() floats). Partitions run in parallel when they are independent.
template <size_t inputCount, class F> void mapRows(Memory &memory, const Rows &target, const std::array<const Rows *, inputCount> &inputs, F &&compute) {
  int64_t work = target.count();
  bool ordered = false;
  for (const Rows *input : inputs) {
    ordered |= crossesRows(target, *input);
    work = std::max(work, input->count());
  }
  auto run = [&](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; ++p) {
      int partition = static_cast<int>(p);
      std::array<const float *, inputCount> values;
      bool direct = target.isDirect();
      for (size_t i = 0; i < inputCount; ++i) {
        values[i] = inputs[i]->isDirect() ? inputs[i]->load(partition, nullptr) : inputs[i]->load(partition, scratch(static_cast<int>(i), inputs[i]->count()));
        direct = direct && !overlapsPartly(target, *inputs[i], partition);
      }
      float *out = direct ? reinterpret_cast<float *>(target.row(partition)) : scratch(7, target.count());
      compute(partition, values, out);
      if (!direct)
        target.store(partition, out);
    }
  };
  int64_t rows = target.partitions();
  memory.parallel(rows, ordered ? rows : std::max<int64_t>(1, kThreadElements / std::max<int64_t>(work, 1)), RangeFunction(run));
}

/// Copies bits between two patterns of the same number of elements (N4).
void copyBits(Cursor source, Cursor target, int64_t elements, int elementBytes);
/// The same with a cast through fp32; `index` walks the indices that `narrower` rounds by.
void copyCast(Cursor source, DType sourceType, Cursor target, DType targetType, int64_t elements, const Narrower &narrower, Cursor index);

/// A scalar operand, read before anything is written: an immediate, or one element per partition as fp32.
class PartitionScalars {
public:
  explicit PartitionScalars(float immediate) { values_.fill(immediate); }
  explicit PartitionScalars(const View &view);
  float at(int partition) const { return values_[static_cast<size_t>(partition)]; }

private:
  std::array<float, 128> values_;
};

/// The scalar operand of kind `kind`: resolved through `memory`, or the immediate.
Result<PartitionScalars> resolveScalar(Memory &memory, isa::ScalarKind kind, float immediate, const isa::TileOperand &operand);

} // namespace manaslu::sim
