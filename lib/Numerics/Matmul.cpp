// The matrix engine in bulk: packs both operands so that every contraction becomes an ascending one, then runs the variant's block kernel.
#include "lib/Numerics/Matmul.h"

#include "lib/Numerics/Environment.h"
#include "lib/Numerics/kernels/Table.h"

#include <algorithm>
#include <cstring>
#include <memory>

namespace manaslu::numerics {

namespace {

/// Memory of one thread that only grows, aligned to a cache line.
class Scratch {
public:
  std::byte *get(size_t bytes) {
    if (bytes > size_) {
      storage_ = std::make_unique<std::byte[]>(bytes + 64);
      size_ = bytes;
    }
    auto address = reinterpret_cast<uintptr_t>(storage_.get());
    return storage_.get() + ((64 - address % 64) % 64);
  }

private:
  std::unique_ptr<std::byte[]> storage_;
  size_t size_ = 0;
};

thread_local Scratch stationaryScratch, movingScratch, rowScratch;

struct Operand {
  DType type;
  const std::byte *data;
  int64_t pitchBytes;
  int columns;

  const std::byte *row(int k) const { return data + k * pitchBytes; }
};

constexpr int64_t roundUp(int64_t value, int64_t multiple) { return (value + multiple - 1) / multiple * multiple; }

/// Types whose every value is a bf16 number, so that vdpbf16ps computes the same products (N52, N58).
bool fitsBf16(DType type) { return type == DType::BF16 || isFp8(type) || type == DType::I8 || type == DType::U8; }

/// Where contraction element k is taken: pairs are swapped, and an odd K is preceded, in its last pair, by the appended zero (N52).
int stepOf(int k, bool pairs) { return pairs ? k ^ 1 : k; }

/// Row k as fp32, tf32 rounded. The result is valid until the next call.
const float *fp32Row(const KernelTable &table, const Operand &operand, int k) {
  if (operand.type == DType::F32 && reinterpret_cast<uintptr_t>(operand.row(k)) % alignof(float) == 0)
    return reinterpret_cast<const float *>(operand.row(k));
  float *row = reinterpret_cast<float *>(rowScratch.get(operand.columns * sizeof(float)));
  table.widen[static_cast<int>(operand.type)](operand.row(k), 1, row, operand.columns);
  if (operand.type == DType::TF32)
    table.roundToTf32(row, operand.columns);
  return row;
}

/// Writes one row into panels of `width` columns, `panelPitch` words apart; the columns beyond the last are zero.
template <class Word> void storePanels(const Word *row, int columns, Word *dst, int width, int64_t panelPitch) {
  for (int start = 0; start < columns; start += width, dst += panelPitch) {
    int count = std::min(width, columns - start);
    std::memcpy(dst, row + start, count * sizeof(Word));
    std::fill(dst + count, dst + width, Word(0));
  }
}

/// Packs to [panel][step][width] fp32 words.
void packSteps(const KernelTable &table, const Operand &operand, int K, bool pairs, float *dst, int width, int64_t panelPitch) {
  for (int k = 0; k < K; ++k)
    storePanels(fp32Row(table, operand, k), operand.columns, dst + static_cast<int64_t>(stepOf(k, pairs)) * width, width, panelPitch);
  if (pairs && K % 2 != 0)
    for (int start = 0; start < operand.columns; start += width, dst += panelPitch)
      std::fill_n(dst + static_cast<int64_t>(K - 1) * width, width, 0.0f);
}

/// Row k as bf16 words in `row`; zeros for the appended one.
void bf16Row(const KernelTable &table, const Operand &operand, int k, int K, uint16_t *row) {
  if (k >= K)
    std::fill_n(row, operand.columns, uint16_t(0));
  else if (operand.type == DType::BF16)
    std::memcpy(row, operand.row(k), operand.columns * sizeof(uint16_t));
  else
    table.narrow[static_cast<int>(DType::BF16)][0](fp32Row(table, operand, k), reinterpret_cast<std::byte *>(row), 1, operand.columns);
}

/// Packs to [panel][pair][width] words that hold element 2p in the low half and 2p + 1 in the high half.
void packPairs(const KernelTable &table, const Operand &operand, int K, uint32_t *dst, int width, int64_t panelPitch) {
  thread_local Scratch halves, words;
  auto *low = reinterpret_cast<uint16_t *>(halves.get(2 * operand.columns * sizeof(uint16_t)));
  uint16_t *high = low + operand.columns;
  auto *word = reinterpret_cast<uint32_t *>(words.get(operand.columns * sizeof(uint32_t)));
  for (int k = 0; k < K; k += 2) {
    bf16Row(table, operand, k, K, low);
    bf16Row(table, operand, k + 1, K, high);
    table.interleave(low, high, word, operand.columns);
    storePanels(word, operand.columns, dst + static_cast<int64_t>(k / 2) * width, width, panelPitch);
  }
}

/// Runs the block kernel over all of acc. A block that sticks out on the right goes through a buffer.
template <class Word, class Kernel>
void runBlocks(const MatmulTable &table, Kernel kernel, const Word *a, int64_t aPitch, const Word *b, int steps, float *acc, int64_t accPitch, int M, int N,
               bool accumulate) {
  int width = table.blockColumns;
  int rowBlocks = (M + table.blockRows - 1) / table.blockRows;
  int rowsPerBlock = (M + rowBlocks - 1) / rowBlocks; // equal blocks keep the last one from running nearly empty
  alignas(64) float edge[14 * 32];
  for (int n = 0; n < N; n += width, b += static_cast<int64_t>(steps) * width) {
    int columns = std::min(width, N - n);
    for (int m = 0; m < M; m += rowsPerBlock) {
      int rows = std::min(rowsPerBlock, M - m);
      float *target = acc + m * accPitch + n;
      if (columns == width) {
        kernel(a + m, aPitch, b, steps, rows, target, accPitch, accumulate);
        continue;
      }
      std::fill_n(edge, rows * width, 0.0f);
      for (int r = 0; accumulate && r < rows; ++r)
        std::memcpy(edge + r * width, target + r * accPitch, columns * sizeof(float));
      kernel(a + m, aPitch, b, steps, rows, edge, width, accumulate);
      for (int r = 0; r < rows; ++r)
        std::memcpy(target + r * accPitch, edge + r * width, columns * sizeof(float));
    }
  }
}

} // namespace

void matmul(DType stationaryType, const std::byte *stationary, int64_t stationaryPitchBytes, DType movingType, const std::byte *moving,
            int64_t movingPitchBytes, float *acc, int64_t accPitchBytes, int K, int M, int N, bool accumulate) {
  if (M <= 0 || N <= 0)
    return;
  const KernelTable &table = kernels();
  const MatmulTable &blocks = matmulKernels();
  Operand left = {stationaryType, stationary, stationaryPitchBytes, M}, right = {movingType, moving, movingPitchBytes, N};
  bool pairs = isMatmulPair(stationaryType, movingType) && sizeOf(stationaryType) < 4 && sizeOf(movingType) < 4;
  bool hardwarePairs = pairs && blocks.pairs && fitsBf16(stationaryType) && fitsBf16(movingType);
  int steps = hardwarePairs ? (K + 1) / 2 : static_cast<int>(pairs ? roundUp(K, 2) : K);
  // An odd number of cache lines apart, rows of the stationary operand do not fall into the same few sets of the first-level cache.
  int64_t aPitch = roundUp(M, 32) + 16;
  int64_t panelPitch = static_cast<int64_t>(steps) * blocks.blockColumns;
  std::byte *a = stationaryScratch.get(static_cast<size_t>(steps) * aPitch * 4);
  std::byte *b = movingScratch.get(static_cast<size_t>(roundUp(N, blocks.blockColumns)) * steps * 4);
  int64_t accPitch = accPitchBytes / static_cast<int64_t>(sizeof(float));
  auto pack = [&](const Operand &operand, std::byte *dst, int64_t width, int64_t pitch) {
    if (hardwarePairs)
      packPairs(table, operand, K, reinterpret_cast<uint32_t *>(dst), static_cast<int>(width), pitch);
    else
      packSteps(table, operand, K, pairs, reinterpret_cast<float *>(dst), static_cast<int>(width), pitch);
  };
  {
    FloatEnvironment environment(SubnormalMode::Keep);
    pack(left, a, aPitch, 0);
    pack(right, b, blocks.blockColumns, panelPitch);
  }
  FloatEnvironment environment(SubnormalMode::Flush); // N54, N55
  if (hardwarePairs)
    runBlocks(blocks, blocks.pairs, reinterpret_cast<uint32_t *>(a), aPitch, reinterpret_cast<uint32_t *>(b), steps, acc, accPitch, M, N, accumulate);
  else
    runBlocks(blocks, blocks.steps, reinterpret_cast<float *>(a), aPitch, reinterpret_cast<float *>(b), steps, acc, accPitch, M, N, accumulate);
}

} // namespace manaslu::numerics
