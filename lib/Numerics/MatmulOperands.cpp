// Operands copied next to each other, so that blocks read them in long rows.
#include "lib/Numerics/MatmulOperands.h"

#include "lib/Numerics/Environment.h"

#include <algorithm>
#include <type_traits>

namespace manaslu::numerics {

void *Scratch::get(size_t bytes) {
  if (bytes > size_) {
    size_ = std::max(bytes, 2 * size_); // a few times only: the host takes a fault for every new page
    storage_ = std::make_unique_for_overwrite<std::byte[]>(size_ + 64);
  }
  return data();
}

void *Scratch::data() const {
  auto address = reinterpret_cast<uintptr_t>(storage_.get());
  return storage_.get() + ((64 - address % 64) % 64);
}

namespace {

/// Types whose every value is a bf16 number, so that vdpbf16ps computes the same products (N52, N58).
bool fitsBf16(DType type) { return type == DType::BF16 || isFp8(type) || type == DType::I8 || type == DType::U8; }

/// Calls copy(source, source pitch, target, target pitch, rows) once, or, in pair order, for the even and for the odd rows: element 2p stands behind element
/// 2p + 1, and an odd last one behind `width` zeros. Source pitches are bytes.
template <class Word, class Copy>
void inOrder(const std::byte *src, int64_t srcPitch, int K, Order order, Word *to, int64_t pitch, int64_t width, Copy &&copy) {
  if (order != Order::Pairs)
    return copy(src, srcPitch, to, pitch, K);
  copy(src, 2 * srcPitch, to + pitch, 2 * pitch, (K + 1) / 2);
  copy(src + srcPitch, 2 * srcPitch, to, 2 * pitch, K / 2);
  if (K % 2 != 0)
    std::fill_n(to + (K - 1) * pitch, width, Word{0});
}

/// The columns of all K rows as rows of contiguous elements, in ascending or in pair order, `pitch` elements apart.
void gather(const MatmulOperand &operand, int K, Interval columns, Order order, std::byte *dst, int64_t pitch) {
  int size = sizeOf(operand.type), first = 0;
  GatherKernel kernel = kernels().gather[size == 4 ? 2 : size - 1];
  for (const ColumnRun &run : operand.runs) {
    int begin = std::max(columns.begin, first), end = std::min(columns.end, first + run.count);
    const std::byte *src = operand.data + run.offsetBytes + (begin - first) * run.strideBytes;
    first += run.count;
    if (begin < end)
      inOrder(src, operand.pitchBytes, K, order, dst + int64_t(begin - columns.begin) * size, pitch * size, int64_t(end - begin) * size,
              [&](const std::byte *from, int64_t fromPitch, std::byte *to, int64_t toPitch, int rows) {
                kernel(from, fromPitch, run.strideBytes, to, toPitch, rows, end - begin);
              });
  }
}

/// Row 0 of the columns when they lie side by side, else null.
const std::byte *contiguous(const MatmulOperand &operand, Interval columns) {
  int first = 0;
  for (const ColumnRun &run : operand.runs) {
    if (columns.begin >= first && columns.end <= first + run.count)
      return run.strideBytes == sizeOf(operand.type) ? operand.data + run.offsetBytes + (columns.begin - first) * run.strideBytes : nullptr;
    first += run.count;
  }
  return nullptr;
}

/// The columns as fp32 numbers.
void copyWidened(const MatmulOperand &operand, int K, Interval columns, Order order, float *dst, int64_t pitch) {
  if (operand.type == DType::F32)
    return gather(operand, K, columns, order, reinterpret_cast<std::byte *>(dst), pitch);
  auto widen = kernels().widenOperand[static_cast<int>(operand.type)];
  FloatEnvironment environment(SubnormalMode::Keep);
  if (const std::byte *rows = contiguous(operand, columns)) {
    inOrder(
        rows, operand.pitchBytes, K, order, dst, pitch, columns.size(),
        [&](const std::byte *from, int64_t fromPitch, float *to, int64_t toPitch, int count) { widen(from, fromPitch, to, toPitch, count, columns.size()); });
    return;
  }
  thread_local Scratch narrow;
  int rows = order == Order::Pairs ? K + K % 2 : K;
  int64_t rowBytes = pitch * sizeOf(operand.type);
  auto *raw = static_cast<std::byte *>(narrow.get(static_cast<size_t>(rows * rowBytes)));
  gather(operand, K, columns, order, raw, pitch);
  widen(raw, rowBytes, dst, pitch, rows, columns.size());
}

/// Whether the block kernel can read the columns where they are.
const float *inPlace(const MatmulOperand &operand, Interval columns) {
  const std::byte *data = operand.type == DType::F32 && operand.pitchBytes % 4 == 0 ? contiguous(operand, columns) : nullptr;
  return reinterpret_cast<uintptr_t>(data) % 4 == 0 ? reinterpret_cast<const float *>(data) : nullptr;
}

} // namespace

Order orderOf(const Contraction &term, bool hardware) {
  DType left = term.stationary.type, right = term.moving.type;
  if (!isMatmulPair(left, right) || sizeOf(left) == 4 || sizeOf(right) == 4)
    return Order::Ascending;
  return hardware && fitsBf16(left) && fitsBf16(right) ? Order::HardwarePairs : Order::Pairs;
}

/// Copies the columns to stepsOf(K) rows of words, `pitch` words apart.
template <class Word> static void copyAsWords(const MatmulOperand &operand, int K, Interval columns, Order order, Word *to, int64_t pitch) {
  if constexpr (std::is_same_v<Word, float>) {
    copyWidened(operand, K, columns, order, to, pitch);
  } else {
    const std::byte *pairs = operand.type == DType::BF16 ? contiguous(operand, columns) : nullptr;
    if (pairs)
      return kernels().joinPairs(pairs, operand.pitchBytes, to, pitch, K, columns.size());
    thread_local Scratch widened;
    auto *values = static_cast<float *>(widened.get(static_cast<size_t>(K * pitch) * sizeof(float)));
    copyWidened(operand, K, columns, order, values, pitch);
    kernels().packPairs(values, pitch, to, pitch, K, columns.size());
  }
}

template <class Word>
PreparedRows<Word> prepare(const MatmulOperand &operand, int K, Interval columns, Order order, bool copy, Scratch &scratch, int64_t &used) {
  if constexpr (std::is_same_v<Word, float>)
    if (const float *data = copy ? nullptr : inPlace(operand, columns))
      return {data, operand.pitchBytes / 4};
  int64_t pitch = pitchOf(columns.size());
  Word *to = static_cast<Word *>(scratch.data()) + used;
  used += stepsOf(K, order) * pitch;
  copyAsWords(operand, K, columns, order, to, pitch);
  return {to, pitch};
}

namespace {

/// The same for contiguous narrow elements that become fp32 numbers, some rows at a time, so that all blocks find them in the cache.
void widenInBlocks(const std::byte *src, const MatmulOperand &operand, int K, int columns, int height, Order order, float *to, int64_t blockWords) {
  constexpr int kRows = 16, kWidth = 16;
  auto widen = kernels().widenOperand[static_cast<int>(operand.type)];
  int size = sizeOf(operand.type);
  FloatEnvironment environment(SubnormalMode::Keep);
  for (int k = 0; k < K; k += kRows, src += kRows * operand.pitchBytes, to += kRows * kWidth) {
    for (int row = 0; row < kRows; ++row) // rows are too far apart for hardware to see what comes next
      for (int byte = 0; byte < columns * size; byte += 64)
        __builtin_prefetch(src + (kRows + row) * operand.pitchBytes + byte, 0, 3);
    for (int j = 0; j * height < columns; ++j)
      inOrder(src + j * height * size, operand.pitchBytes, std::min(kRows, K - k), order, to + j * blockWords, kWidth, kWidth,
              [&](const std::byte *from, int64_t fromPitch, float *block, int64_t pitch, int rows) {
                widen(from, fromPitch, block, pitch, rows, std::min(kWidth, columns - j * height)); // a whole vector where the row has one
              });
  }
}

} // namespace

template <class Word> void copyInBlocks(const MatmulOperand &operand, int K, Interval columns, int height, Order order, Word *to, int64_t blockWords) {
  if (const std::byte *rows = contiguous(operand, columns)) {
    if constexpr (std::is_same_v<Word, float>) {
      if (operand.type != DType::F32)
        return widenInBlocks(rows, operand, K, columns.size(), height, order, to, blockWords);
      if (order == Order::Ascending)
        return kernels().splitRows(rows, operand.pitchBytes, to, blockWords, K, columns.size(), height);
    } else if (operand.type == DType::BF16) {
      return kernels().splitPairs(rows, operand.pitchBytes, to, blockWords, K, columns.size(), height);
    }
  }
  for (int begin = columns.begin; begin < columns.end; begin += height, to += blockWords)
    copyAsWords(operand, K, {begin, std::min(begin + height, columns.end)}, order, to, pitchOf(height));
}

Ahead aheadOf(const MatmulOperand &operand, int column) {
  for (const ColumnRun &run : operand.runs) {
    if (column < run.count)
      return {operand.data + run.offsetBytes + column * run.strideBytes, operand.pitchBytes};
    column -= run.count;
  }
  return {operand.data, 0};
}

template PreparedRows<float> prepare(const MatmulOperand &, int, Interval, Order, bool, Scratch &, int64_t &);
template PreparedRows<uint32_t> prepare(const MatmulOperand &, int, Interval, Order, bool, Scratch &, int64_t &);
template void copyInBlocks(const MatmulOperand &, int, Interval, int, Order, float *, int64_t);
template void copyInBlocks(const MatmulOperand &, int, Interval, int, Order, uint32_t *, int64_t);

} // namespace manaslu::numerics
