// Copies, transposes and fills by DMA.
#include "lib/Numerics/Convert.h"
#include "lib/Sim/Execute/Resolve.h"

#include <cstring>

namespace manaslu::sim {

namespace {

/// `indexed` is the side whose dimensions the narrowing's strides count.
template <class Side>
void transfer(std::byte *source, const Pattern &sourcePattern, DType sourceType, std::byte *target, const Pattern &targetPattern, DType targetType,
              int64_t elements, const isa::Narrowing &narrowing, const Side &indexed, Memory &memory) {
  Cursor from(source, sourcePattern), to(target, targetPattern);
  if (sourceType == targetType)
    return copyBits(from, to, elements, sizeOf(sourceType));
  Narrower narrower(narrowing, memory);
  copyCast(from, sourceType, to, targetType, elements, narrower, narrower.indices(indexed));
}

} // namespace

Status run(const isa::DmaLoad &in, Memory &memory) {
  MANASLU_DEVICE(src, in.src, Read);
  MANASLU_TILE(dst, in.dst, Write);
  Pattern from = patternOf(src), to = wholePattern(dst);
  // Weights are most of a program's bytes. Rows that are contiguous in the target are apart from each other, so that parts may be copied at the same time.
  if (src.type != dst.type || !patternOf(dst).isContiguous(sizeOf(dst.type))) {
    transfer(src.base, from, src.type, dst.base, to, dst.type, src.elements(), in.narrow, dst, memory);
    return {};
  }
  auto copy = [&](int64_t begin, int64_t end) {
    Cursor source(src.base, from), target(dst.base, to);
    source.seek(begin);
    target.seek(begin);
    copyBits(source, target, end - begin, sizeOf(src.type));
  };
  memory.parallel(src.elements(), (int64_t(1) << 17) / sizeOf(src.type), RangeFunction(copy));
  return {};
}

Status run(const isa::DmaStore &in, Memory &memory) {
  MANASLU_TILE(src, in.src, Read);
  MANASLU_DEVICE(dst, in.dst, Write);
  transfer(src.base, wholePattern(src), src.type, dst.base, patternOf(dst), dst.type, dst.elements(), in.narrow, src, memory);
  return {};
}

Status run(const isa::DmaMove &in, Memory &memory) {
  MANASLU_TILE(src, in.src, Read);
  MANASLU_TILE(dst, in.dst, Write);
  transfer(src.base, wholePattern(src), src.type, dst.base, wholePattern(dst), dst.type, src.elements() * src.partitions, in.narrow, dst, memory);
  return {};
}

Status run(const isa::DmaCopy &in, Memory &memory) {
  MANASLU_DEVICE(src, in.src, Read);
  MANASLU_DEVICE(dst, in.dst, Write);
  transfer(src.base, patternOf(src), src.type, dst.base, patternOf(dst), dst.type, src.elements(), in.narrow, dst, memory);
  return {};
}

Status run(const isa::DmaTranspose &in, Memory &memory) {
  MANASLU_TILE(src, in.src, Read);
  MANASLU_TILE(dst, in.dst, Write);
  Rows source(src), target(dst);
  int bytes = sizeOf(src.type);
  int64_t width = source.count(), height = src.partitions;
  auto *turned = reinterpret_cast<std::byte *>(scratch(0, width * height * bytes / 4 + 1));
  auto *row = reinterpret_cast<std::byte *>(scratch(1, width * bytes / 4 + 1));
  for (int p = 0; p < src.partitions; ++p) {
    const std::byte *bits = source.loadBits(p, row);
    for (int64_t f = 0; f < width; ++f)
      std::memcpy(turned + (f * height + p) * bytes, bits + f * bytes, static_cast<size_t>(bytes));
  }
  for (int f = 0; f < dst.partitions; ++f)
    target.storeBits(f, turned + f * height * bytes);
  return {};
}

Status run(const isa::DmaFill &in, Memory &memory) {
  MANASLU_TILE(dst, in.dst, Write);
  Rows target(dst, Narrower(in.narrow, memory));
  float *values = scratch(0, target.count());
  std::fill_n(values, target.count(), in.value);
  for (int p = 0; p < dst.partitions; ++p)
    target.store(p, values);
  return {};
}

} // namespace manaslu::sim
