// The general engine: indices, masks, movement across partitions, integers.
#include "lib/Numerics/Binary.h"
#include "lib/Numerics/Reduce.h"
#include "test/programs/ReferenceExecute.h"

namespace manaslu::test {

namespace {

/// base + p * partitionStep + sum(i_k * steps[k]) modulo 2^32 for every element of partition p.
Bits affine(const isa::TileOperand &shape, uint32_t start, const std::array<int32_t, 4> &steps) {
  Bits list = {start};
  for (size_t k = 0; k < 4; ++k) {
    Bits next;
    for (uint32_t value : list)
      for (uint32_t i = 0; i < shape.dims[k].size; ++i)
        next.push_back(value + i * static_cast<uint32_t>(steps[k]));
    list = std::move(next);
  }
  return list;
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

/// The number of partition p's first element.
uint64_t firstOf(const isa::TileOperand &tile, int p) { return static_cast<uint64_t>(p) * tile.elementsPerPartition(); }

uint32_t integer(isa::IntOp op, uint32_t a, uint32_t b) {
  return static_cast<uint32_t>(numerics::evaluate(static_cast<numerics::IntegerOperation>(op), static_cast<int32_t>(a), static_cast<int32_t>(b)));
}

} // namespace

void reference(const isa::Iota &in, ReferenceMemory &m) {
  for (int p = 0; p < in.dst.partitions; ++p) {
    uint32_t start = static_cast<uint32_t>(in.base) + static_cast<uint32_t>(p) * static_cast<uint32_t>(in.partitionStep);
    m.setBits(in.dst, p, m.converted(affine(in.dst, start, in.steps), DType::I32, in.dst.type, in.narrow, extentsOf(in.dst), firstOf(in.dst, p)));
  }
}

void reference(const isa::AffineSelect &in, ReferenceMemory &m) {
  for (int p = 0; p < in.dst.partitions; ++p) {
    uint32_t start = static_cast<uint32_t>(in.base) + static_cast<uint32_t>(p) * static_cast<uint32_t>(in.partitionStep);
    Bits keys = affine(in.dst, start, in.steps);
    Bits row = m.converted(m.bits(in.src, p), in.src.type, in.dst.type, in.narrow, extentsOf(in.dst), firstOf(in.dst, p));
    for (size_t i = 0; i < row.size(); ++i)
      if (!holds(in.compare, static_cast<int32_t>(keys[i])))
        row[i] = m.narrowed(in.fill, in.dst.type, in.narrow, extentsOf(in.dst), firstOf(in.dst, p) + i);
    m.setBits(in.dst, p, row);
  }
}

void reference(const isa::PartitionReduce &in, ReferenceMemory &m) {
  std::vector<std::vector<float>> columns(in.src.elementsPerPartition());
  for (int p = 0; p < in.src.partitions; ++p) {
    std::vector<float> row = m.values(in.src, p);
    for (size_t i = 0; i < row.size(); ++i)
      columns[i].push_back(row[i]);
  }
  std::vector<float> results;
  for (const std::vector<float> &column : columns)
    results.push_back(numerics::reduceOracle(static_cast<numerics::AluOperation>(in.op), column.data(), static_cast<int64_t>(column.size())));
  m.setValues(in.dst, 0, results, in.narrow);
}

void reference(const isa::PartitionBroadcast &in, ReferenceMemory &m) {
  Bits row = m.bits(in.src, 0);
  for (int p = 0; p < in.dst.partitions; ++p)
    m.setBits(in.dst, p, m.converted(row, in.src.type, in.dst.type, in.narrow, extentsOf(in.dst), firstOf(in.dst, p)));
}

void reference(const isa::Gather &in, ReferenceMemory &m) {
  for (int p = 0; p < in.dst.partitions; ++p) {
    Bits source = m.bits(in.src, p), row;
    for (uint32_t index : m.bits(in.index, p)) {
      if (index >= source.size())
        throw BadIndex();
      row.push_back(source[index]);
    }
    m.setBits(in.dst, p, m.converted(row, in.src.type, in.dst.type, in.narrow, extentsOf(in.dst), firstOf(in.dst, p)));
  }
}

void reference(const isa::Scatter &in, ReferenceMemory &m) {
  for (int p = 0; p < in.src.partitions; ++p) {
    Bits values = m.converted(m.bits(in.src, p), in.src.type, in.dst.type, in.narrow, extentsOf(in.src), firstOf(in.src, p));
    Bits indices = m.bits(in.index, p), row = m.bits(in.dst, p);
    for (size_t i = 0; i < values.size(); ++i) {
      if (indices[i] >= row.size())
        throw BadIndex();
      row[indices[i]] = values[i];
    }
    m.setBits(in.dst, p, row);
  }
}

void reference(const isa::IntTensorTensor &in, ReferenceMemory &m) {
  for (int p = 0; p < in.dst.partitions; ++p) {
    Bits a = m.bits(in.a, p), b = m.bits(in.b, p);
    for (size_t i = 0; i < a.size(); ++i)
      a[i] = integer(in.op, a[i], b[i]);
    m.setBits(in.dst, p, a);
  }
}

void reference(const isa::IntTensorScalar &in, ReferenceMemory &m) {
  for (int p = 0; p < in.dst.partitions; ++p) {
    Bits row = m.bits(in.src, p);
    for (uint32_t &x : row)
      x = integer(in.op, x, static_cast<uint32_t>(in.value));
    m.setBits(in.dst, p, row);
  }
}

} // namespace manaslu::test
