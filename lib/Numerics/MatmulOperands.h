// Operands of the matrix engine as the block kernels read them: rows of words in the order in which the contraction takes them.
#pragma once

#include "lib/Numerics/Matmul.h"
#include "lib/Numerics/kernels/Table.h"

#include <memory>

namespace manaslu::numerics {

/// Memory of one thread that only grows, aligned to a cache line.
class Scratch {
public:
  /// At least so many bytes; the contents are lost when it grows.
  void *get(size_t bytes);
  void *data() const;

private:
  std::unique_ptr<std::byte[]> storage_;
  size_t size_ = 0;
};

/// A part of the columns of an operand.
struct Interval {
  int begin, end;
  int size() const { return end - begin; }
};

/// How a contraction is taken.
enum class Order : uint8_t {
  Ascending,     ///< N51
  Pairs,         ///< N52, unpacked to single steps
  HardwarePairs, ///< N52, two elements in a word
};

/// `hardware`: the variant has a kernel for pairs.
Order orderOf(const Contraction &term, bool hardware);

/// Words of one column.
inline int stepsOf(int K, Order order) { return order == Order::Ascending ? K : order == Order::Pairs ? K + K % 2 : (K + 1) / 2; }

/// Words from one row of a copy to the next.
inline int64_t pitchOf(int columns) { return (columns + 15) / 16 * 16; }

/// Rows as the block kernel takes them.
template <class Word> struct PreparedRows {
  const Word *data;
  int64_t pitch;
};

/// The columns as rows of words: where they are, unless `copy` or their form forbids it, else in `scratch` from word `used` on.
template <class Word>
PreparedRows<Word> prepare(const MatmulOperand &operand, int K, Interval columns, Order order, bool copy, Scratch &scratch, int64_t &used);

/// Copies the columns in blocks of `height` <= 16 columns: block j goes to `to` + j * blockWords, its rows pitchOf(height) words apart.
template <class Word> void copyInBlocks(const MatmulOperand &operand, int K, Interval columns, int height, Order order, Word *to, int64_t blockWords);

/// Row 0 of a column, to be fetched with its successors; nothing beyond the last column.
Ahead aheadOf(const MatmulOperand &operand, int column);

} // namespace manaslu::numerics
