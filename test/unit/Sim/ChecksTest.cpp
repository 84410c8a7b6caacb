// Wrong programs end with their code, never with wrong values (hardware page: order, bounds; reliability page rows 10 to 16).
#include "test/unit/Sim/Programs.h"

using namespace manaslu;
using namespace manaslu::test;

namespace {

Memset memsetOf(TileOperand dst) {
  Memset memset;
  memset.dst = dst;
  return memset;
}
Copy copyOf(TileOperand dst, TileOperand src) {
  Copy copy;
  copy.dst = dst, copy.src = src;
  return copy;
}
Activate activateOf(TileOperand dst, TileOperand src) {
  Activate activate;
  activate.dst = dst, activate.src = src;
  return activate;
}
const TileOperand kA = sbuf(DType::F32, 128, 0, 64), kB = sbuf(DType::F32, 128, 1024, 64);

} // namespace

TEST_CASE("a read of bytes that nobody wrote is MN-RUN-UNINIT (row 12)", "[sim]") {
  CHECK(codeOf(Builder().add(StreamId::Ve, copyOf(kB, kA)).done()) == "MN-RUN-UNINIT");
  // One byte short: 63 of 64 elements written; bf16 halves of a granule.
  CHECK(codeOf(Builder().add(StreamId::Ve, memsetOf(sbuf(DType::F32, 128, 0, 63))).add(StreamId::Ve, copyOf(kB, kA)).done()) == "MN-RUN-UNINIT");
  CHECK(codeOf(Builder().add(StreamId::Ve, memsetOf(sbuf(DType::BF16, 128, 2, 127))).add(StreamId::Ve, copyOf(kB, sbuf(DType::BF16, 128, 2, 64))).done()) ==
        "");
  CHECK(codeOf(Builder().add(StreamId::Ve, memsetOf(sbuf(DType::BF16, 128, 2, 127))).add(StreamId::Ve, copyOf(kB, kA)).done()) == "MN-RUN-UNINIT");
  TileOperand even = sbuf(DType::BF16, 128, 0, 64), odd = sbuf(DType::BF16, 128, 2, 64);
  even.dims[3].stride = odd.dims[3].stride = 2;
  CHECK(codeOf(Builder().add(StreamId::Ve, memsetOf(even)).add(StreamId::Ve, memsetOf(odd)).add(StreamId::Ve, copyOf(kB, kA)).done()) == "");
  CHECK(codeOf(Builder().add(StreamId::Ve, memsetOf(even)).add(StreamId::Ve, copyOf(kB, kA)).done()) == "MN-RUN-UNINIT");
}

TEST_CASE("an output that the program does not write whole is MN-RUN-UNINIT (row 12)", "[sim]") {
  Builder builder;
  uint16_t out = builder.region("out", RegionKind::Output, DType::F32, {128, 64});
  DmaStore store;
  store.src = sbuf(DType::F32, 128, 0, 63), store.dst = matrix(out, DType::F32, 128, 64);
  store.dst.dims[4].size = 63;
  builder.add(StreamId::Ve, signalling(memsetOf(kA), 0)).add(dmaStream(0), waiting(store, 0, 1));
  Program program = builder.done();
  auto machine = sim::Machine::create(program);
  REQUIRE(machine);
  CHECK(run(*machine, {}, 128 * 64).result.error().items()[0].code == "MN-RUN-UNINIT");
}

TEST_CASE("inputs and outputs of other sizes are MN-RUN-INPUT (row 19)", "[sim]") {
  Builder builder;
  builder.region("out", RegionKind::Output, DType::F32, {128, 64});
  builder.add(StreamId::Ve, memsetOf(kA));
  Program program = builder.done();
  auto machine = sim::Machine::create(program);
  REQUIRE(machine);
  CHECK(run(*machine, {}, 100).result.error().items()[0].code == "MN-RUN-INPUT");
  CHECK(run(*machine, {}, 0).result.error().items()[0].code == "MN-RUN-INPUT");
  CHECK(run(*machine, {{1, 2}}, 128 * 64).result.error().items()[0].code == "MN-RUN-INPUT");
}

TEST_CASE("unordered accesses of two engines are MN-RUN-RACE, ordered ones are not (row 13)", "[sim]") {
  Builder ordered;
  ordered.add(StreamId::Ve, signalling(memsetOf(kA), 0)).add(StreamId::Se, waiting(activateOf(kB, kA), 0, 1));
  CHECK(codeOf(ordered.done()) == "");
  // Write after read: ve overwrites what se reads.
  Builder overwritten;
  overwritten.add(StreamId::Ve, signalling(memsetOf(kA), 0)).add(StreamId::Se, waiting(activateOf(kB, kA), 0, 1)).add(StreamId::Ve, memsetOf(kA));
  CHECK(codeOf(overwritten.done()) == "MN-RUN-RACE");
  Builder waited;
  waited.add(StreamId::Ve, signalling(memsetOf(kA), 0))
      .add(StreamId::Se, signalling(waiting(activateOf(kB, kA), 0, 1), 1))
      .add(StreamId::Ve, waiting(memsetOf(kA), 1, 1));
  CHECK(codeOf(waited.done()) == "");
  // Two writes without any semaphore; interleaved patterns do not touch.
  CHECK(codeOf(Builder()
                   .add(StreamId::Ve, memsetOf(kA))
                   .add(StreamId::Ge,
                        [] {
                          Iota iota;
                          iota.dst = sbuf(DType::I32, 128, 0, 64);
                          return iota;
                        }())
                   .done()) == "MN-RUN-RACE");
  TileOperand even = sbuf(DType::F32, 128, 0, 32), odd = sbuf(DType::I32, 128, 4, 32);
  even.dims[3].stride = odd.dims[3].stride = 2;
  Iota iota;
  iota.dst = odd;
  CHECK(codeOf(Builder().add(StreamId::Ve, memsetOf(even)).add(StreamId::Ge, iota).done()) == "");
}

TEST_CASE("transfers of one ring are ordered only by semaphores (row 13)", "[sim]") {
  DmaFill fill;
  fill.dst = kA;
  CHECK(codeOf(Builder().add(dmaStream(0), fill).add(dmaStream(0), fill).done()) == "MN-RUN-RACE");
  CHECK(codeOf(Builder().add(dmaStream(0), signalling(fill, 3)).add(dmaStream(0), waiting(fill, 3, 1)).done()) == "");
  // Knowing the first of two transfers says nothing about the second.
  DmaFill other = fill;
  other.dst = kB;
  Builder builder;
  builder.add(dmaStream(0), signalling(fill, 0))
      .add(dmaStream(0), signalling(other, 1))
      .add(StreamId::Ve, waiting(copyOf(sbuf(DType::F32, 128, 4096, 64), kB), 0, 1));
  CHECK(codeOf(builder.done()) == "MN-RUN-RACE");
  // A signal behind both stands for both.
  Builder both;
  both.add(dmaStream(0), fill).add(dmaStream(0), other).add(dmaStream(0), signalling(Signal{}, 0));
  both.add(StreamId::Ve, waiting(copyOf(sbuf(DType::F32, 128, 4096, 64), kB), 0, 1));
  CHECK(codeOf(both.done()) == "");
  DmaMove move;
  move.src = sbuf(DType::F32, 128, 0, 32), move.dst = sbuf(DType::F32, 128, 64, 32);
  Builder self;
  self.add(dmaStream(0), signalling(fill, 0)).add(dmaStream(0), waiting(move, 0, 1));
  CHECK(codeOf(self.done()) == "MN-RUN-RACE");
}

TEST_CASE("a transitive chain of semaphores orders", "[sim]") {
  Builder builder;
  builder.add(StreamId::Ve, signalling(memsetOf(kA), 0)).add(StreamId::Se, signalling(waiting(Wait{}, 0, 1), 1)).add(dmaStream(4), [] {
    DmaMove move;
    move.src = kA, move.dst = kB;
    return waiting(move, 1, 1);
  }());
  CHECK(codeOf(builder.done()) == "");
}

TEST_CASE("waits that cannot be met are MN-RUN-DEADLOCK with the wait graph (row 15)", "[sim]") {
  Builder builder;
  builder.add(StreamId::Ve, signalling(waiting(memsetOf(kA), 0, 1), 1)).add(StreamId::Se, signalling(waiting(Wait{}, 1, 1), 0));
  Program program = builder.done();
  auto machine = sim::Machine::create(program);
  REQUIRE(machine);
  auto result = machine->run({}, {});
  REQUIRE_FALSE(result);
  CHECK(result.error().items()[0].code == "MN-RUN-DEADLOCK");
  std::string text = result.error().text();
  CHECK(text.find("ve instruction 0 (memset) waits for semaphore 0 >= 1, which is at 0; it is incremented by se") != std::string::npos);
  CHECK(text.find("se instruction 0 (wait) waits for semaphore 1 >= 1") != std::string::npos);
  CHECK(codeOf(Builder().add(StreamId::Ve, waiting(Wait{}, 9, 1)).done()) == "MN-RUN-DEADLOCK");
  CHECK(codeOf(Builder().add(StreamId::Ve, Barrier{}).add(StreamId::Se, Wait{}).done()) == "MN-RUN-DEADLOCK");
}

TEST_CASE("register-relative addresses are checked at run time (row 11)", "[sim]") {
  auto with = [](int32_t value) {
    RegSet set;
    set.dst = 5, set.value = value;
    Memset memset = memsetOf(kA);
    memset.dst.reg = 5;
    return codeOf(Builder().add(StreamId::Ve, set).add(StreamId::Ve, memset).done());
  };
  CHECK(with(180224 - 256) == "");
  CHECK(with(180224 - 252) == "MN-RUN-BOUNDS");
  CHECK(with(-4) == "MN-RUN-BOUNDS");
  CHECK(with(2) == "MN-RUN-BOUNDS");
  // Static addresses are refused before the run.
  CHECK(codeOf(Builder().add(StreamId::Ve, memsetOf(sbuf(DType::F32, 128, 180224 - 252, 64))).done()) == "MN-ISA-BOUNDS");
}

TEST_CASE("a program without end uses up its fuel (row 16)", "[sim]") {
  Loop loop;
  loop.count = 0xffffffff;
  Builder empty;
  for (int i = 0; i < 8; ++i)
    empty.add(StreamId::Ve, loop);
  for (int i = 0; i < 8; ++i)
    empty.add(StreamId::Ve, EndLoop{});
  CHECK(codeOf(empty.done(), {.fuel = 100000}) == "MN-RUN-FUEL");
  CHECK(codeOf(Builder().add(StreamId::Ve, loop).add(StreamId::Ve, memsetOf(kA)).add(StreamId::Ve, EndLoop{}).done(), {.fuel = 1000}) == "MN-RUN-FUEL");
}

TEST_CASE("loops, registers and rotating addresses", "[sim]") {
  // sum over i < 3 of 2^i by walking three slots: r1 is the slot, written by memsets of its own.
  Builder builder;
  uint16_t out = builder.region("out", RegionKind::Output, DType::F32, {128, 6});
  Loop loop;
  loop.count = 2;
  Loop inner;
  inner.count = 3;
  RegRotate rotate;
  rotate.dst = 1, rotate.step = 4, rotate.limit = 12;
  RegAdd next;
  next.dst = 2, next.src = 2, next.value = 4;
  Memset memset = memsetOf(sbuf(DType::F32, 128, 0, 1));
  memset.dst.reg = 1;
  memset.value = 1;
  Copy copy = copyOf(sbuf(DType::F32, 128, 64, 1), memset.dst);
  copy.dst.reg = 2;
  for (Instruction each : std::initializer_list<Instruction>{loop, inner, memset, copy, rotate, next, EndLoop{}, EndLoop{}})
    builder.add(StreamId::Ve, each);
  builder.add(StreamId::Ve, signalling(Signal{}, 0));
  DmaStore store;
  store.src = sbuf(DType::F32, 128, 64, 6), store.dst = matrix(out, DType::F32, 128, 6);
  builder.add(dmaStream(0), waiting(store, 0, 1));
  Program program = builder.done();
  auto machine = sim::Machine::create(program);
  REQUIRE(machine);
  Run once = run(*machine, {}, 128 * 6);
  REQUIRE(once.result);
  CHECK(once.output == std::vector<float>(128 * 6, 1.0f));
  CHECK(once.result->instructions == 1 + 2 * (1 + 3 * 5 + 1) + 2 + 2);
}

TEST_CASE("sem_clear is legal only between barriers (row 15)", "[sim]") {
  SemClear clear;
  clear.semaphore = 0;
  Builder good;
  good.add(StreamId::Ve, signalling(memsetOf(kA), 0))
      .add(StreamId::Ve, Barrier{})
      .add(StreamId::Ve, clear)
      .add(StreamId::Ve, Barrier{})
      .add(StreamId::Ve, signalling(memsetOf(kA), 0));
  good.add(StreamId::Se, Barrier{}).add(StreamId::Se, Barrier{}).add(StreamId::Se, waiting(activateOf(kB, kA), 0, 1));
  CHECK(codeOf(good.done()) == "");
  Builder bad;
  bad.add(StreamId::Ve, signalling(memsetOf(kA), 0)).add(StreamId::Ve, clear);
  CHECK(codeOf(bad.done()) == "MN-RUN-SEMAPHORE");
  Builder soon;
  soon.add(StreamId::Ve, Barrier{}).add(StreamId::Ve, clear).add(StreamId::Ve, signalling(memsetOf(kA), 0));
  CHECK(codeOf(soon.done()) == "MN-RUN-SEMAPHORE");
}

TEST_CASE("what a chip lacks is refused before the run (row 22)", "[sim]") {
  Iota iota;
  iota.dst = sbuf(DType::I32, 64, 0, 8);
  CHECK(codeOf(Builder("mi1").add(StreamId::Ge, iota).done()) == "MN-CHIP-ENGINE");
  CHECK(codeOf(Builder("mi1").add(dmaStream(15), Wait{}).done()) == "");
  Matmul matmul;
  matmul.acc = psum(64, 0, 64), matmul.stationary = matmul.moving = sbuf(DType::F32, 64, 0, 64);
  CHECK(codeOf(Builder("mi1").add(StreamId::Pe, matmul).done()) == "MN-CHIP-ENGINE");
  Builder large("mi1");
  large.region("huge", RegionKind::Scratch, DType::F32, {1 << 20, 1 << 12});
  CHECK(codeOf(large.add(StreamId::Ve, Wait{}).done()) == "MN-CHIP-MEMORY");
}

TEST_CASE("state is kept between runs and rolled back after an error", "[sim]") {
  Builder builder;
  uint16_t state = builder.region("state", RegionKind::State, DType::F32, {1, 4});
  DmaLoad load;
  load.dst = sbuf(DType::F32, 1, 0, 4), load.src = matrix(state, DType::F32, 1, 4);
  TensorScalar add;
  add.dst = add.src = load.dst;
  add.op0 = AluOp::Add, add.imm0 = 1, add.op1 = AluOp::Bypass;
  DmaStore store;
  store.src = load.dst, store.dst = load.src;
  builder.add(dmaStream(0), signalling(load, 0)).add(StreamId::Ve, signalling(waiting(add, 0, 1), 1)).add(dmaStream(0), waiting(store, 1, 1));
  Program program = builder.done();
  auto machine = sim::Machine::create(program);
  REQUIRE(machine);
  auto value = [&] {
    float first;
    std::memcpy(&first, machine->state(state).data(), 4);
    return first;
  };
  REQUIRE(machine->run({}, {}));
  REQUIRE(machine->run({}, {}));
  CHECK(value() == 2);
  CHECK_FALSE(machine->run({}, {}, {.fuel = 4}));
  CHECK(value() == 2);
  machine->resetState();
  CHECK(value() == 0);
}
