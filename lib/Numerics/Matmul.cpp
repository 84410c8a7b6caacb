// The matrix engine in bulk: a result in panels of columns, each in blocks for the variant's kernel.
#include "lib/Numerics/MatmulOperands.h"

#include "lib/Numerics/Environment.h"

#include <algorithm>
#include <type_traits>
#include <vector>

namespace manaslu::numerics {

namespace {

/// A result of M x N elements in which `broadcast` operands give the rows and `lanes` operands the columns.
struct Target {
  float *acc;
  int64_t pitch;
  int M, N;
  MatmulOperand Contraction::*broadcast;
  MatmulOperand Contraction::*lanes;
};

/// How a result is cut: panels of columns, in each blocks of equal height, which keeps the last one from running nearly empty.
struct Cut {
  Cut(const MatmulTable &table, int M, int N) : width(std::min(N, 2 * table.lanes)), panels((N + width - 1) / width) {
    int most = width <= table.lanes ? table.narrowRows : table.wideRows;
    blocks = (M + most - 1) / most;
    height = (M + blocks - 1) / blocks;
    blocks = (M + height - 1) / height;
    // Rows of a tile are a page apart or more: what is read several times is read from a copy.
    copyRows = panels > 1;
    copyColumns = blocks > 2;
  }
  int width, panels, height, blocks;
  bool copyRows, copyColumns;
};

/// Computes panels of a result on one thread.
template <class Word> class PanelRun {
public:
  PanelRun(BlockKernel<Word> kernel, std::span<const Contraction> terms, const Target &target, const Cut &cut, Order order, bool accumulate)
      : kernel_(kernel), terms_(terms), target_(target), cut_(cut), order_(order), accumulate_(accumulate) {
    for (const Contraction &term : terms)
      steps_ += stepsOf(term.K, order);
  }

  /// Copies the rows of all blocks, which every panel reads. `scratch` must live as long as this.
  void copyRows(Scratch &scratch) {
    int64_t pitch = pitchOf(cut_.height), before = 0;
    auto *to = static_cast<Word *>(scratch.get(static_cast<size_t>(steps_ * cut_.blocks * pitch) * sizeof(Word)));
    for (const Contraction &term : terms_) {
      copyInBlocks(term.*target_.broadcast, term.K, {0, target_.M}, cut_.height, order_, to + before, steps_ * pitch);
      before += stepsOf(term.K, order_) * pitch;
    }
    rows_ = {to, pitch};
  }

  void operator()(int64_t begin, int64_t end) const {
    thread_local Scratch rowScratch, columnScratch;
    thread_local std::vector<PreparedRows<Word>> columns;
    thread_local std::vector<BlockTerm<Word>> block;
    columnScratch.get(static_cast<size_t>(steps_ * pitchOf(cut_.width)) * sizeof(Word));
    if (!cut_.copyRows)
      rowScratch.get(static_cast<size_t>(steps_ * pitchOf(cut_.height)) * sizeof(Word));
    columns.resize(terms_.size());
    block.resize(terms_.size());
    FloatEnvironment environment(SubnormalMode::Flush); // N54, N55; set once: setting it waits for all products under way
    for (auto n = static_cast<int>(begin) * cut_.width; n < std::min<int64_t>(target_.N, end * cut_.width); n += cut_.width) {
      Interval columnsHere = {n, std::min(target_.N, n + cut_.width)};
      int64_t columnWords = 0;
      for (size_t i = 0; i < terms_.size(); ++i)
        columns[i] = prepare<Word>(terms_[i].*target_.lanes, terms_[i].K, columnsHere, order_, cut_.copyColumns, columnScratch, columnWords);
      for (int j = 0, m = 0; j < cut_.blocks; ++j, m += cut_.height) {
        Interval rowsHere = {m, std::min(target_.M, m + cut_.height)};
        int64_t rowWords = 0, before = j * steps_ * rows_.pitch;
        for (size_t i = 0; i < terms_.size(); ++i) {
          const Contraction &term = terms_[i];
          int steps = stepsOf(term.K, order_);
          PreparedRows<Word> left = {rows_.data + before, rows_.pitch};
          if (!cut_.copyRows)
            left = prepare<Word>(term.*target_.broadcast, term.K, rowsHere, order_, false, rowScratch, rowWords);
          before += steps * rows_.pitch;
          // The only panel reads its rows for the first time, the first block of a panel has time to fetch the next panel.
          Ahead nextRows = cut_.copyRows ? Ahead{nullptr, 0} : aheadOf(term.*target_.broadcast, rowsHere.end + cut_.height - 1);
          Ahead nextColumns = j == 0 ? aheadOf(term.*target_.lanes, columnsHere.end) : Ahead{nullptr, 0};
          block[i] = {left.data, left.pitch, columns[i].data, columns[i].pitch, steps, nextRows, nextColumns};
        }
        kernel_(block.data(), static_cast<int>(block.size()), rowsHere.size(), columnsHere.size(), target_.acc + m * target_.pitch + n, target_.pitch,
                accumulate_);
      }
    }
  }

private:
  BlockKernel<Word> kernel_;
  std::span<const Contraction> terms_;
  const Target &target_;
  const Cut &cut_;
  Order order_;
  bool accumulate_;
  int64_t steps_ = 0;            ///< words of a column in all terms
  PreparedRows<Word> rows_ = {}; ///< of block 0, term 0; blocks follow each other, in each the terms
};

template <class Word>
void runBlocks(BlockKernel<Word> kernel, const MatmulTable &table, std::span<const Contraction> terms, const Target &target, Order order, bool accumulate,
               const Share &share) {
  thread_local Scratch rowScratch;
  Cut cut(table, target.M, target.N);
  PanelRun<Word> run(kernel, terms, target, cut, order, accumulate);
  if (cut.copyRows)
    run.copyRows(rowScratch);
  share(cut.panels, RangeFunction(run));
}

void run(std::span<const Contraction> terms, const Target &target, Order order, bool accumulate, const Share &share) {
  const MatmulTable &table = matmulKernels();
  if (order == Order::HardwarePairs)
    runBlocks<uint32_t>(table.pairs, table, terms, target, order, accumulate, share);
  else
    runBlocks<float>(table.steps, table, terms, target, order, accumulate, share);
}

/// With few columns the vectors would run nearly empty: the rows become the columns of a result that is turned at the end. Products commute.
void runTurned(std::span<const Contraction> terms, const Target &target, Order order, bool accumulate, const Share &share) {
  thread_local Scratch scratch;
  int M = target.M, N = target.N;
  auto *turned = static_cast<float *>(scratch.get(static_cast<size_t>(M) * N * sizeof(float)));
  for (int m = 0; accumulate && m < M; ++m)
    for (int n = 0; n < N; ++n)
      turned[n * M + m] = target.acc[m * target.pitch + n];
  run(terms, {turned, M, N, M, target.lanes, target.broadcast}, order, accumulate, share);
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

void matmul(std::span<const Contraction> terms, int M, int N, float *acc, int64_t accPitchBytes, bool accumulate, const Share &share) {
  if (M <= 0 || N <= 0)
    return;
  bool hardware = matmulKernels().pairs != nullptr;
  Target target = {acc, accPitchBytes / static_cast<int64_t>(sizeof(float)), M, N, &Contraction::stationary, &Contraction::moving};
  while (!terms.empty()) {
    Order order = orderOf(terms.front(), hardware);
    size_t same = 1;
    while (same < terms.size() && orderOf(terms[same], hardware) == order)
      ++same;
    auto part = terms.first(same);
    if (isBetterTurned(part, M, N, order))
      runTurned(part, target, order, accumulate, share);
    else
      run(part, target, order, accumulate, share);
    terms = terms.subspan(same);
    accumulate = true;
  }
}

void matmul(DType stationaryType, const std::byte *stationary, int64_t stationaryPitchBytes, DType movingType, const std::byte *moving,
            int64_t movingPitchBytes, float *acc, int64_t accPitchBytes, int K, int M, int N, bool accumulate) {
  ColumnRun left = {0, sizeOf(stationaryType), M}, right = {0, sizeOf(movingType), N};
  Contraction term = {{stationaryType, stationary, stationaryPitchBytes, {&left, 1}}, {movingType, moving, movingPitchBytes, {&right, 1}}, K};
  matmul({&term, 1}, M, N, acc, accPitchBytes, accumulate, [](int64_t count, RangeFunction run) { run(0, count); });
}

} // namespace manaslu::numerics
