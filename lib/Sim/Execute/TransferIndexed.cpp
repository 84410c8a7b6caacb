// Gather and scatter by DMA: rows of a device table named by an index tile.
#include "lib/Numerics/Binary.h"
#include "lib/Numerics/Convert.h"
#include "lib/Sim/Execute/Resolve.h"

#include <cstring>

namespace manaslu::sim {

namespace {

int32_t indexAt(const View &index, int partition) {
  int32_t value;
  std::memcpy(&value, index.base + partition * index.partitionPitch, sizeof(value));
  return value;
}

/// The operand of one row of the table. Negative strides wrap as unsigned offsets do and are caught by the bounds check.
isa::DeviceOperand rowOf(const isa::DeviceOperand &table, int64_t row) {
  isa::DeviceOperand operand = table;
  operand.offset += static_cast<uint64_t>(row) * static_cast<uint64_t>(table.dims[0].stride);
  operand.dims[0] = {0, 1};
  return operand;
}

void move(Cursor source, DType sourceType, Cursor target, DType targetType, int64_t n, const Narrower &narrower, const Cursor &index) {
  if (sourceType == targetType)
    copyBits(source, target, n, sizeOf(sourceType));
  else
    copyCast(source, sourceType, target, targetType, n, narrower, index);
}

/// row += values, in fp32, narrowed after the addition.
void addRow(const DeviceView &row, const Rows &source, int partition, const Narrower &narrower, const Cursor &index) {
  int64_t n = source.count();
  const float *values = source.load(partition, scratch(0, n));
  float *old = scratch(1, n);
  Pattern flat;
  flat.push(4, n);
  Cursor place(row.base, patternOf(row, 1)), copy(reinterpret_cast<std::byte *>(old), flat);
  copyCast(place, row.type, copy, DType::F32, n, Narrower(), index);
  numerics::evaluate(numerics::AluOperation::Add, old, values, old, n);
  copyCast(copy, DType::F32, place, row.type, n, narrower, index);
}

} // namespace

Status run(const isa::DmaGather &in, Memory &memory) {
  MANASLU_TILE(index, in.index, Read);
  for (int p = 0; p < index.partitions; ++p)
    if (indexAt(index, p) < 0 || uint32_t(indexAt(index, p)) >= in.rows)
      return indexError(indexAt(index, p), in.rows, p);
  // The target may share bytes with the index tile: every index is read before the first row is written.
  std::array<int32_t, 128> rows{};
  for (int p = 0; p < index.partitions; ++p)
    rows[p] = indexAt(index, p);
  MANASLU_TILE(dst, in.dst, Write);
  Narrower narrower(in.narrow, memory);
  for (int p = 0; p < dst.partitions; ++p) {
    MANASLU_DEVICE(row, rowOf(in.table, rows[p]), Read);
    move(Cursor(row.base, patternOf(row, 1)), row.type, Cursor(dst.base + p * dst.partitionPitch, patternOf(dst)), dst.type, dst.elements(), narrower,
         narrower.indices(p, dst.dims));
  }
  return {};
}

Status run(const isa::DmaScatter &in, Memory &memory) {
  MANASLU_TILE(index, in.index, Read);
  MANASLU_TILE(src, in.src, Read);
  Rows source(src);
  Narrower narrower(in.narrow, memory);
  for (int p = 0; p < index.partitions; ++p)
    if (indexAt(index, p) < 0 || uint32_t(indexAt(index, p)) >= in.rows)
      return indexError(indexAt(index, p), in.rows, p);
  for (int p = 0; p < src.partitions; ++p) {
    auto resolved = memory.device(rowOf(in.dst, indexAt(index, p)), in.add ? Access::ReadWrite : Access::Write);
    if (!resolved)
      return resolved.error();
    Cursor index = narrower.indices(p, src.dims);
    if (in.add)
      addRow(*resolved, source, p, narrower, index);
    else
      move(Cursor(source.row(p), patternOf(src)), src.type, Cursor(resolved->base, patternOf(*resolved, 1)), resolved->type, source.count(), narrower, index);
  }
  return {};
}

} // namespace manaslu::sim
