// Movement of rows.
#include "lib/Sim/Execute/Rows.h"

#include <cstring>
#include <vector>

namespace manaslu::sim {

void Memory::parallel(int64_t count, int64_t, RangeFunction run) {
  if (count > 0)
    run(0, count);
}

float *scratch(int slot, int64_t n) {
  thread_local std::vector<float> buffers[8];
  std::vector<float> &buffer = buffers[slot];
  if (static_cast<int64_t>(buffer.size()) < n)
    buffer.resize(static_cast<size_t>(n) + 64);
  return buffer.data();
}

Rows::Rows(const View &view, const Narrower &narrower) : view_(view), pattern_(patternOf(view)), narrower_(narrower), count_(view.elements()) {
  int bytes = sizeOf(view.type);
  contiguous_ = pattern_.isContiguous(bytes);
  direct_ = contiguous_ && view.type == DType::F32 && reinterpret_cast<uintptr_t>(view.base) % alignof(float) == 0 && view.partitionPitch % 4 == 0;
  high_ = bytes;
  for (int i = 0; i < pattern_.rank; ++i) {
    int64_t span = pattern_.dims[i].stride * (pattern_.dims[i].size - 1);
    (span < 0 ? low_ : high_) += span;
  }
}

namespace {

/// Calls piece(address, strideElements, first element, n) for each innermost run of a row.
template <class F> void forEachRun(std::byte *row, const Pattern &pattern, int64_t count, int elementBytes, F &&piece) {
  Cursor cursor(row, pattern);
  for (int64_t done = 0; done < count;) {
    int64_t n = cursor.run();
    piece(cursor.pointer(), cursor.stride() / elementBytes, done, n);
    done += n;
    if (done < count)
      cursor.advance(n);
  }
}

template <class Word> void copyStrided(const std::byte *source, int64_t sourceStride, std::byte *target, int64_t targetStride, int64_t n) {
  for (int64_t i = 0; i < n; ++i)
    std::memcpy(target + i * targetStride, source + i * sourceStride, sizeof(Word));
}

void copyRun(const std::byte *source, int64_t sourceStride, std::byte *target, int64_t targetStride, int64_t n, int elementBytes) {
  if (sourceStride == elementBytes && targetStride == elementBytes)
    std::memmove(target, source, static_cast<size_t>(n * elementBytes));
  else if (elementBytes == 4)
    copyStrided<uint32_t>(source, sourceStride, target, targetStride, n);
  else if (elementBytes == 2)
    copyStrided<uint16_t>(source, sourceStride, target, targetStride, n);
  else
    copyStrided<uint8_t>(source, sourceStride, target, targetStride, n);
}

} // namespace

/// Rounds contiguous values into a pattern.
static void narrowRuns(const float *values, Cursor target, DType type, int64_t elements, const Narrower &narrower, Cursor index) {
  while (elements > 0) {
    int64_t n = std::min({target.run(), index.run(), elements});
    narrower.narrow(values, type, target.pointer(), target.stride() / sizeOf(type), n, index);
    values += n;
    elements -= n;
    if (elements == 0)
      return;
    target.advance(n);
    index.advance(n);
  }
}

const float *Rows::load(int partition, float *buffer) const {
  if (direct_)
    return reinterpret_cast<const float *>(row(partition));
  forEachRun(row(partition), pattern_, count_, sizeOf(view_.type),
             [&](const std::byte *at, int64_t stride, int64_t first, int64_t n) { numerics::widen(view_.type, at, stride, buffer + first, n); });
  return buffer;
}

void Rows::store(int partition, const float *values) const {
  if (direct_ && values == reinterpret_cast<const float *>(row(partition)))
    return;
  narrowRuns(values, Cursor(row(partition), pattern_), view_.type, count_, narrower_, narrower_.indices(partition, view_.dims));
}

const std::byte *Rows::loadBits(int partition, std::byte *buffer) const {
  if (contiguous_)
    return row(partition);
  int bytes = sizeOf(view_.type);
  forEachRun(row(partition), pattern_, count_, bytes,
             [&](const std::byte *at, int64_t stride, int64_t first, int64_t n) { copyRun(at, stride * bytes, buffer + first * bytes, bytes, n, bytes); });
  return buffer;
}

void Rows::storeBits(int partition, const std::byte *bits) const {
  int bytes = sizeOf(view_.type);
  forEachRun(row(partition), pattern_, count_, bytes,
             [&](std::byte *at, int64_t stride, int64_t first, int64_t n) { copyRun(bits + first * bytes, bytes, at, stride * bytes, n, bytes); });
}

bool crossesRows(const Rows &a, const Rows &b) {
  int64_t pitch = a.view().partitionPitch;
  if (pitch <= 0 || pitch != b.view().partitionPitch)
    return false;
  int64_t from = b.row(0) + b.low() - (a.row(0) + a.low());
  int64_t quotient = from / pitch - (from % pitch < 0 ? 1 : 0);
  for (int64_t shift : {quotient, quotient + 1}) {
    // Row p + shift of a against row p of b.
    bool exists = shift > -b.partitions() && shift < a.partitions();
    const std::byte *aLow = a.row(0) + a.low() + shift * pitch, *aHigh = a.row(0) + a.high() + shift * pitch;
    if (shift != 0 && exists && aLow < b.row(0) + b.high() && b.row(0) + b.low() < aHigh)
      return true;
  }
  return false;
}

bool overlapsPartly(const Rows &target, const Rows &source, int partition) {
  const std::byte *a = target.row(partition), *b = source.row(partition);
  if (a == b && target.isDirect() && source.isDirect())
    return false;
  // A source that is widened into scratch has been read before the first write.
  return source.isDirect() && a + target.low() < b + source.high() && b + source.low() < a + target.high();
}

void copyBits(Cursor source, Cursor target, int64_t elements, int elementBytes) {
  while (elements > 0) {
    int64_t n = std::min(source.run(), target.run());
    copyRun(source.pointer(), source.stride(), target.pointer(), target.stride(), n, elementBytes);
    elements -= n;
    if (elements == 0)
      return;
    source.advance(n);
    target.advance(n);
  }
}

void copyCast(Cursor source, DType sourceType, Cursor target, DType targetType, int64_t elements, const Narrower &narrower, Cursor index) {
  constexpr int64_t kChunk = 4096;
  float *buffer = scratch(6, kChunk);
  while (elements > 0) {
    // Device strides count bytes and need not be whole elements.
    bool whole = source.stride() % sizeOf(sourceType) == 0 && target.stride() % sizeOf(targetType) == 0;
    int64_t n = whole ? std::min({source.run(), target.run(), index.run(), kChunk}) : 1;
    numerics::widen(sourceType, source.pointer(), source.stride() / sizeOf(sourceType), buffer, n);
    narrower.narrow(buffer, targetType, target.pointer(), target.stride() / sizeOf(targetType), n, index);
    elements -= n;
    if (elements == 0)
      return;
    source.advance(n);
    target.advance(n);
    index.advance(n);
  }
}

PartitionScalars::PartitionScalars(const View &view) {
  values_.fill(0);
  for (int p = 0; p < view.partitions; ++p)
    values_[static_cast<size_t>(p)] = numerics::toF32(view.type, view.base + p * view.partitionPitch);
}

Result<PartitionScalars> resolveScalar(Memory &memory, isa::ScalarKind kind, float immediate, const isa::TileOperand &operand) {
  if (kind == isa::ScalarKind::Immediate)
    return PartitionScalars(immediate);
  auto view = memory.tile(operand, Access::Read);
  if (!view)
    return view.error();
  return PartitionScalars(*view);
}

} // namespace manaslu::sim
