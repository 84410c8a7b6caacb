// The meaning of instructions against element-by-element references: types, strides, broadcasts, overlap, order of sums (docs/Numerics.md, docs/ISA.md).
#include "lib/Sim/Execute.h"
#include "lib/Numerics/Convert.h"
#include "lib/Numerics/Reduce.h"
#include "lib/Numerics/Unary.h"
#include "test/unit/Sim/Programs.h"

#include <functional>

using namespace manaslu;
using namespace manaslu::test;

namespace {

/// SBUF, PSUM and one device region in plain arrays; splits parallel work into three parts.
class PlainMemory : public sim::Memory {
public:
  static constexpr int64_t kPitch = 4096;
  std::vector<std::byte> tiles[2] = {std::vector<std::byte>(128 * kPitch), std::vector<std::byte>(128 * kPitch)};
  std::vector<std::byte> region = std::vector<std::byte>(1 << 20);
  std::array<uint32_t, 64> registers{};

  Result<sim::View> tile(const TileOperand &operand, sim::Access) override {
    return sim::View{tiles[int(operand.space)].data() + operand.partition * kPitch + operand.offset + registers[operand.reg], kPitch, operand.partitions,
                     operand.type, operand.dims};
  }
  Result<sim::DeviceView> device(const DeviceOperand &operand, sim::Access) override {
    return sim::DeviceView{region.data() + operand.offset, operand.type, operand.dims};
  }
  uint32_t readRegister(uint8_t index) override { return registers[index]; }
  void writeRegister(uint8_t index, uint32_t value) override { registers[index] = value; }
  void parallel(int64_t count, int64_t grain, sim::RangeFunction run) override {
    int64_t parts = std::clamp<int64_t>(count / std::max<int64_t>(grain, 1), 1, 3);
    for (int64_t i = parts - 1; i >= 0; --i)
      run(count * i / parts, count * (i + 1) / parts);
  }

  /// Addresses of the elements of one partition, in order.
  std::vector<std::byte *> row(const TileOperand &operand, int partition) {
    std::vector<std::byte *> out;
    std::byte *base = tile(operand, sim::Access::Read)->base + partition * kPitch;
    const auto &d = operand.dims;
    for (int a = 0; a < d[0].size; ++a)
      for (int b = 0; b < d[1].size; ++b)
        for (int c = 0; c < d[2].size; ++c)
          for (int e = 0; e < d[3].size; ++e)
            out.push_back(base + (a * d[0].stride + b * d[1].stride + c * d[2].stride + e * d[3].stride) * sizeOf(operand.type));
    return out;
  }
  std::vector<float> values(const TileOperand &operand, int partition) {
    std::vector<float> out;
    for (std::byte *address : row(operand, partition))
      out.push_back(numerics::toF32(operand.type, address));
    return out;
  }
  void fill(const TileOperand &operand, unsigned seed) {
    for (int p = 0; p < operand.partitions; ++p) {
      std::vector<std::byte *> addresses = row(operand, p);
      std::vector<float> numbers = normal(addresses.size(), seed + unsigned(p));
      for (size_t i = 0; i < addresses.size(); ++i)
        numerics::fromF32(operand.type, operand.type == DType::I32 ? numbers[i] * 1000 : numbers[i], addresses[i]);
    }
  }
};

/// Elements that the target would hold: expected(partition) in fp32, narrowed.
void checkRows(PlainMemory &memory, const TileOperand &target, const std::vector<std::vector<float>> &expected) {
  for (int p = 0; p < target.partitions; ++p) {
    std::vector<std::byte *> addresses = memory.row(target, p);
    REQUIRE(addresses.size() == expected[size_t(p)].size());
    for (size_t i = 0; i < addresses.size(); ++i) {
      std::byte wanted[4];
      numerics::fromF32(target.type, expected[size_t(p)][i], wanted);
      REQUIRE(std::memcmp(addresses[i], wanted, size_t(sizeOf(target.type))) == 0);
    }
  }
}

std::vector<std::vector<float>> rowsOf(PlainMemory &memory, const TileOperand &operand) {
  std::vector<std::vector<float>> out;
  for (int p = 0; p < operand.partitions; ++p)
    out.push_back(memory.values(operand, p));
  return out;
}

using Rows2 = std::vector<std::vector<float>>;
Rows2 mapped(const Rows2 &a, const Rows2 &b, const std::function<float(float, float)> &f) {
  Rows2 out = a;
  for (size_t p = 0; p < a.size(); ++p)
    for (size_t i = 0; i < a[p].size(); ++i)
      out[p][i] = f(a[p][i], b[p][i]);
  return out;
}

/// The patterns that elementwise tests use: 6 x 8 elements, contiguous, strided, transposed, broadcast.
std::vector<TileOperand> patterns(DType type, uint32_t offset) {
  TileOperand contiguous = sbuf(type, 96, offset, 48), strided = contiguous, turned = contiguous, repeated = contiguous;
  strided.dims[2] = {20, 6}, strided.dims[3] = {2, 8};
  turned.dims[2] = {1, 6}, turned.dims[3] = {6, 8};
  repeated.dims[2] = {0, 6}, repeated.dims[3] = {1, 8};
  return {contiguous, strided, turned, repeated};
}

} // namespace

TEST_CASE("tensor_tensor over every pattern and type", "[execute]") {
  for (DType type : {DType::F32, DType::BF16, DType::F16, DType::I32})
    for (const TileOperand &a : patterns(type, 0))
      for (const TileOperand &dst : patterns(type, 2048))
        for (AluOp op : {AluOp::Add, AluOp::Max, AluOp::Le}) {
          if (dst.dims[2].stride == 0)
            continue;
          PlainMemory memory;
          TileOperand b = patterns(DType::F32, 1024)[0];
          memory.fill(a, 1), memory.fill(b, 2);
          TensorTensor in;
          in.a = a, in.b = b, in.dst = dst, in.op = op;
          auto operation = static_cast<numerics::AluOperation>(op);
          Rows2 expected = mapped(rowsOf(memory, a), rowsOf(memory, b), [&](float x, float y) { return numerics::evaluate(operation, x, y); });
          REQUIRE(sim::execute(in, memory));
          checkRows(memory, dst, expected);
        }
}

TEST_CASE("results may replace an input, also one that they overlap partly", "[execute]") {
  for (int shift : {0, 1, 3}) {
    PlainMemory memory;
    TileOperand src = sbuf(DType::F32, 128, 64, 40), dst = sbuf(DType::F32, 128, uint32_t(64 - 4 * shift), 40);
    memory.fill(src, 3);
    TensorScalar in;
    in.src = src, in.dst = dst;
    in.op0 = AluOp::Sub, in.imm0 = 2, in.reverse0 = true, in.op1 = AluOp::Mul, in.imm1 = 0.3f;
    Rows2 before = rowsOf(memory, src);
    Rows2 expected = mapped(before, before, [](float x, float) { return (2.0f - x) * 0.3f; });
    REQUIRE(sim::execute(in, memory));
    checkRows(memory, dst, expected);
    Copy copy;
    copy.src = sbuf(DType::F32, 128, 64, 40), copy.dst = dst;
    before = rowsOf(memory, copy.src);
    REQUIRE(sim::execute(copy, memory));
    checkRows(memory, dst, before);
  }
}

TEST_CASE("activate scales, adds and sums in the fixed order", "[execute]") {
  PlainMemory memory;
  TileOperand src = patterns(DType::BF16, 0)[1], dst = patterns(DType::BF16, 2048)[2];
  TileOperand scale = sbuf(DType::F32, 96, 1024, 1), bias = sbuf(DType::F32, 96, 1028, 1), sum = sbuf(DType::F32, 96, 3072, 1);
  memory.fill(src, 4), memory.fill(scale, 5), memory.fill(bias, 6);
  Activate in;
  in.src = src, in.dst = dst, in.func = ActFunc::Exp;
  in.scaleKind = in.biasKind = ScalarKind::Tile;
  in.scale = scale, in.bias = bias, in.reduce = true, in.sum = sum;
  Rows2 expected = rowsOf(memory, src), sums;
  for (int p = 0; p < 96; ++p) {
    float s = memory.values(scale, p)[0], b = memory.values(bias, p)[0];
    for (float &x : expected[size_t(p)])
      x = numerics::evaluate(numerics::UnaryFunction::Exp, std::fmaf(x, s, b));
    sums.push_back({numerics::reduceOracle(numerics::AluOperation::Add, expected[size_t(p)].data(), 48)});
  }
  REQUIRE(sim::execute(in, memory));
  checkRows(memory, dst, expected);
  checkRows(memory, sum, sums);
}

TEST_CASE("reduce, over axes and over partitions, in the order of the contract", "[execute]") {
  PlainMemory memory;
  TileOperand src = patterns(DType::F32, 0)[2];
  memory.fill(src, 7);
  Rows2 before = rowsOf(memory, src);
  Reduce in;
  in.src = src, in.dst = sbuf(DType::F32, 96, 2048, 6), in.op = AluOp::Add, in.axes = 1, in.negate = true;
  Rows2 expected(96);
  for (size_t p = 0; p < 96; ++p)
    for (int i = 0; i < 6; ++i)
      expected[p].push_back(-numerics::reduceOracle(numerics::AluOperation::Add, before[p].data() + i * 8, 8));
  REQUIRE(sim::execute(in, memory));
  checkRows(memory, in.dst, expected);
  for (AluOp op : {AluOp::Add, AluOp::Mul, AluOp::Max, AluOp::Min, AluOp::AbsMax}) {
    PartitionReduce across;
    across.src = src, across.dst = sbuf(DType::F32, 1, 3072, 48), across.op = op;
    Rows2 column(1);
    for (size_t i = 0; i < 48; ++i) {
      std::vector<float> values;
      for (size_t p = 0; p < 96; ++p)
        values.push_back(before[p][i]);
      column[0].push_back(numerics::reduceOracle(static_cast<numerics::AluOperation>(op), values.data(), 96));
    }
    REQUIRE(sim::execute(across, memory));
    checkRows(memory, across.dst, column);
  }
}

TEST_CASE("N4: select moves bits of equal types, NaNs of any payload included", "[execute]") {
  PlainMemory memory;
  TileOperand mask = sbuf(DType::Bool, 128, 0, 16), yes = sbuf(DType::F32, 128, 256, 16), no = sbuf(DType::F32, 128, 512, 16),
              dst = sbuf(DType::F32, 128, 1024, 16);
  for (int p = 0; p < 128; ++p)
    for (size_t i = 0; i < 16; ++i) {
      uint32_t a = 0x7f800001u + uint32_t(p) * 16 + uint32_t(i), b = 0xffc12345u;
      *memory.row(mask, p)[i] = std::byte((p + int(i)) % 3 == 0);
      std::memcpy(memory.row(yes, p)[i], &a, 4);
      std::memcpy(memory.row(no, p)[i], &b, 4);
    }
  Select in;
  in.mask = mask, in.onTrue = yes, in.onFalse = no, in.dst = dst;
  REQUIRE(sim::execute(in, memory));
  for (int p = 0; p < 128; ++p)
    for (size_t i = 0; i < 16; ++i)
      REQUIRE(std::memcmp(memory.row(dst, p)[i], memory.row((p + int(i)) % 3 == 0 ? yes : no, p)[i], 4) == 0);
}

TEST_CASE("N4: transposes move bits", "[execute]") {
  for (DType type : {DType::F32, DType::BF16, DType::U8})
    for (auto [p, f] : {std::pair(128, 128), std::pair(96, 33), std::pair(1, 7), std::pair(17, 1)}) {
      PlainMemory memory;
      TileOperand src = sbuf(type, p, 0, f), dst = tile(Space::Psum, type, f, 64, p);
      memory.fill(src, 8);
      Transpose in;
      in.src = src, in.dst = dst;
      REQUIRE(sim::execute(in, memory));
      for (int i = 0; i < p; ++i)
        for (int j = 0; j < f; ++j)
          REQUIRE(std::memcmp(memory.row(dst, j)[size_t(i)], memory.row(src, i)[size_t(j)], size_t(sizeOf(type))) == 0);
    }
  PlainMemory memory;
  TransposeBlock in;
  in.src = sbuf(DType::F32, 64, 0, 96), in.dst = sbuf(DType::F32, 64, 1024, 96);
  memory.fill(in.src, 9);
  REQUIRE(sim::execute(in, memory));
  Rows2 a = rowsOf(memory, in.src), b = rowsOf(memory, in.dst);
  for (size_t p = 0; p < 64; ++p)
    for (size_t f = 0; f < 96; ++f)
      REQUIRE(b[p][f] == a[p / 32 * 32 + f % 32][f / 32 * 32 + p % 32]);
}

TEST_CASE("dma copies any pattern to any pattern, casting through fp32", "[execute]") {
  for (DType from : {DType::F32, DType::BF16})
    for (const TileOperand &dst : patterns(DType::F32, 128)) {
      if (dst.dims[2].stride == 0)
        continue;
      PlainMemory memory;
      DmaLoad in;
      in.dst = dst, in.src.type = from;
      // Partitions 96, rows 6 read backwards, 8 elements with a gap.
      int bytes = sizeOf(from);
      in.src.offset = 4096;
      in.src.dims[2] = {int64_t(bytes) * 6 * 16, 96}, in.src.dims[3] = {-16 * bytes, 6}, in.src.dims[4] = {2 * bytes, 8};
      in.src.offset += uint64_t(5 * 16 * bytes);
      std::vector<float> values = normal(96 * 96, 10);
      for (size_t i = 0; i < values.size(); ++i)
        numerics::fromF32(from, values[i], memory.region.data() + 4096 + i * size_t(bytes));
      Rows2 expected(96);
      for (size_t p = 0; p < 96; ++p)
        for (size_t i = 0; i < 6; ++i)
          for (size_t j = 0; j < 8; ++j)
            expected[p].push_back(numerics::toF32(from, memory.region.data() + 4096 + (p * 96 + (5 - i) * 16 + 2 * j) * size_t(bytes)));
      REQUIRE(sim::execute(in, memory));
      checkRows(memory, dst, expected);
      // And back to a dense matrix.
      DmaStore store;
      store.src = dst, store.dst = matrix(0, DType::F32, 96, 48, 524288);
      REQUIRE(sim::execute(store, memory));
      for (size_t p = 0; p < 96; ++p)
        for (size_t i = 0; i < 48; ++i)
          REQUIRE(numerics::toF32(DType::F32, memory.region.data() + 524288 + (p * 48 + i) * 4) == expected[p][i]);
    }
}

TEST_CASE("a large load in parts is the load in one", "[execute]") {
  PlainMemory memory;
  DmaLoad in;
  in.dst = sbuf(DType::F32, 128, 0, 1024), in.src = matrix(0, DType::F32, 128, 1024);
  std::vector<float> values = normal(128 * 1024, 11);
  std::memcpy(memory.region.data(), values.data(), values.size() * 4);
  REQUIRE(sim::execute(in, memory));
  for (int p = 0; p < 128; ++p)
    REQUIRE(std::memcmp(memory.row(in.dst, p)[0], values.data() + p * 1024, 4096) == 0);
}

TEST_CASE("dma gather and scatter by an index tile", "[execute]") {
  PlainMemory memory;
  TileOperand index = sbuf(DType::I32, 32, 0, 1), rows = sbuf(DType::F32, 32, 64, 5);
  for (int p = 0; p < 32; ++p) {
    int32_t value = (p * 7) % 10;
    std::memcpy(memory.row(index, p)[0], &value, 4);
  }
  std::vector<float> table = normal(50, 12);
  std::memcpy(memory.region.data(), table.data(), 200);
  DmaGather gather;
  gather.dst = rows, gather.index = index, gather.rows = 10;
  gather.table.dims[0] = {20, 1}, gather.table.dims[4] = {4, 5};
  REQUIRE(sim::execute(gather, memory));
  for (int p = 0; p < 32; ++p)
    REQUIRE(std::memcmp(memory.row(rows, p)[0], table.data() + (p * 7) % 10 * 5, 20) == 0);
  DmaScatter scatter;
  scatter.dst = gather.table, scatter.index = index, scatter.src = rows, scatter.rows = 10, scatter.add = true;
  std::vector<float> sums = table;
  for (int p = 0; p < 32; ++p)
    for (int i = 0; i < 5; ++i)
      sums[size_t((p * 7) % 10 * 5 + i)] += table[size_t((p * 7) % 10 * 5 + i)];
  REQUIRE(sim::execute(scatter, memory));
  CHECK(std::memcmp(memory.region.data(), sums.data(), 200) == 0);
  gather.rows = 9;
  Status status = sim::execute(gather, memory);
  REQUIRE_FALSE(status);
  CHECK(status.error().items()[0].code == "MN-RUN-INDEX");
}

TEST_CASE("iota, affine_select and integers", "[execute]") {
  PlainMemory memory;
  Iota iota;
  iota.dst = patterns(DType::I32, 0)[1];
  iota.base = 5, iota.partitionStep = -2, iota.steps = {0, 0, 100, 3};
  REQUIRE(sim::execute(iota, memory));
  AffineSelect mask;
  mask.src = iota.dst, mask.dst = patterns(DType::I32, 2048)[0];
  mask.base = 0, mask.partitionStep = 1, mask.steps = {0, 0, 0, -12}, mask.compare = Compare::Ge, mask.fill = -1;
  mask.dst.dims[2] = {8, 6}, mask.dst.dims[3] = {1, 8};
  REQUIRE(sim::execute(mask, memory));
  IntTensorScalar shift;
  shift.src = mask.dst, shift.dst = sbuf(DType::I32, 96, 3072, 48), shift.op = IntOp::Mul, shift.value = 3;
  REQUIRE(sim::execute(shift, memory));
  for (int p = 0; p < 96; ++p)
    for (int i = 0; i < 48; ++i) {
      int32_t value, wanted = p - 12 * (i % 8) >= 0 ? 5 - 2 * p + 100 * (i / 8) + 3 * (i % 8) : -1;
      std::memcpy(&value, memory.row(shift.dst, p)[size_t(i)], 4);
      REQUIRE(value == wanted * 3);
    }
}

TEST_CASE("the eight largest, where they are, and their replacement", "[execute]") {
  PlainMemory memory;
  TileOperand src = sbuf(DType::F32, 32, 0, 20);
  memory.fill(src, 13);
  float special[] = {0.0f, -0.0f, std::nanf(""), 3.0f, 3.0f};
  for (int p = 0; p < 32; ++p)
    for (size_t i = 0; i < 5; ++i)
      std::memcpy(memory.row(src, p)[i + 4], &special[i], 4);
  Max8 largest;
  largest.src = src, largest.dst = sbuf(DType::F32, 32, 256, 8);
  REQUIRE(sim::execute(largest, memory));
  FindIndex8 find;
  find.src = src, find.values = largest.dst, find.dst = sbuf(DType::I32, 32, 512, 8);
  REQUIRE(sim::execute(find, memory));
  MatchReplace8 replace;
  replace.src = src, replace.values = largest.dst, replace.dst = sbuf(DType::F32, 32, 1024, 20), replace.value = -9;
  REQUIRE(sim::execute(replace, memory));
  for (int p = 0; p < 32; ++p) {
    std::vector<float> row = memory.values(src, p), top = memory.values(largest.dst, p), rest = memory.values(replace.dst, p);
    CHECK(std::isnan(top[0]));
    CHECK(std::is_sorted(top.begin() + 1, top.end(), std::greater<float>()));
    std::vector<bool> taken(20);
    for (int k = 0; k < 8; ++k) {
      int32_t at;
      std::memcpy(&at, memory.row(find.dst, p)[size_t(k)], 4);
      REQUIRE((at >= 0 && at < 20));
      CHECK_FALSE(taken[size_t(at)]);
      taken[size_t(at)] = true;
      CHECK((k == 0 ? at == 6 : row[size_t(at)] == top[size_t(k)]));
      CHECK(rest[size_t(at)] == -9);
    }
  }
}

TEST_CASE("matmul with operands and results that are not contiguous", "[execute]") {
  PlainMemory memory;
  Matmul in;
  in.stationary = sbuf(DType::F32, 96, 0, 8), in.moving = sbuf(DType::F32, 96, 512, 12), in.acc = psum(8, 0, 12);
  in.stationary.dims[3].stride = 3, in.moving.dims[2] = {1, 3}, in.moving.dims[3] = {5, 4}, in.acc.dims[3].stride = 2;
  memory.fill(in.stationary, 14), memory.fill(in.moving, 15), memory.fill(in.acc, 16);
  in.accumulate = true;
  Rows2 a = rowsOf(memory, in.stationary), b = rowsOf(memory, in.moving), expected = rowsOf(memory, in.acc);
  for (size_t m = 0; m < 8; ++m)
    for (size_t n = 0; n < 12; ++n)
      for (size_t k = 0; k < 96; ++k)
        expected[m][n] = std::fmaf(a[k][m], b[k][n], expected[m][n]);
  REQUIRE(sim::execute(in, memory));
  checkRows(memory, in.acc, expected);
}

TEST_CASE("N59: integer operands accumulate the same whole numbers in int32 as in fp32", "[execute]") {
  PlainMemory memory;
  Matmul in;
  in.stationary = sbuf(DType::I8, 96, 0, 8), in.moving = sbuf(DType::I8, 96, 512, 12), in.accumulate = true;
  std::mt19937 random(3);
  for (const TileOperand &operand : {in.stationary, in.moving})
    for (int p = 0; p < 96; ++p)
      for (std::byte *address : memory.row(operand, p))
        *address = static_cast<std::byte>(random());
  TileOperand wide = psum(8, 0, 12), whole = psum(8, 256, 12);
  whole.type = DType::I32;
  for (int p = 0; p < 8; ++p)
    for (int i = 0; i < 12; ++i) {
      float start = static_cast<float>(100 * p - i);
      numerics::fromF32(DType::F32, start, memory.row(wide, p)[size_t(i)]);
      numerics::fromF32(DType::I32, start, memory.row(whole, p)[size_t(i)]);
    }
  in.acc = wide;
  REQUIRE(sim::execute(in, memory));
  in.acc = whole;
  REQUIRE(sim::execute(in, memory));
  CHECK(rowsOf(memory, wide) == rowsOf(memory, whole));
  CHECK(memory.values(whole, 3)[4] != 296.0f);
}
