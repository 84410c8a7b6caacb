// Vector and scalar instructions against element-by-element references: types, strides, broadcasts, overlap, order of sums (docs/Numerics.md, docs/ISA.md).
#include "lib/Numerics/Reduce.h"
#include "lib/Numerics/Unary.h"
#include "test/unit/Sim/PlainMemory.h"

using namespace manaslu;
using namespace manaslu::test;

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

TEST_CASE("N30: windows of pooling give what each of them gives by itself", "[execute]") {
  for (DType type : {DType::F32, DType::BF16, DType::I8})
    for (int window : {2, 3, 5}) { // 4 to 25 elements; strides of 2, rows of 40 elements
      PlainMemory memory;
      TileOperand image = sbuf(type, 20, 0, 40 * 21), src = image;
      src.dims = {{{80, 8}, {2, 9}, {40, static_cast<uint16_t>(window)}, {1, static_cast<uint16_t>(window)}}};
      memory.fill(image, 11);
      Rows2 before = rowsOf(memory, src);
      int64_t each = window * window;
      for (AluOp op : {AluOp::Add, AluOp::Mul, AluOp::Max, AluOp::Min, AluOp::AbsMax, AluOp::LogicalAnd, AluOp::LogicalOr, AluOp::LogicalXor})
        for (bool negate : {false, true}) {
          Reduce in;
          in.src = src, in.dst = sbuf(DType::F32, 20, 3392, 72), in.op = op, in.axes = 2, in.negate = negate;
          INFO(nameOf(type) << " window " << window << " operation " << static_cast<int>(op) << (negate ? " negated" : ""));
          Rows2 expected(20);
          for (size_t p = 0; p < 20; ++p)
            for (int i = 0; i < 72; ++i) {
              float value = numerics::reduceOracle(static_cast<numerics::AluOperation>(op), before[p].data() + i * each, each);
              expected[p].push_back(negate ? numerics::canonical(-value) : value);
            }
          REQUIRE(sim::execute(in, memory));
          checkRows(memory, in.dst, expected);
        }
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
