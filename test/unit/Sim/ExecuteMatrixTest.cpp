// The matrix engine against element-by-element references: operands and results of any form, bits of transposes (docs/Numerics.md).
#include "test/unit/Sim/PlainMemory.h"

using namespace manaslu;
using namespace manaslu::test;

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
