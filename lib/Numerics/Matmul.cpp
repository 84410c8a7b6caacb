// The matrix engine in bulk: operands as rows of words in the order in which they are taken, then the variant's block kernel over all of the result.
#include "lib/Numerics/Matmul.h"

#include "lib/Numerics/Environment.h"
#include "lib/Numerics/kernels/Table.h"

#include <algorithm>
#include <memory>
#include <type_traits>
#include <vector>

namespace manaslu::numerics {

namespace {

/// Memory of one thread that only grows, aligned to a cache line.
class Scratch {
public:
  /// At least so many bytes; the contents are lost when it grows.
  void *get(size_t bytes) {
    if (bytes > size_) {
      storage_ = std::make_unique_for_overwrite<std::byte[]>(bytes + 64);
      size_ = bytes;
    }
    return data();
  }
  void *data() const {
    auto address = reinterpret_cast<uintptr_t>(storage_.get());
    return storage_.get() + ((64 - address % 64) % 64);
  }

private:
  std::unique_ptr<std::byte[]> storage_;
  size_t size_ = 0;
};

/// Types whose every value is a bf16 number, so that vdpbf16ps computes the same products (N52, N58).
bool fitsBf16(DType type) { return type == DType::BF16 || isFp8(type) || type == DType::I8 || type == DType::U8; }

/// How a contraction is taken.
enum class Order : uint8_t {
  Ascending,     ///< N51
  Pairs,         ///< N52, unpacked to single steps
  HardwarePairs, ///< N52, two elements in a word
};

Order orderOf(const Contraction &term, bool hardware) {
  DType left = term.stationary.type, right = term.moving.type;
  if (!isMatmulPair(left, right) || sizeOf(left) == 4 || sizeOf(right) == 4)
    return Order::Ascending;
  return hardware && fitsBf16(left) && fitsBf16(right) ? Order::HardwarePairs : Order::Pairs;
}

/// Words of one column.
int stepsOf(int K, Order order) { return order == Order::Ascending ? K : order == Order::Pairs ? K + K % 2 : (K + 1) / 2; }

/// Rows as the block kernel takes them.
template <class Word> struct PreparedRows {
  const Word *data;
  int64_t pitch;
};

/// The columns of all K rows as rows of contiguous elements, in ascending or in pair order, `pitch` elements apart.
void gather(const MatmulOperand &operand, int K, Interval columns, Order order, std::byte *dst, int64_t pitch) {
  int size = sizeOf(operand.type), first = 0;
  GatherKernel copy = kernels().gather[size == 4 ? 2 : size - 1];
  int64_t pitchBytes = pitch * size;
  for (const ColumnRun &run : operand.runs) {
    int begin = std::max(columns.begin, first), end = std::min(columns.end, first + run.count);
    const std::byte *src = operand.data + run.offsetBytes + (begin - first) * run.strideBytes;
    std::byte *to = dst + int64_t(begin - columns.begin) * size;
    first += run.count;
    if (begin >= end)
      continue;
    if (order != Order::Pairs) {
      copy(src, operand.pitchBytes, run.strideBytes, to, pitchBytes, K, end - begin);
      continue;
    }
    // Element 2p stands behind element 2p + 1.
    copy(src, 2 * operand.pitchBytes, run.strideBytes, to + pitchBytes, 2 * pitchBytes, (K + 1) / 2, end - begin);
    copy(src + operand.pitchBytes, 2 * operand.pitchBytes, run.strideBytes, to, 2 * pitchBytes, K / 2, end - begin);
  }
  if (order == Order::Pairs && K % 2 != 0)
    std::fill_n(dst + (K - 1) * pitchBytes, pitchBytes, std::byte{0});
}

/// The same as fp32 numbers.
void gatherWidened(const MatmulOperand &operand, int K, Interval columns, Order order, float *dst, int64_t pitch) {
  thread_local Scratch narrow;
  if (operand.type == DType::F32)
    return gather(operand, K, columns, order, reinterpret_cast<std::byte *>(dst), pitch);
  int64_t elements = (order == Order::Pairs ? K + K % 2 : K) * pitch;
  auto *raw = static_cast<std::byte *>(narrow.get(static_cast<size_t>(elements) * sizeOf(operand.type)));
  gather(operand, K, columns, order, raw, pitch);
  FloatEnvironment environment(SubnormalMode::Keep);
  kernels().widenOperand[static_cast<int>(operand.type)](raw, dst, elements);
}

/// Whether the block kernel can read the columns where they are.
const float *inPlace(const MatmulOperand &operand, Interval columns) {
  if (operand.type != DType::F32 || operand.pitchBytes % 4 != 0)
    return nullptr;
  int first = 0;
  for (const ColumnRun &run : operand.runs) {
    if (columns.begin >= first && columns.end <= first + run.count) {
      const std::byte *data = operand.data + run.offsetBytes + (columns.begin - first) * run.strideBytes;
      return run.strideBytes == 4 && reinterpret_cast<uintptr_t>(data) % 4 == 0 ? reinterpret_cast<const float *>(data) : nullptr;
    }
    first += run.count;
  }
  return nullptr;
}

/// The columns of one operand as rows of words: where they are, unless `copy` or their form forbids it, else in `scratch` from word `used` on.
template <class Word>
PreparedRows<Word> prepare(const MatmulOperand &operand, int K, Interval columns, Order order, bool copy, Scratch &scratch, int64_t &used) {
  if constexpr (std::is_same_v<Word, float>)
    if (const float *data = copy ? nullptr : inPlace(operand, columns))
      return {data, operand.pitchBytes / 4};
  int64_t pitch = (columns.size() + 15) / 16 * 16;
  Word *to = static_cast<Word *>(scratch.data()) + used;
  used += stepsOf(K, order) * pitch;
  if constexpr (std::is_same_v<Word, float>) {
    gatherWidened(operand, K, columns, order, to, pitch);
  } else {
    thread_local Scratch widened;
    auto *values = static_cast<float *>(widened.get(static_cast<size_t>(K * pitch) * sizeof(float)));
    gatherWidened(operand, K, columns, order, values, pitch);
    kernels().packPairs(values, pitch, to, pitch, K, columns.size());
  }
  return {to, pitch};
}

/// Row 0 of a column, to be fetched with its successors; nothing beyond the last column.
Ahead aheadOf(const MatmulOperand &operand, int column) {
  for (const ColumnRun &run : operand.runs) {
    if (column < run.count)
      return {operand.data + run.offsetBytes + column * run.strideBytes, operand.pitchBytes};
    column -= run.count;
  }
  return {operand.data, 0};
}

/// A result in which `broadcast` operands give the rows and `lanes` operands the columns.
struct Target {
  float *acc; ///< of the first row and column
  int64_t pitch;
  Interval rows, columns;
  MatmulOperand Contraction::*broadcast;
  MatmulOperand Contraction::*lanes;
};

/// How a result is cut: panels of columns, in each blocks of equal height, which keeps the last one from running nearly empty.
struct Cut {
  Cut(const MatmulTable &table, int M, int N) : width(std::min(N, 2 * table.lanes)) {
    int most = width <= table.lanes ? table.narrowRows : table.wideRows;
    blocks = (M + most - 1) / most;
    height = (M + blocks - 1) / blocks;
    blocks = (M + height - 1) / height;
    // Rows of a tile are a page apart or more: what is read several times is read from a copy.
    copyRows = N > width;
    copyColumns = blocks > 2;
  }
  int width, height, blocks;
  bool copyRows, copyColumns;
};

template <class Word>
void runBlocks(BlockKernel<Word> kernel, const MatmulTable &table, std::span<const Contraction> terms, const Target &target, Order order, bool accumulate) {
  thread_local Scratch rowScratch, columnScratch;
  thread_local std::vector<PreparedRows<Word>> rows, columns;
  thread_local std::vector<BlockTerm<Word>> block;
  int M = target.rows.size(), N = target.columns.size();
  Cut cut(table, M, N);
  int64_t steps = 0, rowWords = 0;
  for (const Contraction &term : terms)
    steps += stepsOf(term.K, order);
  rowScratch.get(static_cast<size_t>(steps * cut.blocks * ((cut.height + 15) / 16 * 16)) * sizeof(Word));
  columnScratch.get(static_cast<size_t>(steps * ((cut.width + 15) / 16 * 16)) * sizeof(Word));
  rows.resize(static_cast<size_t>(cut.blocks) * terms.size());
  columns.resize(terms.size());
  block.resize(terms.size());
  FloatEnvironment environment(SubnormalMode::Flush); // N54, N55; set once: setting it waits for all products under way
  for (int n = 0; n < N; n += cut.width) {
    Interval columnsHere = {target.columns.begin + n, target.columns.begin + std::min(N, n + cut.width)};
    int64_t columnWords = 0;
    for (size_t i = 0; i < terms.size(); ++i)
      columns[i] = prepare<Word>(terms[i].*target.lanes, terms[i].K, columnsHere, order, cut.copyColumns, columnScratch, columnWords);
    for (int j = 0, m = 0; j < cut.blocks; ++j, m += cut.height) {
      Interval rowsHere = {target.rows.begin + m, target.rows.begin + std::min(M, m + cut.height)};
      for (size_t i = 0; i < terms.size(); ++i) {
        const Contraction &term = terms[i];
        PreparedRows<Word> &left = rows[j * terms.size() + i];
        if (n == 0)
          left = prepare<Word>(term.*target.broadcast, term.K, rowsHere, order, cut.copyRows, rowScratch, rowWords);
        // Blocks of the first panel read their rows for the first time, the first block of a panel has time to fetch the next panel.
        Ahead nextRows = n == 0 ? aheadOf(term.*target.broadcast, rowsHere.end + cut.height - 1) : Ahead{reinterpret_cast<const std::byte *>(left.data), 0};
        Ahead nextColumns = j == 0 ? aheadOf(term.*target.lanes, columnsHere.end) : Ahead{reinterpret_cast<const std::byte *>(columns[i].data), 0};
        block[i] = {left.data, left.pitch, columns[i].data, columns[i].pitch, stepsOf(term.K, order), nextRows, nextColumns};
      }
      kernel(block.data(), static_cast<int>(block.size()), rowsHere.size(), columnsHere.size(), target.acc + m * target.pitch + n, target.pitch, accumulate);
    }
  }
}

void run(std::span<const Contraction> terms, const Target &target, Order order, bool accumulate) {
  const MatmulTable &table = matmulKernels();
  if (order == Order::HardwarePairs)
    runBlocks<uint32_t>(table.pairs, table, terms, target, order, accumulate);
  else
    runBlocks<float>(table.steps, table, terms, target, order, accumulate);
}

/// With few columns the vectors would run nearly empty: the rows become the columns of a result that is turned at the end. Products commute.
void runTurned(std::span<const Contraction> terms, const Target &target, Order order, bool accumulate) {
  thread_local Scratch scratch;
  int M = target.rows.size(), N = target.columns.size();
  auto *turned = static_cast<float *>(scratch.get(static_cast<size_t>(M) * N * sizeof(float)));
  for (int m = 0; accumulate && m < M; ++m)
    for (int n = 0; n < N; ++n)
      turned[n * M + m] = target.acc[m * target.pitch + n];
  run(terms, {turned, M, target.columns, target.rows, target.lanes, target.broadcast}, order, accumulate);
  for (int m = 0; m < M; ++m)
    for (int n = 0; n < N; ++n)
      target.acc[m * target.pitch + n] = turned[n * M + m];
}

/// Turning costs about as much as four vector steps an element.
bool isBetterTurned(std::span<const Contraction> terms, int M, int N, Order order) {
  auto vectors = [lanes = matmulKernels().lanes](int n) { return int64_t((n + lanes - 1) / lanes); };
  int64_t steps = 0;
  for (const Contraction &term : terms)
    steps += stepsOf(term.K, order);
  return M * vectors(N) * steps > N * vectors(M) * steps + 4 * int64_t(M) * N;
}

} // namespace

void matmul(std::span<const Contraction> terms, Interval rows, Interval columns, float *acc, int64_t accPitchBytes, bool accumulate) {
  if (rows.size() <= 0 || columns.size() <= 0)
    return;
  bool hardware = matmulKernels().pairs != nullptr;
  int64_t pitch = accPitchBytes / static_cast<int64_t>(sizeof(float));
  Target target = {acc + rows.begin * pitch + columns.begin, pitch, rows, columns, &Contraction::stationary, &Contraction::moving};
  while (!terms.empty()) {
    Order order = orderOf(terms.front(), hardware);
    size_t same = 1;
    while (same < terms.size() && orderOf(terms[same], hardware) == order)
      ++same;
    auto part = terms.first(same);
    if (isBetterTurned(part, rows.size(), columns.size(), order))
      runTurned(part, target, order, accumulate);
    else
      run(part, target, order, accumulate);
    terms = terms.subspan(same);
    accumulate = true;
  }
}

void matmul(DType stationaryType, const std::byte *stationary, int64_t stationaryPitchBytes, DType movingType, const std::byte *moving,
            int64_t movingPitchBytes, float *acc, int64_t accPitchBytes, int K, int M, int N, bool accumulate) {
  ColumnRun left = {0, sizeOf(stationaryType), M}, right = {0, sizeOf(movingType), N};
  Contraction term = {{stationaryType, stationary, stationaryPitchBytes, {&left, 1}}, {movingType, moving, movingPitchBytes, {&right, 1}}, K};
  matmul({&term, 1}, {0, M}, {0, N}, acc, accPitchBytes, accumulate);
}

} // namespace manaslu::numerics
