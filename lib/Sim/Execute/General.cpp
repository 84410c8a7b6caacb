// The general engine: indices, masks, movement across partitions, integers.
#include "lib/Numerics/Binary.h"
#include "lib/Numerics/Convert.h"
#include "lib/Numerics/Reduce.h"
#include "lib/Sim/Execute/Resolve.h"

#include <cstring>
#include <vector>

namespace manaslu::sim {

namespace {

/// base + partition * partitionStep + sum(i_k * steps[k]) modulo 2^32 for every element of a row, in order.
void affineRow(const View &shape, uint32_t start, const std::array<int32_t, 4> &steps, int32_t *out) {
  for (uint32_t i0 = 0; i0 < shape.dims[0].size; ++i0)
    for (uint32_t i1 = 0; i1 < shape.dims[1].size; ++i1)
      for (uint32_t i2 = 0; i2 < shape.dims[2].size; ++i2) {
        uint32_t value = start + i0 * uint32_t(steps[0]) + i1 * uint32_t(steps[1]) + i2 * uint32_t(steps[2]);
        for (uint32_t i3 = 0; i3 < shape.dims[3].size; ++i3)
          *out++ = static_cast<int32_t>(value + i3 * uint32_t(steps[3]));
      }
}

int32_t *integers(int slot, int64_t n) { return reinterpret_cast<int32_t *>(scratch(slot, n)); }

/// Writes int32 values, cast through fp32 unless the row is int32.
void storeIntegers(const Rows &target, int partition, const int32_t *values) {
  if (target.type() == DType::I32)
    return target.storeBits(partition, reinterpret_cast<const std::byte *>(values));
  float *floats = scratch(6, target.count());
  numerics::widen(DType::I32, reinterpret_cast<const std::byte *>(values), 1, floats, target.count());
  target.store(partition, floats);
}

/// The row's int32 values, in `slot`'s scratch.
int32_t *loadIntegers(const Rows &source, int partition, int slot) {
  int32_t *values = integers(slot, source.count());
  auto *bytes = reinterpret_cast<std::byte *>(values);
  const std::byte *bits = source.loadBits(partition, bytes);
  if (bits != bytes)
    std::memcpy(bytes, bits, static_cast<size_t>(source.count()) * 4);
  return values;
}

bool holds(isa::Compare compare, int32_t value) {
  switch (compare) {
  case isa::Compare::Eq: return value == 0;
  case isa::Compare::Ne: return value != 0;
  case isa::Compare::Lt: return value < 0;
  case isa::Compare::Le: return value <= 0;
  case isa::Compare::Gt: return value > 0;
  case isa::Compare::Ge: break;
  }
  return value >= 0;
}

} // namespace

Status run(const isa::Iota &in, Memory &memory) {
  MANASLU_TILE(dst, in.dst, Write);
  Rows target(dst, Narrower(in.narrow, memory));
  int32_t *values = integers(0, target.count());
  for (int p = 0; p < dst.partitions; ++p) {
    affineRow(dst, uint32_t(in.base) + uint32_t(p) * uint32_t(in.partitionStep), in.steps, values);
    storeIntegers(target, p, values);
  }
  return {};
}

Status run(const isa::AffineSelect &in, Memory &memory) {
  MANASLU_TILE(src, in.src, Read);
  MANASLU_TILE(dst, in.dst, Write);
  Rows target(dst, Narrower(in.narrow, memory)), source(src);
  int64_t n = target.count(), bytes = sizeOf(dst.type);
  bool moves = src.type == dst.type;
  std::vector<float> fills(static_cast<size_t>(n), in.fill);
  std::vector<std::byte> fillBits(static_cast<size_t>(n * bytes));
  int32_t *keys = integers(0, n);
  for (int p = 0; p < dst.partitions; ++p) {
    affineRow(dst, uint32_t(in.base) + uint32_t(p) * uint32_t(in.partitionStep), in.steps, keys);
    auto *row = reinterpret_cast<std::byte *>(scratch(1, n));
    if (moves) {
      const std::byte *bits = source.loadBits(p, row);
      if (bits != row)
        std::memcpy(row, bits, static_cast<size_t>(n * bytes));
    } else {
      target.narrower().narrowRow(p, dst.dims, source.load(p, scratch(2, n)), dst.type, row);
    }
    if (p == 0 || target.narrower().isStochastic())
      target.narrower().narrowRow(p, dst.dims, fills.data(), dst.type, fillBits.data());
    for (int64_t i = 0; i < n; ++i)
      if (!holds(in.compare, keys[i]))
        std::memcpy(row + i * bytes, fillBits.data() + i * bytes, static_cast<size_t>(bytes));
    target.storeBits(p, row);
  }
  return {};
}

Status run(const isa::PartitionReduce &in, Memory &memory) {
  MANASLU_TILE(src, in.src, Read);
  MANASLU_TILE(dst, in.dst, Write);
  Rows target(dst, Narrower(in.narrow, memory)), source(src);
  auto op = static_cast<numerics::AluOperation>(in.op);
  int64_t n = source.count();
  // The order of numerics::reduce with columns side by side: 32 partial rows, then a tree.
  std::vector<float> partials(static_cast<size_t>(32 * n), numerics::identityOf(op));
  auto partial = [&](int i) { return partials.data() + i * n; };
  for (int p = 0; p < src.partitions; ++p)
    numerics::evaluate(op, partial(p % 32), source.load(p, scratch(0, n)), partial(p % 32), n);
  for (int distance = 16; distance >= 1; distance /= 2)
    for (int i = 0; i < distance; ++i)
      numerics::evaluate(op, partial(i), partial(i + distance), partial(i), n);
  target.store(0, partial(0));
  return {};
}

Status run(const isa::PartitionBroadcast &in, Memory &memory) {
  MANASLU_TILE(src, in.src, Read);
  MANASLU_TILE(dst, in.dst, Write);
  Rows target(dst, Narrower(in.narrow, memory)), source(src);
  int64_t n = target.count();
  if (src.type == dst.type) {
    std::vector<std::byte> buffer(static_cast<size_t>(n * sizeOf(src.type)));
    const std::byte *bits = source.loadBits(0, buffer.data());
    if (bits != buffer.data())
      std::memcpy(buffer.data(), bits, buffer.size());
    for (int p = 0; p < dst.partitions; ++p)
      target.storeBits(p, buffer.data());
    return {};
  }
  const float *row = source.load(0, scratch(0, n));
  std::vector<float> values(row, row + n);
  for (int p = 0; p < dst.partitions; ++p)
    target.store(p, values.data());
  return {};
}

Status run(const isa::Gather &in, Memory &memory) {
  MANASLU_TILE(index, in.index, Read);
  MANASLU_TILE(src, in.src, Read);
  MANASLU_TILE(dst, in.dst, Write);
  Rows target(dst, Narrower(in.narrow, memory)), source(src), indices(index);
  bool moves = src.type == dst.type;
  int64_t bytes = moves ? sizeOf(src.type) : 4;
  for (int p = 0; p < dst.partitions; ++p) {
    const int32_t *row = loadIntegers(indices, p, 0);
    const std::byte *from = moves ? source.loadBits(p, reinterpret_cast<std::byte *>(scratch(1, source.count())))
                                  : reinterpret_cast<const std::byte *>(source.load(p, scratch(1, source.count())));
    auto *out = reinterpret_cast<std::byte *>(scratch(2, target.count()));
    for (int64_t i = 0; i < target.count(); ++i) {
      if (row[i] < 0 || row[i] >= source.count())
        return indexError(row[i], source.count(), p);
      std::memcpy(out + i * bytes, from + row[i] * bytes, static_cast<size_t>(bytes));
    }
    if (moves)
      target.storeBits(p, out);
    else
      target.store(p, reinterpret_cast<const float *>(out));
  }
  return {};
}

Status run(const isa::Scatter &in, Memory &memory) {
  MANASLU_TILE(index, in.index, Read);
  MANASLU_TILE(src, in.src, Read);
  MANASLU_TILE(dst, in.dst, ReadWrite);
  Rows target(dst, Narrower(in.narrow, memory)), source(src), indices(index);
  int64_t bytes = sizeOf(dst.type);
  for (int p = 0; p < dst.partitions; ++p) {
    const int32_t *row = loadIntegers(indices, p, 0);
    auto *values = reinterpret_cast<std::byte *>(scratch(1, source.count()));
    if (src.type == dst.type) {
      const std::byte *bits = source.loadBits(p, values);
      if (bits != values)
        std::memcpy(values, bits, static_cast<size_t>(source.count() * bytes));
    } else {
      target.narrower().narrowRow(p, src.dims, source.load(p, scratch(2, source.count())), dst.type, values);
    }
    auto *out = reinterpret_cast<std::byte *>(scratch(3, target.count()));
    const std::byte *old = target.loadBits(p, out);
    if (old != out)
      std::memcpy(out, old, static_cast<size_t>(target.count() * bytes));
    for (int64_t i = 0; i < source.count(); ++i) {
      if (row[i] < 0 || row[i] >= target.count())
        return indexError(row[i], target.count(), p);
      std::memcpy(out + row[i] * bytes, values + i * bytes, static_cast<size_t>(bytes));
    }
    target.storeBits(p, out);
  }
  return {};
}

Status run(const isa::IntTensorTensor &in, Memory &memory) {
  MANASLU_TILE(a, in.a, Read);
  MANASLU_TILE(b, in.b, Read);
  MANASLU_TILE(dst, in.dst, Write);
  Rows target(dst), left(a), right(b);
  for (int p = 0; p < dst.partitions; ++p) {
    int32_t *x = loadIntegers(left, p, 0);
    numerics::evaluate(static_cast<numerics::IntegerOperation>(in.op), x, loadIntegers(right, p, 1), x, target.count());
    target.storeBits(p, reinterpret_cast<const std::byte *>(x));
  }
  return {};
}

Status run(const isa::IntTensorScalar &in, Memory &memory) {
  MANASLU_TILE(src, in.src, Read);
  MANASLU_TILE(dst, in.dst, Write);
  Rows target(dst), source(src);
  for (int p = 0; p < dst.partitions; ++p) {
    int32_t *x = loadIntegers(source, p, 0);
    numerics::evaluate(static_cast<numerics::IntegerOperation>(in.op), x, static_cast<int32_t>(in.value), x, target.count());
    target.storeBits(p, reinterpret_cast<const std::byte *>(x));
  }
  return {};
}

} // namespace manaslu::sim
