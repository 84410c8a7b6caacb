// Registers, transfers and everything else that moves bits (docs/Numerics.md N4).
#include "lib/Numerics/Binary.h"
#include "test/programs/ReferenceExecute.h"

namespace manaslu::test {

//===-- Registers ----------------------------------------------------------===//

void reference(const isa::RegSet &in, ReferenceMemory &m) { m.setReg(in.dst, static_cast<uint32_t>(in.value)); }
void reference(const isa::RegAdd &in, ReferenceMemory &m) { m.setReg(in.dst, m.reg(in.src) + static_cast<uint32_t>(in.value)); }
void reference(const isa::RegAddReg &in, ReferenceMemory &m) { m.setReg(in.dst, m.reg(in.a) + m.reg(in.b)); }
void reference(const isa::RegMul &in, ReferenceMemory &m) { m.setReg(in.dst, m.reg(in.src) * static_cast<uint32_t>(in.value)); }
void reference(const isa::RegRotate &in, ReferenceMemory &m) {
  uint32_t value = m.reg(in.dst) + static_cast<uint32_t>(in.step);
  m.setReg(in.dst, value < static_cast<uint32_t>(in.limit) ? value : value - static_cast<uint32_t>(in.limit));
}
void reference(const isa::RegLoad &in, ReferenceMemory &m) { m.setReg(in.dst, m.bits(in.source, 0)[0]); }
void reference(const isa::RegStore &in, ReferenceMemory &m) { m.setBits(in.target, 0, {m.reg(in.src)}); }
void reference(const isa::RegLoadDevice &in, ReferenceMemory &m) { m.setReg(in.dst, m.bits(in.source)[0]); }
void reference(const isa::RegStoreDevice &in, ReferenceMemory &m) { m.setBits(in.target, {m.reg(in.src)}); }

//===-- Transfers ----------------------------------------------------------===//

void reference(const isa::DmaLoad &in, ReferenceMemory &m) {
  m.setAllBits(in.dst, m.converted(m.bits(in.src), in.src.type, in.dst.type, in.narrow, extentsOf(in.dst)));
}
void reference(const isa::DmaStore &in, ReferenceMemory &m) {
  m.setBits(in.dst, m.converted(m.allBits(in.src), in.src.type, in.dst.type, in.narrow, extentsOf(in.src)));
}
void reference(const isa::DmaMove &in, ReferenceMemory &m) {
  m.setAllBits(in.dst, m.converted(m.allBits(in.src), in.src.type, in.dst.type, in.narrow, extentsOf(in.dst)));
}
void reference(const isa::DmaCopy &in, ReferenceMemory &m) {
  m.setBits(in.dst, m.converted(m.bits(in.src), in.src.type, in.dst.type, in.narrow, extentsOf(in.dst)));
}

namespace {

isa::DeviceOperand rowOf(isa::DeviceOperand table, uint32_t index, uint32_t rows) {
  if (index >= rows)
    throw BadIndex();
  table.offset += index * static_cast<uint64_t>(table.dims[0].stride);
  table.dims[0] = {0, 1};
  return table;
}

/// dst[f, p] = src[p, f].
void transpose(const isa::TileOperand &dst, const isa::TileOperand &src, ReferenceMemory &m) {
  Bits from = m.allBits(src), to;
  for (size_t f = 0; f < dst.partitions; ++f)
    for (size_t p = 0; p < src.partitions; ++p)
      to.push_back(from[p * dst.partitions + f]);
  m.setAllBits(dst, to);
}

void fill(const isa::TileOperand &dst, float value, const isa::Narrowing &how, ReferenceMemory &m) {
  for (int p = 0; p < dst.partitions; ++p)
    m.setValues(dst, p, std::vector<float>(dst.elementsPerPartition(), value), how);
}

/// The number of partition p's first element.
uint64_t firstOf(const isa::TileOperand &tile, int p) { return static_cast<uint64_t>(p) * tile.elementsPerPartition(); }

} // namespace

void reference(const isa::DmaGather &in, ReferenceMemory &m) {
  Bits rows = m.allBits(in.index);
  for (int p = 0; p < in.dst.partitions; ++p)
    m.setBits(in.dst, p,
              m.converted(m.bits(rowOf(in.table, rows[static_cast<size_t>(p)], in.rows)), in.table.type, in.dst.type, in.narrow, extentsOf(in.dst),
                          firstOf(in.dst, p)));
}

void reference(const isa::DmaScatter &in, ReferenceMemory &m) {
  for (int p = 0; p < in.src.partitions; ++p) {
    isa::DeviceOperand row = rowOf(in.dst, m.bits(in.index, p)[0], in.rows);
    Bits values = m.converted(m.bits(in.src, p), in.src.type, row.type, in.narrow, extentsOf(in.src), firstOf(in.src, p));
    if (in.add) {
      Bits old = m.bits(row), added = m.bits(in.src, p);
      for (size_t i = 0; i < values.size(); ++i)
        values[i] = m.narrowed(numerics::evaluate(numerics::AluOperation::Add, valueOf(row.type, old[i]), valueOf(in.src.type, added[i])), row.type, in.narrow,
                               extentsOf(in.src), firstOf(in.src, p) + i);
    }
    m.setBits(row, values);
  }
}

void reference(const isa::DmaTranspose &in, ReferenceMemory &m) { transpose(in.dst, in.src, m); }
void reference(const isa::DmaFill &in, ReferenceMemory &m) { fill(in.dst, in.value, in.narrow, m); }

//===-- Bits within the core -----------------------------------------------===//

void reference(const isa::Transpose &in, ReferenceMemory &m) { transpose(in.dst, in.src, m); }
void reference(const isa::Memset &in, ReferenceMemory &m) { fill(in.dst, in.value, in.narrow, m); }

void reference(const isa::Copy &in, ReferenceMemory &m) {
  for (int p = 0; p < in.dst.partitions; ++p)
    m.setBits(in.dst, p, m.converted(m.bits(in.src, p), in.src.type, in.dst.type, in.narrow, extentsOf(in.dst), firstOf(in.dst, p)));
}

void reference(const isa::TransposeBlock &in, ReferenceMemory &m) {
  Bits from = m.allBits(in.src), to;
  size_t width = in.src.elementsPerPartition();
  for (size_t p = 0; p < in.dst.partitions; ++p)
    for (size_t f = 0; f < width; ++f)
      to.push_back(from[(p / 32 * 32 + f % 32) * width + f / 32 * 32 + p % 32]);
  m.setAllBits(in.dst, to);
}

void reference(const isa::Shuffle &in, ReferenceMemory &m) {
  Bits from = m.allBits(in.src), to;
  size_t width = in.src.elementsPerPartition();
  for (size_t p = 0; p < in.dst.partitions; ++p)
    for (size_t f = 0; f < width; ++f)
      to.push_back(from[(p / 32 * 32 + in.mask[p % 32]) * width + f]);
  m.setAllBits(in.dst, to);
}

} // namespace manaslu::test
