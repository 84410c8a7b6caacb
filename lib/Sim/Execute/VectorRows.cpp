// The vector engine, a row at a time: reductions, scans, statistics; and movement of bits between lanes.
#include "lib/Numerics/Convert.h"
#include "lib/Numerics/Reduce.h"
#include "lib/Sim/Execute/Resolve.h"

#include <cstring>
#include <vector>

namespace manaslu::sim {

using numerics::AluOperation;

namespace {

/// Windows of at most 32 elements (of pooling, say), all results of a partition side by side: a window's element i is partial i of N30, and an operation with
/// the identity, which the other partials are, changes nothing that the tree does not.
class Windows {
public:
  static constexpr int64_t kMost = 32;

  Windows(const View &src, int axes) {
    View outer = src;
    Pattern inner;
    for (size_t i = 4 - static_cast<size_t>(axes); i < 4; ++i) {
      inner.push(int64_t(src.dims[i].stride) * sizeOf(src.type), src.dims[i].size);
      outer.dims[i] = {0, 1};
    }
    Cursor cursor(src.base, inner);
    for (int64_t left = inner.elements(); left > 0; --left) {
      outer.base = cursor.pointer();
      elements_.emplace_back(outer);
      if (left > 1)
        cursor.advance(1);
    }
  }

  /// The results of one partition: elements_.front().count() numbers.
  const float *reduce(AluOperation op, int partition) const {
    int64_t n = elements_.front().count();
    size_t count = elements_.size();
    float *buffer = scratch(0, static_cast<int64_t>(count) * n);
    std::array<const float *, kMost> values;
    for (size_t i = 0; i < count; ++i)
      values[i] = elements_[i].load(partition, buffer + static_cast<int64_t>(i) * n);
    for (size_t distance : {16, 8, 4, 2, 1})
      for (size_t j = 0; j < distance && j + distance < count; ++j) {
        float *partial = buffer + static_cast<int64_t>(j) * n;
        numerics::evaluate(op, values[j], values[j + distance], partial, n);
        values[j] = partial;
      }
    return values[0];
  }

private:
  std::vector<Rows> elements_; ///< of the windows: element i of all of them
};

} // namespace

Status run(const isa::Reduce &in, Memory &memory) {
  MANASLU_TILE(src, in.src, Read);
  MANASLU_TILE(dst, in.dst, Write);
  Rows target(dst, Narrower(in.narrow, memory)), source(src);
  int64_t width = 1;
  for (int i = 4 - in.axes; i < 4; ++i)
    width *= src.dims[static_cast<size_t>(i)].size;
  auto op = static_cast<AluOperation>(in.op);
  int64_t rows = target.count();
  auto negate = [&](float *results) {
    for (int64_t i = 0; in.negate && i < rows; ++i)
      results[i] = numerics::canonical(-results[i]);
  };
  constexpr int64_t kSideBySide = 8; // results that are worth it
  if (width > 1 && width <= Windows::kMost && rows >= kSideBySide && numerics::isReducible(op) && !crossesRows(target, source)) {
    Windows windows(src, in.axes);
    mapRows<0>(memory, target, {}, [&](int partition, const std::array<const float *, 0> &, float *out) {
      std::memcpy(out, windows.reduce(op, partition), static_cast<size_t>(rows) * 4);
      negate(out);
    });
    return {};
  }
  mapRows<1>(memory, target, {&source}, [&](int, const std::array<const float *, 1> &values, float *out) {
    // Results go to scratch first: the target may be a part of the source's row.
    float *results = scratch(5, rows);
    for (int64_t i = 0; i < rows; ++i)
      results[i] = numerics::reduce(op, values[0] + i * width, width);
    negate(results);
    std::memcpy(out, results, static_cast<size_t>(rows) * 4);
  });
  return {};
}

Status run(const isa::Scan &in, Memory &memory) {
  MANASLU_TILE(a, in.a, Read);
  MANASLU_TILE(b, in.b, Read);
  auto initial = resolveScalar(memory, in.initialKind, in.initialImm, in.initial);
  if (!initial)
    return initial.error();
  MANASLU_TILE(dst, in.dst, Write);
  Rows target(dst, Narrower(in.narrow, memory)), left(a), right(b);
  mapRows<2>(memory, target, {&left, &right}, [&](int p, const std::array<const float *, 2> &values, float *out) {
    numerics::scan(values[0], values[1], initial->at(p), static_cast<AluOperation>(in.op0), static_cast<AluOperation>(in.op1), out, target.count());
  });
  return {};
}

Status run(const isa::BnStats &in, Memory &memory) {
  MANASLU_TILE(src, in.src, Read);
  MANASLU_TILE(dst, in.dst, Write);
  Rows target(dst), source(src);
  mapRows<1>(memory, target, {&source}, [&](int, const std::array<const float *, 1> &values, float *out) {
    numerics::BatchStatistics statistics = numerics::batchStatistics(values[0], source.count());
    out[0] = statistics.count;
    out[1] = statistics.mean;
    out[2] = statistics.m2;
  });
  return {};
}

Status run(const isa::BnAggregate &in, Memory &memory) {
  MANASLU_TILE(src, in.src, Read);
  MANASLU_TILE(dst, in.dst, Write);
  Rows target(dst), source(src);
  mapRows<1>(memory, target, {&source}, [&](int, const std::array<const float *, 1> &values, float *out) {
    numerics::BatchStatistics merged{values[0][0], values[0][1], values[0][2]};
    for (int64_t i = 3; i + 2 < source.count(); i += 3)
      merged = numerics::merge(merged, {values[0][i], values[0][i + 1], values[0][i + 2]});
    out[0] = numerics::canonical(merged.mean);
    out[1] = numerics::evaluate(AluOperation::Divide, merged.m2, merged.count);
  });
  return {};
}

namespace {

/// Every row's bits, copied out, so that rows may be written in any order.
std::vector<std::byte> allBits(const Rows &rows, int64_t rowBytes) {
  std::vector<std::byte> bits(static_cast<size_t>(rowBytes * rows.partitions()));
  for (int p = 0; p < rows.partitions(); ++p) {
    std::byte *to = bits.data() + p * rowBytes;
    const std::byte *from = rows.loadBits(p, to);
    if (from != to)
      std::memcpy(to, from, static_cast<size_t>(rowBytes));
  }
  return bits;
}

} // namespace

Status run(const isa::TransposeBlock &in, Memory &memory) {
  MANASLU_TILE(src, in.src, Read);
  MANASLU_TILE(dst, in.dst, Write);
  Rows target(dst), source(src);
  int64_t bytes = sizeOf(src.type), rowBytes = source.count() * bytes;
  std::vector<std::byte> bits = allBits(source, rowBytes), row(static_cast<size_t>(rowBytes));
  for (int p = 0; p < dst.partitions; ++p) {
    int64_t block = p / 32 * 32, lane = p % 32;
    for (int64_t f = 0; f < target.count(); ++f) {
      int64_t column = f / 32 * 32 + lane;
      std::memcpy(row.data() + f * bytes, bits.data() + (block + f % 32) * rowBytes + column * bytes, static_cast<size_t>(bytes));
    }
    target.storeBits(p, row.data());
  }
  return {};
}

Status run(const isa::Shuffle &in, Memory &memory) {
  MANASLU_TILE(src, in.src, Read);
  MANASLU_TILE(dst, in.dst, Write);
  Rows target(dst), source(src);
  int64_t rowBytes = source.count() * sizeOf(src.type);
  std::vector<std::byte> bits = allBits(source, rowBytes);
  for (int p = 0; p < dst.partitions; ++p)
    target.storeBits(p, bits.data() + (p / 32 * 32 + in.mask[static_cast<size_t>(p % 32)] % 32) * rowBytes);
  return {};
}

} // namespace manaslu::sim
