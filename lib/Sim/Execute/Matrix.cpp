// The matrix engine: matmul and transpose.
#include "lib/Numerics/Convert.h"
#include "lib/Numerics/Matmul.h"
#include "lib/Sim/Execute/Resolve.h"

#include <cstring>

namespace manaslu::sim {

namespace {

/// An operand as the kernel wants it: rows of contiguous elements. Gathers them into scratch only when they are not.
struct MatrixOperand {
  MatrixOperand(const View &view, int slot) : type(view.type) {
    Rows rows(view);
    int bytes = sizeOf(view.type);
    width = rows.count();
    if (patternOf(view).isContiguous(bytes)) {
      data = view.base;
      pitch = view.partitionPitch;
      return;
    }
    pitch = width * bytes;
    auto *buffer = reinterpret_cast<std::byte *>(scratch(slot, (view.partitions * pitch + 3) / 4));
    for (int p = 0; p < view.partitions; ++p)
      rows.loadBits(p, buffer + p * pitch);
    data = buffer;
  }

  DType type;
  const std::byte *data = nullptr;
  int64_t pitch = 0;
  int64_t width = 0;
};

} // namespace

Status run(const isa::Matmul &in, Memory &memory) {
  MANASLU_TILE(stationaryView, in.stationary, Read);
  MANASLU_TILE(movingView, in.moving, Read);
  auto accResolved = memory.tile(in.acc, in.accumulate ? Access::ReadWrite : Access::Write);
  if (!accResolved)
    return accResolved.error();
  MatrixOperand stationary(stationaryView, 0), moving(movingView, 1);
  Rows acc(*accResolved);
  int K = stationaryView.partitions, M = static_cast<int>(stationary.width);
  int64_t N = moving.width;

  float *out = acc.isDirect() ? reinterpret_cast<float *>(acc.row(0)) : scratch(2, M * N);
  int64_t pitch = acc.isDirect() ? acc.view().partitionPitch : N * 4;
  if (!acc.isDirect() && in.accumulate)
    for (int m = 0; m < M; ++m)
      acc.load(m, out + m * N);
  auto columns = [&](int64_t begin, int64_t end) {
    numerics::matmul(stationary.type, stationary.data, stationary.pitch, moving.type, moving.data + begin * sizeOf(moving.type), moving.pitch, out + begin,
                     pitch, K, M, static_cast<int>(end - begin), in.accumulate);
  };
  // Below about two million multiply-accumulates a part, waking another thread costs more than it saves.
  int64_t grain = std::max<int64_t>(64, (int64_t(1) << 21) / std::max<int64_t>(1, int64_t(K) * M));
  memory.parallel(N, grain, RangeFunction(columns));
  if (!acc.isDirect())
    for (int m = 0; m < M; ++m)
      acc.store(m, out + m * N);
  return {};
}

namespace {

/// turned[f * height + p] = source row p, element f. In blocks, so that both sides stay in the cache.
template <class Word> void transposeWords(const Rows &source, std::byte *turned, std::byte *buffer, int64_t width, int64_t height) {
  constexpr int64_t kBlock = 16;
  auto *out = reinterpret_cast<Word *>(turned);
  for (int64_t p = 0; p < height; p += kBlock) {
    std::array<const std::byte *, kBlock> rows{};
    int64_t rowCount = std::min(kBlock, height - p);
    for (int64_t r = 0; r < rowCount; ++r)
      rows[static_cast<size_t>(r)] = source.loadBits(static_cast<int>(p + r), buffer + r * width * static_cast<int64_t>(sizeof(Word)));
    for (int64_t f = 0; f < width; f += kBlock) {
      Word block[kBlock][kBlock] = {};
      int64_t columns = std::min(kBlock, width - f);
      for (int64_t r = 0; r < rowCount; ++r) {
        Word row[kBlock];
        std::memcpy(row, rows[static_cast<size_t>(r)] + f * static_cast<int64_t>(sizeof(Word)), static_cast<size_t>(columns) * sizeof(Word));
        for (int64_t c = 0; c < columns; ++c)
          block[c][r] = row[c];
      }
      for (int64_t c = 0; c < columns; ++c)
        std::memcpy(out + (f + c) * height + p, block[c], static_cast<size_t>(rowCount) * sizeof(Word));
    }
  }
}

} // namespace

Status run(const isa::Transpose &in, Memory &memory) {
  MANASLU_TILE(src, in.src, Read);
  MANASLU_TILE(dst, in.dst, Write);
  Rows source(src), target(dst);
  int bytes = sizeOf(src.type);
  int64_t width = source.count(), height = src.partitions;
  auto *turned = reinterpret_cast<std::byte *>(scratch(0, width * height * bytes / 4 + 1));
  auto *buffer = reinterpret_cast<std::byte *>(scratch(1, 16 * width * bytes / 4 + 1));
  if (bytes == 4)
    transposeWords<uint32_t>(source, turned, buffer, width, height);
  else if (bytes == 2)
    transposeWords<uint16_t>(source, turned, buffer, width, height);
  else
    transposeWords<uint8_t>(source, turned, buffer, width, height);
  for (int f = 0; f < dst.partitions; ++f)
    target.storeBits(f, turned + f * height * bytes);
  return {};
}

} // namespace manaslu::sim
