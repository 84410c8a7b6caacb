// The matrix engine: matmul and transpose.
#include "lib/Sim/Execute/MatmulChain.h"
#include "lib/Sim/Execute/Resolve.h"

#include <cstring>
#include <span>

namespace manaslu::sim {

namespace {

/// The runs of one partition's elements, in order.
void listRuns(const View &view, std::vector<numerics::ColumnRun> &runs) {
  runs.clear();
  Pattern pattern = patternOf(view);
  Pattern::Dim inner = pattern.rank > 0 ? pattern.dims[--pattern.rank] : Pattern::Dim{sizeOf(view.type), 1};
  std::array<int64_t, 6> index{};
  int64_t offset = 0;
  for (int64_t left = pattern.elements(); left > 0; --left) {
    runs.push_back({offset, inner.stride, static_cast<int>(inner.size)});
    for (int i = pattern.rank - 1; i >= 0; --i) {
      offset += pattern.dims[i].stride;
      if (++index[i] < pattern.dims[i].size)
        break;
      offset -= pattern.dims[i].stride * pattern.dims[i].size;
      index[i] = 0;
    }
  }
}

} // namespace

bool MatmulChain::isContinuedBy(const Operands &in) const {
  if (size_ == kMost || !in.accumulate)
    return false;
  bool narrow = in.acc.elements() < 256 && patternOf(in.stationary).isContiguous(sizeOf(in.stationary.type));
  return elements_ < (narrow ? kMostNarrow : kMostWide) && Rows(acc_).isDirect() && in.acc.base == acc_.base && in.acc.dims == acc_.dims &&
         in.acc.partitions == acc_.partitions && in.acc.partitionPitch == acc_.partitionPitch;
}

void MatmulChain::add(const Operands &in) {
  if (size_ == 0) {
    acc_ = in.acc;
    accumulate_ = in.accumulate;
    elements_ = 0;
  }
  const View &stationary = in.stationary, &moving = in.moving;
  elements_ += stationary.partitions * stationary.elements();
  Term &term = terms_[size_++];
  listRuns(stationary, term.stationary);
  listRuns(moving, term.moving);
  term.contraction = {{stationary.type, stationary.base, stationary.partitionPitch, term.stationary},
                      {moving.type, moving.base, moving.partitionPitch, term.moving},
                      stationary.partitions};
}

void MatmulChain::execute(Memory &memory) {
  if (size_ == 0)
    return;
  std::array<numerics::Contraction, kMost> terms;
  int64_t K = 0;
  for (size_t i = 0; i < size_; ++i) {
    terms[i] = terms_[i].contraction;
    K += terms[i].K;
  }
  Rows acc(acc_);
  int M = acc_.partitions, N = static_cast<int>(acc.count());
  float *out = acc.isDirect() ? reinterpret_cast<float *>(acc.row(0)) : scratch(2, int64_t(M) * N);
  int64_t pitch = acc.isDirect() ? acc_.partitionPitch : int64_t(N) * 4;
  if (!acc.isDirect() && accumulate_) // strided, or int32 (N59)
    for (int m = 0; m < M; ++m)
      acc.load(m, out + int64_t(m) * N);
  // Below so many multiply-accumulates waking another thread costs more than it saves.
  constexpr int64_t kWork = int64_t(1) << 17;
  auto share = [&](int64_t count, RangeFunction run) {
    int64_t each = std::max<int64_t>(1, K * M * N / count);
    memory.parallel(count, std::max<int64_t>(1, kWork / each), run);
  };
  numerics::matmul({terms.data(), size_}, M, N, out, pitch, accumulate_, share);
  if (!acc.isDirect())
    for (int m = 0; m < M; ++m)
      acc.store(m, out + int64_t(m) * N);
  size_ = 0;
}

Status run(const isa::Matmul &in, Memory &memory) {
  thread_local MatmulChain chain;
  MANASLU_TILE(stationary, in.stationary, Read);
  MANASLU_TILE(moving, in.moving, Read);
  auto acc = memory.tile(in.acc, in.accumulate ? Access::ReadWrite : Access::Write);
  if (!acc)
    return acc.error();
  chain.add({stationary, moving, *acc, in.accumulate});
  chain.execute(memory);
  return {};
}

namespace {

constexpr int64_t kTurned = 16;

/// turned[c][p] = element first + c of source row p, for c below `columns`, at most kTurned.
template <class Word> void turnColumns(std::span<const std::byte *const> rows, int64_t first, int64_t columns, const std::array<std::byte *, kTurned> &turned) {
  auto height = static_cast<int64_t>(rows.size());
  constexpr size_t kRowBytes = kTurned * sizeof(Word);
  auto bytes = static_cast<size_t>(columns) * sizeof(Word);
  for (int64_t p = 0; p < height; p += kTurned) {
    int64_t count = std::min(kTurned, height - p);
    Word block[kTurned][kTurned], across[kTurned][kTurned];
    for (int64_t r = 0; r < kTurned; ++r) {
      const std::byte *row = rows[static_cast<size_t>(p + std::min(r, count - 1))] + first * static_cast<int64_t>(sizeof(Word));
      std::memcpy(block[r], row, bytes == kRowBytes ? kRowBytes : bytes); // a constant size needs no call
    }
    numerics::turn(block, across, sizeof(Word));
    for (int64_t c = 0; c < columns; ++c)
      std::memcpy(turned[static_cast<size_t>(c)] + p * static_cast<int64_t>(sizeof(Word)), across[c],
                  count == kTurned ? kRowBytes : static_cast<size_t>(count) * sizeof(Word));
  }
}

template <class Word> void transposeWords(std::span<const std::byte *const> rows, const Rows &target, Memory &memory) {
  auto width = static_cast<int64_t>(target.partitions()), height = static_cast<int64_t>(rows.size());
  auto part = [&](int64_t begin, int64_t end) {
    auto *buffer = target.isContiguous() ? nullptr : reinterpret_cast<std::byte *>(scratch(0, kTurned * height));
    std::array<std::byte *, kTurned> turned;
    for (int64_t f = begin * kTurned; f < std::min(width, end * kTurned); f += kTurned) {
      int64_t columns = std::min(kTurned, width - f);
      for (int64_t c = 0; c < columns; ++c)
        turned[static_cast<size_t>(c)] = buffer ? buffer + c * height * static_cast<int64_t>(sizeof(Word)) : target.row(static_cast<int>(f + c));
      turnColumns<Word>(rows, f, columns, turned);
      for (int64_t c = 0; buffer && c < columns; ++c)
        target.storeBits(static_cast<int>(f + c), turned[static_cast<size_t>(c)]);
    }
  };
  memory.parallel((width + kTurned - 1) / kTurned, std::max<int64_t>(1, kThreadElements / (kTurned * height)), RangeFunction(part));
}

} // namespace

Status run(const isa::Transpose &in, Memory &memory) {
  MANASLU_TILE(src, in.src, Read);
  MANASLU_TILE(dst, in.dst, Write);
  Rows source(src), target(dst);
  int64_t bytes = sizeOf(src.type), rowBytes = source.count() * bytes;
  auto *buffer = reinterpret_cast<std::byte *>(scratch(1, src.partitions * rowBytes / 4 + 1));
  std::array<const std::byte *, 128> rows; // SBUF is read, PSUM written
  for (int p = 0; p < src.partitions; ++p)
    rows[static_cast<size_t>(p)] = source.loadBits(p, buffer + p * rowBytes);
  std::span<const std::byte *const> all(rows.data(), static_cast<size_t>(src.partitions));
  if (bytes == 4)
    transposeWords<uint32_t>(all, target, memory);
  else if (bytes == 2)
    transposeWords<uint16_t>(all, target, memory);
  else
    transposeWords<uint8_t>(all, target, memory);
  return {};
}

} // namespace manaslu::sim
