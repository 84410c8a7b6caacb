// The vector engine, element by element: arithmetic, select, copy, fill, random bits.
#include "lib/Numerics/Binary.h"
#include "lib/Numerics/Convert.h"
#include "lib/Numerics/Random.h"
#include "lib/Sim/Execute/Resolve.h"

#include <cstring>

namespace manaslu::sim {

using numerics::AluOperation;

namespace {

AluOperation operationOf(isa::AluOp op) { return static_cast<AluOperation>(op); }

void applyScalar(AluOperation op, bool reverse, const float *values, float scalar, float *out, int64_t n) {
  if (reverse)
    numerics::evaluate(op, scalar, values, out, n);
  else
    numerics::evaluate(op, values, scalar, out, n);
}

/// Calls copy(begin, end) on parts of the partitions, one after the other when rows of different partitions share bytes.
template <class F> void forPartitions(Memory &memory, const Rows &target, bool ordered, F &&copy) {
  int64_t rows = target.partitions();
  memory.parallel(rows, ordered ? rows : std::max<int64_t>(1, kThreadElements / std::max<int64_t>(target.count(), 1)), RangeFunction(copy));
}

} // namespace

Status run(const isa::TensorTensor &in, Memory &memory) {
  MANASLU_TILE(a, in.a, Read);
  MANASLU_TILE(b, in.b, Read);
  MANASLU_TILE(dst, in.dst, Write);
  Rows target(dst, Narrower(in.narrow, memory)), left(a), right(b);
  mapRows<2>(memory, target, {&left, &right}, [&](int, const std::array<const float *, 2> &values, float *out) {
    numerics::evaluate(operationOf(in.op), values[0], values[1], out, target.count());
  });
  return {};
}

Status run(const isa::TensorScalar &in, Memory &memory) {
  MANASLU_TILE(src, in.src, Read);
  auto first = resolveScalar(memory, in.kind0, in.imm0, in.scalar0);
  if (!first)
    return first.error();
  auto second = resolveScalar(memory, in.kind1, in.imm1, in.scalar1);
  if (!second)
    return second.error();
  MANASLU_TILE(dst, in.dst, Write);
  Rows target(dst, Narrower(in.narrow, memory)), source(src);
  mapRows<1>(memory, target, {&source}, [&](int p, const std::array<const float *, 1> &values, float *out) {
    applyScalar(operationOf(in.op0), in.reverse0, values[0], first->at(p), out, target.count());
    if (in.op1 != isa::AluOp::Bypass)
      applyScalar(operationOf(in.op1), in.reverse1, out, second->at(p), out, target.count());
  });
  return {};
}

Status run(const isa::Reciprocal &in, Memory &memory) {
  MANASLU_TILE(src, in.src, Read);
  MANASLU_TILE(dst, in.dst, Write);
  Rows target(dst, Narrower(in.narrow, memory)), source(src);
  mapRows<1>(memory, target, {&source}, [&](int, const std::array<const float *, 1> &values, float *out) {
    numerics::evaluate(AluOperation::Divide, 1.0f, values[0], out, target.count());
  });
  return {};
}

Status run(const isa::Copy &in, Memory &memory) {
  MANASLU_TILE(src, in.src, Read);
  MANASLU_TILE(dst, in.dst, Write);
  Rows target(dst, Narrower(in.narrow, memory)), source(src);
  if (src.type != dst.type) {
    mapRows<1>(memory, target, {&source}, [&](int, const std::array<const float *, 1> &values, float *out) {
      // A NaN of tf32 keeps its bits when it is widened; as the result of a cast to f32 it is canonical.
      numerics::narrow(values[0], DType::F32, reinterpret_cast<std::byte *>(out), 1, target.count());
    });
    return {};
  }
  // Rows that overlap partly must be read whole before they are written.
  Pattern from = patternOf(src), to = patternOf(dst);
  int bytes = sizeOf(src.type);
  bool contiguous = from.isContiguous(bytes) && to.isContiguous(bytes);
  auto copy = [&](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; ++p) {
      int partition = static_cast<int>(p);
      std::byte *a = source.row(partition), *b = target.row(partition);
      if (contiguous) {
        std::memmove(b, a, static_cast<size_t>(target.count() * bytes));
      } else if (a + source.low() < b + target.high() && b + target.low() < a + source.high()) {
        auto *buffer = reinterpret_cast<std::byte *>(scratch(0, target.count()));
        const std::byte *bits = source.loadBits(partition, buffer);
        if (bits != buffer)
          std::memcpy(buffer, bits, static_cast<size_t>(target.count() * sizeOf(src.type)));
        target.storeBits(partition, buffer);
      } else {
        copyBits(Cursor(a, from), Cursor(b, to), target.count(), sizeOf(src.type));
      }
    }
  };
  forPartitions(memory, target, crossesRows(target, source), copy);
  return {};
}

Status run(const isa::Memset &in, Memory &memory) {
  MANASLU_TILE(dst, in.dst, Write);
  Rows target(dst, Narrower(in.narrow, memory));
  float *values = scratch(0, target.count());
  std::fill_n(values, target.count(), in.value);
  for (int p = 0; p < dst.partitions; ++p)
    target.store(p, values);
  return {};
}

namespace {

template <class Word> void selectWords(const float *mask, const std::byte *onTrue, const std::byte *onFalse, std::byte *out, int64_t n) {
  for (int64_t i = 0; i < n; ++i)
    std::memcpy(out + i * int64_t(sizeof(Word)), (mask[i] != 0 ? onTrue : onFalse) + i * int64_t(sizeof(Word)), sizeof(Word));
}

std::byte *byteScratch(int slot, int64_t bytes) { return reinterpret_cast<std::byte *>(scratch(slot, bytes / 4 + 1)); }

} // namespace

Status run(const isa::Select &in, Memory &memory) {
  MANASLU_TILE(mask, in.mask, Read);
  MANASLU_TILE(onTrue, in.onTrue, Read);
  MANASLU_TILE(onFalse, in.onFalse, Read);
  MANASLU_TILE(dst, in.dst, Write);
  Rows target(dst, Narrower(in.narrow, memory)), masks(mask), yes(onTrue), no(onFalse);
  int64_t n = target.count();
  if (onTrue.type != dst.type || onFalse.type != dst.type) {
    mapRows<3>(memory, target, {&masks, &yes, &no}, [&](int, const std::array<const float *, 3> &values, float *out) {
      for (int64_t i = 0; i < n; ++i)
        out[i] = numerics::canonical(values[0][i] != 0 ? values[1][i] : values[2][i]);
    });
    return {};
  }
  int bytes = sizeOf(dst.type);
  auto choose = [&](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; ++p) {
      int partition = static_cast<int>(p);
      const float *chosen = masks.load(partition, scratch(0, n));
      const std::byte *a = yes.loadBits(partition, byteScratch(1, n * bytes)), *b = no.loadBits(partition, byteScratch(2, n * bytes));
      std::byte *out = byteScratch(3, n * bytes);
      if (bytes == 4)
        selectWords<uint32_t>(chosen, a, b, out, n);
      else if (bytes == 2)
        selectWords<uint16_t>(chosen, a, b, out, n);
      else
        selectWords<uint8_t>(chosen, a, b, out, n);
      target.storeBits(partition, out);
    }
  };
  forPartitions(memory, target, crossesRows(target, masks) || crossesRows(target, yes) || crossesRows(target, no), choose);
  return {};
}

Status run(const isa::Random &in, Memory &memory) {
  numerics::RandomSite site{static_cast<uint64_t>(in.seed), static_cast<uint32_t>(in.site), memory.readRegister(in.stepReg)};
  MANASLU_TILE(dst, in.dst, Write);
  Rows target(dst);
  int64_t n = target.count();
  auto *words = reinterpret_cast<uint32_t *>(scratch(0, n));
  for (int p = 0; p < dst.partitions; ++p) {
    uint64_t first = static_cast<uint64_t>(in.base) + static_cast<uint64_t>(p) * static_cast<uint64_t>(in.partitionStep);
    numerics::randomWords(site, first, 1, words, n);
    target.storeBits(p, reinterpret_cast<const std::byte *>(words));
  }
  return {};
}

} // namespace manaslu::sim
