// Whatever a program says, the machine ends with a result or a code: no crash, no access outside, no endless run (reliability page, fuzz target "interpreter").
// MANASLU_SEED repeats a failure, MANASLU_ROUNDS sets how many programs are tried.
#include "test/programs/Generator.h"
#include "test/programs/RandomInstructions.h"
#include "test/unit/Sim/Programs.h"

#include <set>

using namespace manaslu;
using namespace manaslu::test;

namespace {

/// A correct program with most instructions: everything reads a tile that is written first.
Program manyInstructions() {
  Builder builder;
  uint16_t scratch = builder.region("scratch", RegionKind::Scratch, DType::F32, {128, 64}),
           state = builder.region("state", RegionKind::State, DType::F32, {128, 64});
  TileOperand a = sbuf(DType::F32, 128, 0, 64), b = sbuf(DType::F32, 128, 256, 64), c = sbuf(DType::F32, 128, 512, 64), one = sbuf(DType::F32, 128, 768, 1);
  TileOperand acc = psum(64, 0, 64), integers = sbuf(DType::I32, 128, 1024, 64), index = sbuf(DType::I32, 128, 1280, 1);
  auto ve = [&](Instruction instruction) { builder.add(StreamId::Ve, instruction); };
  Memset memset;
  for (const TileOperand &tile : {a, b, one, integers}) {
    memset.dst = tile;
    ve(memset);
  }
  memset.dst = index;
  ve(memset);
  Loop loop;
  loop.count = 3;
  ve(loop);
  RegRotate rotate;
  rotate.dst = 3, rotate.step = 4, rotate.limit = 8;
  ve(rotate);
  TensorTensor tensorTensor;
  tensorTensor.a = a, tensorTensor.b = b, tensorTensor.dst = c;
  ve(tensorTensor);
  TensorScalar tensorScalar;
  tensorScalar.src = a, tensorScalar.dst = c, tensorScalar.kind0 = ScalarKind::Tile, tensorScalar.scalar0 = one, tensorScalar.op1 = AluOp::Bypass;
  ve(tensorScalar);
  Reduce reduce;
  reduce.src = a, reduce.dst = one;
  ve(reduce);
  Scan scan;
  scan.a = a, scan.b = b, scan.dst = c;
  ve(scan);
  Select select;
  select.mask = a, select.onTrue = b, select.onFalse = a, select.dst = c;
  ve(select);
  ve(EndLoop{});
  TransposeBlock transposeBlock;
  transposeBlock.src = a, transposeBlock.dst = c;
  ve(transposeBlock);
  Shuffle shuffle;
  shuffle.src = a, shuffle.dst = c;
  ve(shuffle);
  ve(signalling(Signal{}, 0));
  Matmul matmul;
  matmul.stationary = a, matmul.moving = b, matmul.acc = acc;
  builder.add(StreamId::Pe, waiting(matmul, 0, 1));
  Transpose transpose;
  transpose.src = a, transpose.dst = tile(Space::Psum, DType::F32, 64, 2048, 128);
  builder.add(StreamId::Pe, signalling(transpose, 1));
  Activate activate;
  activate.src = acc, activate.dst = sbuf(DType::F32, 64, 2048, 64), activate.func = ActFunc::Gelu, activate.reduce = true,
  activate.sum = sbuf(DType::F32, 64, 2304, 1);
  builder.add(StreamId::Se, signalling(waiting(activate, 1, 1), 2));
  Iota iota;
  iota.dst = sbuf(DType::I32, 128, 3072, 64);
  builder.add(StreamId::Ge, waiting(iota, 0, 1));
  Gather gather;
  gather.src = a, gather.index = integers, gather.dst = sbuf(DType::F32, 128, 3328, 64);
  builder.add(StreamId::Ge, gather);
  PartitionReduce across;
  across.src = a, across.dst = sbuf(DType::F32, 1, 3584, 64);
  builder.add(StreamId::Ge, across);
  DmaStore store;
  store.src = a, store.dst = matrix(scratch, DType::F32, 128, 64);
  builder.add(dmaStream(0), signalling(waiting(store, 0, 1), 3));
  DmaGather rows;
  rows.table.region = scratch, rows.table.dims[0] = {256, 1}, rows.table.dims[4] = {4, 64}, rows.rows = 128, rows.index = index,
  rows.dst = sbuf(DType::F32, 128, 4096, 64);
  builder.add(dmaStream(0), waiting(rows, 3, 1));
  DmaScatter scatter;
  scatter.dst = rows.table, scatter.dst.region = state, scatter.src = b, scatter.index = index, scatter.rows = 128, scatter.add = true;
  builder.add(dmaStream(1), waiting(scatter, 0, 1));
  return builder.done();
}

} // namespace

TEST_CASE("mutated programs end with a result or a code", "[sim][mutation]") {
  uint64_t seed = isa::test::testSeed();
  const char *rounds = std::getenv("MANASLU_ROUNDS");
  INFO("MANASLU_SEED=" << seed);
  std::mt19937_64 random(seed);
  Program original = manyInstructions();
  REQUIRE(codeOf(original) == "");
  std::set<std::string> codes;
  for (int i = 0; i < (rounds ? std::atoi(rounds) : 500); ++i) {
    Program program = original;
    mutate(program, random);
    codes.insert(codeOf(program, {.threads = 1 + i % 2, .clock = i % 3 != 0, .fuel = 100000}));
  }
  for (const std::string &code : codes)
    CHECK((code.empty() || findErrorCode(code)));
  CHECK(codes.size() > 3);
}
