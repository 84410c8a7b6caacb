// Everything that computes, by the scalar oracles (docs/Numerics.md).
#include "lib/Numerics/Convert.h"
#include "lib/Numerics/Matmul.h"
#include "lib/Numerics/Random.h"
#include "lib/Numerics/Reduce.h"
#include "lib/Numerics/Unary.h"
#include "test/programs/ReferenceExecute.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

namespace manaslu::test {

using numerics::AluOperation;
using Row = std::vector<float>;

namespace {

AluOperation operationOf(isa::AluOp op) { return static_cast<AluOperation>(op); }
float alu(isa::AluOp op, float a, float b) { return numerics::evaluate(operationOf(op), a, b); }

/// A scalar operand for one partition.
float scalar(isa::ScalarKind kind, float immediate, const isa::TileOperand &tile, int partition, const ReferenceMemory &m) {
  return kind == isa::ScalarKind::Tile ? m.values(tile, partition)[0] : immediate;
}

std::vector<Row> allRows(const isa::TileOperand &tile, const ReferenceMemory &m) {
  std::vector<Row> rows;
  for (int p = 0; p < tile.partitions; ++p)
    rows.push_back(m.values(tile, p));
  return rows;
}

} // namespace

//===-- pe -----------------------------------------------------------------===//

namespace {

/// An operand's bytes, row after row.
std::vector<std::byte> packed(const isa::TileOperand &tile, const ReferenceMemory &m) {
  auto size = static_cast<size_t>(sizeOf(tile.type));
  Bits bits = m.allBits(tile);
  std::vector<std::byte> bytes(bits.size() * size);
  for (size_t i = 0; i < bits.size(); ++i)
    std::memcpy(bytes.data() + i * size, &bits[i], size);
  return bytes;
}

} // namespace

void reference(const isa::Matmul &in, ReferenceMemory &m) {
  auto M = static_cast<int>(in.stationary.elementsPerPartition()), N = static_cast<int>(in.moving.elementsPerPartition());
  std::vector<std::byte> a = packed(in.stationary, m), b = packed(in.moving, m);
  Row acc(static_cast<size_t>(M) * static_cast<size_t>(N));
  if (in.accumulate)
    for (int i = 0; i < M; ++i)
      std::ranges::copy(m.values(in.acc, i), acc.begin() + i * N);
  numerics::matmulOracle(in.stationary.type, a.data(), M * sizeOf(in.stationary.type), in.moving.type, b.data(), N * sizeOf(in.moving.type), acc.data(), N * 4,
                         in.stationary.partitions, M, N, in.accumulate);
  for (int i = 0; i < M; ++i)
    m.setValues(in.acc, i, Row(acc.begin() + i * N, acc.begin() + (i + 1) * N));
}

//===-- ve -----------------------------------------------------------------===//

void reference(const isa::TensorTensor &in, ReferenceMemory &m) {
  for (int p = 0; p < in.dst.partitions; ++p) {
    Row a = m.values(in.a, p), b = m.values(in.b, p);
    for (size_t i = 0; i < a.size(); ++i)
      a[i] = alu(in.op, a[i], b[i]);
    m.setValues(in.dst, p, a, in.narrow);
  }
}

void reference(const isa::TensorScalar &in, ReferenceMemory &m) {
  std::vector<Row> rows = allRows(in.src, m);
  std::vector<float> first, second;
  for (int p = 0; p < in.src.partitions; ++p) {
    first.push_back(scalar(in.kind0, in.imm0, in.scalar0, p, m));
    second.push_back(scalar(in.kind1, in.imm1, in.scalar1, p, m));
  }
  for (size_t p = 0; p < rows.size(); ++p) {
    for (float &x : rows[p]) {
      x = in.reverse0 ? alu(in.op0, first[p], x) : alu(in.op0, x, first[p]);
      if (in.op1 != isa::AluOp::Bypass)
        x = in.reverse1 ? alu(in.op1, second[p], x) : alu(in.op1, x, second[p]);
    }
    m.setValues(in.dst, static_cast<int>(p), rows[p], in.narrow);
  }
}

void reference(const isa::Reduce &in, ReferenceMemory &m) {
  size_t width = 1;
  for (size_t i = 4 - in.axes; i < 4; ++i)
    width *= in.src.dims[i].size;
  for (int p = 0; p < in.src.partitions; ++p) {
    Row values = m.values(in.src, p), results;
    for (size_t i = 0; i < values.size(); i += width) {
      float value = numerics::reduceOracle(operationOf(in.op), &values[i], static_cast<int64_t>(width));
      results.push_back(in.negate ? numerics::canonical(-value) : value);
    }
    m.setValues(in.dst, p, results, in.narrow);
  }
}

void reference(const isa::Scan &in, ReferenceMemory &m) {
  std::vector<float> states;
  for (int p = 0; p < in.a.partitions; ++p)
    states.push_back(scalar(in.initialKind, in.initialImm, in.initial, p, m));
  for (int p = 0; p < in.a.partitions; ++p) {
    Row a = m.values(in.a, p), b = m.values(in.b, p);
    float state = states[static_cast<size_t>(p)];
    for (size_t i = 0; i < a.size(); ++i)
      a[i] = state = alu(in.op1, alu(in.op0, state, a[i]), b[i]);
    m.setValues(in.dst, p, a, in.narrow);
  }
}

void reference(const isa::Select &in, ReferenceMemory &m) {
  bool moves = in.onTrue.type == in.dst.type && in.onFalse.type == in.dst.type;
  for (int p = 0; p < in.dst.partitions; ++p) {
    Row mask = m.values(in.mask, p);
    Bits yes = m.bits(in.onTrue, p), no = m.bits(in.onFalse, p);
    for (size_t i = 0; i < mask.size(); ++i) {
      bool holds = mask[i] != 0;
      uint32_t chosen = holds ? yes[i] : no[i];
      yes[i] = moves ? chosen
                     : m.narrowed(valueOf(holds ? in.onTrue.type : in.onFalse.type, chosen), in.dst.type, in.narrow, extentsOf(in.dst),
                                  static_cast<uint64_t>(p) * mask.size() + i);
    }
    m.setBits(in.dst, p, yes);
  }
}

void reference(const isa::Reciprocal &in, ReferenceMemory &m) {
  for (int p = 0; p < in.dst.partitions; ++p) {
    Row row = m.values(in.src, p);
    for (float &x : row)
      x = alu(isa::AluOp::Divide, 1.0f, x);
    m.setValues(in.dst, p, row, in.narrow);
  }
}

/// N33.
void reference(const isa::BnStats &in, ReferenceMemory &m) {
  for (int p = 0; p < in.dst.partitions; ++p) {
    Row row = m.values(in.src, p);
    auto n = static_cast<int64_t>(row.size());
    auto count = static_cast<float>(n);
    float mean = alu(isa::AluOp::Divide, numerics::reduceOracle(AluOperation::Add, row.data(), n), count);
    for (float &x : row) {
      float distance = alu(isa::AluOp::Sub, x, mean);
      x = alu(isa::AluOp::Mul, distance, distance);
    }
    m.setValues(in.dst, p, {count, mean, numerics::reduceOracle(AluOperation::Add, row.data(), n)});
  }
}

/// N34.
void reference(const isa::BnAggregate &in, ReferenceMemory &m) {
  for (int p = 0; p < in.dst.partitions; ++p) {
    Row row = m.values(in.src, p);
    numerics::BatchStatistics merged{row[0], row[1], row[2]};
    for (size_t i = 3; i < row.size(); i += 3)
      merged = numerics::merge(merged, {row[i], row[i + 1], row[i + 2]});
    m.setValues(in.dst, p, {numerics::canonical(merged.mean), alu(isa::AluOp::Divide, merged.m2, merged.count)});
  }
}

namespace {

/// a before b in descending order: NaN first, then by value, +0 before -0.
bool isLarger(float a, float b) {
  if (std::isnan(a) || std::isnan(b))
    return std::isnan(a) && !std::isnan(b);
  return a != b ? a > b : !std::signbit(a) && std::signbit(b);
}

bool isSame(float a, float b) { return !isLarger(a, b) && !isLarger(b, a); }

/// For each value the index of its first element that no earlier one took, or -1.
std::vector<int32_t> find(const Row &wanted, const Row &row) {
  std::vector<int32_t> found;
  std::vector<bool> taken(row.size());
  for (float value : wanted) {
    found.push_back(-1);
    for (size_t i = 0; i < row.size() && found.back() < 0; ++i)
      if (!taken[i] && isSame(row[i], value)) {
        found.back() = static_cast<int32_t>(i);
        taken[i] = true;
      }
  }
  return found;
}

} // namespace

void reference(const isa::Max8 &in, ReferenceMemory &m) {
  for (int p = 0; p < in.dst.partitions; ++p) {
    Row row = m.values(in.src, p);
    // Equals have equal bits, save NaN, which become one and the same.
    std::sort(row.begin(), row.end(), isLarger);
    row.resize(8);
    for (float &x : row)
      x = numerics::canonical(x);
    m.setValues(in.dst, p, row, in.narrow);
  }
}

void reference(const isa::FindIndex8 &in, ReferenceMemory &m) {
  for (int p = 0; p < in.dst.partitions; ++p) {
    std::vector<int32_t> found = find(m.values(in.values, p), m.values(in.src, p));
    m.setBits(in.dst, p, Bits(found.begin(), found.end()));
  }
}

void reference(const isa::MatchReplace8 &in, ReferenceMemory &m) {
  for (int p = 0; p < in.dst.partitions; ++p) {
    Row row = m.values(in.src, p);
    std::vector<int32_t> found = find(m.values(in.values, p), row);
    for (int32_t index : found)
      if (index >= 0)
        row[static_cast<size_t>(index)] = in.value;
    m.setValues(in.dst, p, row, in.narrow);
  }
}

void reference(const isa::Random &in, ReferenceMemory &m) {
  numerics::RandomSite site{static_cast<uint64_t>(in.seed), static_cast<uint32_t>(in.site), m.reg(in.stepReg)};
  for (int p = 0; p < in.dst.partitions; ++p) {
    Bits words;
    for (uint64_t i = 0; i < in.dst.elementsPerPartition(); ++i)
      words.push_back(numerics::randomWord(site, static_cast<uint64_t>(in.base) + static_cast<uint64_t>(p) * static_cast<uint64_t>(in.partitionStep) + i));
    m.setBits(in.dst, p, words);
  }
}

//===-- se -----------------------------------------------------------------===//

void reference(const isa::Activate &in, ReferenceMemory &m) {
  std::vector<Row> rows = allRows(in.src, m);
  std::vector<float> scales, biases, sums;
  for (int p = 0; p < in.src.partitions; ++p) {
    scales.push_back(scalar(in.scaleKind, in.scaleImm, in.scale, p, m));
    biases.push_back(scalar(in.biasKind, in.biasImm, in.bias, p, m));
  }
  for (size_t p = 0; p < rows.size(); ++p) {
    for (float &x : rows[p])
      x = numerics::evaluate(static_cast<numerics::UnaryFunction>(in.func), numerics::canonical(std::fma(x, scales[p], biases[p])));
    sums.push_back(numerics::reduceOracle(AluOperation::Add, rows[p].data(), static_cast<int64_t>(rows[p].size())));
    m.setValues(in.dst, static_cast<int>(p), rows[p], in.narrow);
  }
  for (int p = 0; in.reduce && p < in.sum.partitions; ++p)
    m.setValues(in.sum, p, {sums[static_cast<size_t>(p)]});
}

} // namespace manaslu::test
