// Transfers against element-by-element references (docs/ISA.md).
#include "test/unit/Sim/PlainMemory.h"

using namespace manaslu;
using namespace manaslu::test;

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
