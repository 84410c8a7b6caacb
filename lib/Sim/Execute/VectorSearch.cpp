// The vector engine's searches: the eight largest, their places, and their replacement.
#include "lib/Numerics/Convert.h"
#include "lib/Sim/Execute/Resolve.h"

#include <bit>
#include <cstring>
#include <vector>

namespace manaslu::sim {

namespace {

/// An integer that orders as the contract does: -0 below +0, NaN above everything, all NaNs equal.
int32_t orderOf(float value) {
  auto bits = std::bit_cast<int32_t>(numerics::canonical(value));
  if ((bits & 0x7fffffff) > 0x7f800000)
    return INT32_MAX;
  return bits < 0 ? static_cast<int32_t>(0x80000000u - static_cast<uint32_t>(bits)) - 1 : bits;
}

/// For each of the 8 values the index of its first element that no earlier value took, or -1.
std::array<int64_t, 8> findEight(const float *values, const float *row, int64_t n) {
  std::array<int64_t, 8> found;
  for (int k = 0; k < 8; ++k) {
    found[k] = -1;
    for (int64_t i = 0; i < n && found[k] < 0; ++i)
      if (orderOf(row[i]) == orderOf(values[k]) && std::find(found.begin(), found.begin() + k, i) == found.begin() + k)
        found[k] = i;
  }
  return found;
}

} // namespace

Status run(const isa::Max8 &in, Memory &memory) {
  MANASLU_TILE(src, in.src, Read);
  MANASLU_TILE(dst, in.dst, Write);
  Rows target(dst, Narrower(in.narrow, memory)), source(src);
  mapRows<1>(memory, target, {&source}, [&](int, const std::array<const float *, 1> &values, float *out) {
    std::vector<float> row(values[0], values[0] + source.count());
    std::partial_sort(row.begin(), row.begin() + 8, row.end(), [](float a, float b) { return orderOf(a) > orderOf(b); });
    for (int k = 0; k < 8; ++k)
      out[k] = numerics::canonical(row[static_cast<size_t>(k)]);
  });
  return {};
}

Status run(const isa::FindIndex8 &in, Memory &memory) {
  MANASLU_TILE(values, in.values, Read);
  MANASLU_TILE(src, in.src, Read);
  MANASLU_TILE(dst, in.dst, Write);
  Rows target(dst), wanted(values), source(src);
  for (int p = 0; p < dst.partitions; ++p) {
    std::array<int64_t, 8> found = findEight(wanted.load(p, scratch(0, 8)), source.load(p, scratch(1, source.count())), source.count());
    std::array<int32_t, 8> narrow;
    std::copy(found.begin(), found.end(), narrow.begin());
    target.storeBits(p, reinterpret_cast<const std::byte *>(narrow.data()));
  }
  return {};
}

Status run(const isa::MatchReplace8 &in, Memory &memory) {
  MANASLU_TILE(src, in.src, Read);
  MANASLU_TILE(values, in.values, Read);
  MANASLU_TILE(dst, in.dst, Write);
  Rows target(dst, Narrower(in.narrow, memory)), source(src), wanted(values);
  mapRows<2>(memory, target, {&source, &wanted}, [&](int, const std::array<const float *, 2> &rows, float *out) {
    std::array<int64_t, 8> found = findEight(rows[1], rows[0], source.count());
    for (int64_t i = 0; i < source.count(); ++i)
      out[i] = numerics::canonical(rows[0][i]);
    for (int64_t index : found)
      if (index >= 0)
        out[index] = numerics::canonical(in.value);
  });
  return {};
}

} // namespace manaslu::sim
