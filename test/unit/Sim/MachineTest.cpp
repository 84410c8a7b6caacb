// The machine: values of a hand-written matmul, its time and energy, and every check of the hardware page.
#include "lib/Chip/Timing.h"
#include "lib/Numerics/Matmul.h"
#include "test/unit/Sim/Programs.h"

using namespace manaslu;
using namespace manaslu::test;

namespace {

constexpr int K = 128, M = 96, N = 512;

/// out = a^T b by one matmul: two loads, one matmul, a copy out of PSUM, a store.
Program matmulProgram() {
  Builder builder;
  uint16_t a = builder.region("a", RegionKind::Input, DType::F32, {K, M}), b = builder.region("b", RegionKind::Input, DType::F32, {K, N});
  uint16_t out = builder.region("out", RegionKind::Output, DType::F32, {M, N});
  TileOperand stationary = sbuf(DType::F32, K, 0, M), moving = sbuf(DType::F32, K, 1024, N), acc = psum(M, 2048, N), result = sbuf(DType::F32, M, 8192, N);
  DmaLoad loadA, loadB;
  loadA.dst = stationary, loadA.src = matrix(a, DType::F32, K, M);
  loadB.dst = moving, loadB.src = matrix(b, DType::F32, K, N);
  builder.add(dmaStream(0), signalling(loadA, 0)).add(dmaStream(1), signalling(loadB, 0));
  Matmul matmul;
  matmul.acc = acc, matmul.stationary = stationary, matmul.moving = moving;
  builder.add(StreamId::Pe, signalling(waiting(matmul, 0, 2), 1));
  Copy copy;
  copy.dst = result, copy.src = acc;
  builder.add(StreamId::Ve, signalling(waiting(copy, 1, 1), 2));
  DmaStore store;
  store.dst = matrix(out, DType::F32, M, N), store.src = result;
  builder.add(dmaStream(2), waiting(store, 2, 1));
  return builder.done();
}

} // namespace

TEST_CASE("a hand-written matmul gives the oracle's bits at every thread count", "[sim]") {
  Program program = matmulProgram();
  auto machine = sim::Machine::create(program);
  REQUIRE(machine);
  std::vector<float> a = normal(K * M, 1), b = normal(K * N, 2), expected(M * N);
  numerics::matmulOracle(DType::F32, reinterpret_cast<const std::byte *>(a.data()), M * 4, DType::F32, reinterpret_cast<const std::byte *>(b.data()), N * 4,
                         expected.data(), N * 4, K, M, N, false);
  for (int threads : {1, 2, 3}) {
    Run once = run(*machine, {a, b}, M * N, {.threads = threads});
    REQUIRE(once.result);
    CHECK(std::memcmp(once.output.data(), expected.data(), expected.size() * 4) == 0);
  }
  Run untimed = run(*machine, {a, b}, M * N, {.clock = false});
  REQUIRE(untimed.result);
  CHECK(untimed.result->timePs == 0);
  CHECK(untimed.output == run(*machine, {a, b}, M * N).output);
}

TEST_CASE("a chip that has been parsed already serves as the program's", "[sim]") {
  Program program = matmulProgram();
  auto chip = parseChip(program.chipJson, "the program's chip");
  REQUIRE(chip);
  auto parsing = sim::Machine::create(program), parsed = sim::Machine::create(program, *chip);
  REQUIRE(parsing);
  REQUIRE(parsed);
  std::vector<float> a = normal(K * M, 1), b = normal(K * N, 2);
  Run expected = run(*parsing, {a, b}, M * N), seen = run(*parsed, {a, b}, M * N);
  REQUIRE(seen.result);
  CHECK(seen.output == expected.output);
  CHECK(seen.result->timePs == expected.result->timePs);

  chip->pe.rows = 1;
  auto refused = sim::Machine::create(program, *chip);
  REQUIRE(!refused);
  CHECK(refused.error().items().front().code == "MN-CHIP-ENGINE");
}

TEST_CASE("without values, time, energy and order are the same and nothing is computed", "[sim]") {
  Program program = matmulProgram();
  auto machine = sim::Machine::create(program);
  REQUIRE(machine);
  Run full = run(*machine, {normal(K * M, 1), normal(K * N, 2)}, M * N);
  auto timed = machine->run({}, {}, {.values = false});
  REQUIRE(full.result);
  REQUIRE(timed);
  CHECK(timed->timePs == full.result->timePs);
  CHECK(timed->busyPs == full.result->busyPs);
  CHECK(timed->energy.total() == full.result->energy.total());
  CHECK(timed->instructions == full.result->instructions);
  CHECK(timed->deviceReadBytes == full.result->deviceReadBytes);

  // What is not ordered is still found: the copy no longer waits for the matmul.
  std::get<Copy>(program.streams[StreamId::Ve][0]).sync.waitSem = kNoSemaphore;
  auto unordered = sim::Machine::create(program);
  REQUIRE(unordered);
  CHECK_FALSE(unordered->run({}, {}, {.values = false}));

  Builder builder;
  RegLoad load;
  load.dst = 1, load.source = sbuf(DType::I32, 1, 0, 1);
  Program dependent = builder.add(StreamId::Ve, load).done();
  CHECK(codeOf(dependent, {.values = false}) == "MN-RUN-VALUES");
}

TEST_CASE("a matmul has the operands that it had in program order, however late it is computed (decision 0012)", "[sim]") {
  Builder builder;
  uint16_t out = builder.region("out", RegionKind::Output, DType::F32, {2 * M, N});
  TileOperand stationary = sbuf(DType::F32, K, 0, M), moving = sbuf(DType::F32, K, 1024, N), acc = psum(M, 2048, N);
  auto fill = [&](const TileOperand &tile, float value, int after, uint32_t count) {
    Memset memset;
    memset.dst = tile, memset.value = value;
    builder.add(StreamId::Ve, signalling(after < 0 ? memset : waiting(memset, after, count), 0));
  };
  auto multiply = [&](bool accumulate, uint32_t count) {
    Matmul matmul;
    matmul.acc = acc, matmul.stationary = stationary, matmul.moving = moving, matmul.accumulate = accumulate;
    builder.add(StreamId::Pe, signalling(waiting(matmul, 0, count), 1));
  };
  auto store = [&](uint32_t offset, uint64_t row) {
    Copy copy;
    copy.dst = sbuf(DType::F32, M, offset, N), copy.src = acc;
    builder.add(StreamId::Ve, signalling(copy, 0));
    DmaStore store;
    store.dst = matrix(out, DType::F32, M, N, row * N * 4), store.src = copy.dst;
    return store;
  };
  fill(stationary, 1, -1, 0);
  fill(moving, 2, -1, 0);
  multiply(false, 2);
  fill(stationary, 3, 1, 1); // between the two that could be computed together
  multiply(true, 3);
  fill(moving, 5, 1, 2); // behind the second
  DmaStore first = store(8192, 0);
  builder.add(dmaStream(0), waiting(first, 0, 5));
  multiply(true, 5); // behind the copy of the sum
  Wait wait;
  builder.add(StreamId::Ve, waiting(wait, 1, 3));
  DmaStore second = store(16384, M);
  builder.add(dmaStream(1), waiting(second, 0, 6));
  auto machine = sim::Machine::create(builder.done());
  REQUIRE(machine);
  for (int threads : {1, 2}) {
    Run once = run(*machine, {}, 2 * M * N, {.threads = threads});
    REQUIRE(once.result);
    CHECK(once.output == [] {
      std::vector<float> expected(M * N, K * (1 * 2 + 3 * 2));
      expected.resize(2 * M * N, K * (1 * 2 + 3 * 2 + 3 * 5));
      return expected;
    }());
  }
}

TEST_CASE("the matmul takes the time that the table gives", "[sim]") {
  Program program = matmulProgram();
  auto machine = sim::Machine::create(program);
  REQUIRE(machine);
  Run once = run(*machine, {normal(K * M, 1), normal(K * N, 2)}, M * N);
  REQUIRE(once.result);
  Chip chip = machine->chip();
  // Loads: ring 0 first (ties by ring), 8 partitions a mover, rows of 384 and 2048 bytes; then pe, ve and the store follow each other.
  int64_t load = chip.dmaLatencyNs * 1000 + 8 * rowPicoseconds(chip, 384) + 8 * rowPicoseconds(chip, 2048);
  int64_t pe = picoseconds(64, 2800) + picoseconds(128, 2800) + picoseconds(512 * 4, 2800) + picoseconds(64, 2800);
  int64_t ve = picoseconds(64, 1120) + picoseconds(512, 1120) + picoseconds(100, 1120);
  int64_t store = picoseconds(64, 1400) + chip.dmaLatencyNs * 1000 + 6 * rowPicoseconds(chip, 2048);
  CHECK(once.result->timePs == load + pe + ve + store);
  CHECK(once.result->busyPs[static_cast<int>(Engine::Pe)] == picoseconds(2048, 2800));
  CHECK(once.result->busyPs[static_cast<int>(Engine::Dma)] == 8 * rowPicoseconds(chip, 384) + 8 * rowPicoseconds(chip, 2048) + 6 * rowPicoseconds(chip, 2048));
  CHECK(once.result->deviceReadBytes == (K * M + K * N) * 4);
  CHECK(once.result->deviceWriteBytes == M * N * 4);
  CHECK(once.result->counts.macs == 4.0 * K * M * N);
  CHECK(once.result->psumPeakBanks == 2);
  CHECK(once.result->sbufPeakBytesPerPartition == 8192 + 2048);
  CHECK(once.result->energy.staticPower == Approx(20.0 * double(once.result->timePs)));
}

TEST_CASE("dependent activations start 189 ns after each other", "[sim]") {
  Builder builder;
  Memset memset;
  memset.dst = sbuf(DType::F32, 128, 0, 1);
  builder.add(StreamId::Ve, signalling(memset, 0));
  Activate activate;
  activate.dst = activate.src = memset.dst;
  activate.scaleImm = 1;
  builder.add(StreamId::Se, waiting(activate, 0, 1));
  for (int i = 0; i < 9; ++i)
    builder.add(StreamId::Se, activate);
  Program program = builder.done();
  auto machine = sim::Machine::create(program);
  REQUIRE(machine);
  Recorder recorder;
  Run once = run(*machine, {}, 0, {.trace = &recorder});
  REQUIRE(once.result);
  std::vector<int64_t> starts = recorder.startsOf(StreamId::Se);
  REQUIRE(starts.size() == 10);
  for (size_t i = 1; i < starts.size(); ++i)
    CHECK(double(starts[i] - starts[i - 1]) / 1000 == Approx(189).margin(0.5));
}

TEST_CASE("accumulation into one PSUM tile does not wait for itself, and loading hides behind the previous matmul", "[sim]") {
  Builder builder;
  Memset memset;
  memset.dst = sbuf(DType::BF16, 128, 0, 512);
  builder.add(StreamId::Ve, signalling(memset, 0));
  Matmul matmul;
  matmul.acc = psum(128, 0, 512), matmul.moving = memset.dst, matmul.stationary = sbuf(DType::BF16, 128, 0, 128);
  builder.add(StreamId::Pe, waiting(matmul, 0, 1));
  matmul.accumulate = true;
  for (int i = 0; i < 7; ++i)
    builder.add(StreamId::Pe, matmul);
  Program program = builder.done();
  auto machine = sim::Machine::create(program);
  REQUIRE(machine);
  Recorder recorder;
  auto result = machine->run({}, {}, {.trace = &recorder});
  REQUIRE(result);
  std::vector<int64_t> starts = recorder.startsOf(StreamId::Pe);
  for (size_t i = 1; i < starts.size(); ++i)
    CHECK(starts[i] - starts[i - 1] == picoseconds(512, 2800));
}

TEST_CASE("mt2's matrix engine runs at half rate until it has been busy 3 us", "[sim]") {
  Builder builder("mt2");
  Memset memset;
  memset.dst = sbuf(DType::BF16, 128, 0, 512);
  builder.add(StreamId::Ve, signalling(memset, 0));
  Matmul matmul;
  matmul.acc = psum(128, 0, 512), matmul.moving = memset.dst, matmul.stationary = sbuf(DType::BF16, 128, 0, 128);
  builder.add(StreamId::Pe, waiting(matmul, 0, 1));
  matmul.accumulate = true;
  for (int i = 0; i < 19; ++i)
    builder.add(StreamId::Pe, matmul);
  Program program = builder.done();
  auto machine = sim::Machine::create(program);
  REQUIRE(machine);
  auto result = machine->run({}, {});
  REQUIRE(result);
  // 512 cycles are 213.3 ns, at half rate 426.7: the eighth instruction passes 3 us.
  CHECK(result->busyPs[static_cast<int>(Engine::Pe)] == (8 * 2 + 12) * picoseconds(512, 2400));
}

TEST_CASE("mt1: ve and ge exclude each other on SBUF", "[sim]") {
  auto busy = [](const char *chip) {
    Builder builder(chip);
    Memset memset;
    memset.dst = sbuf(DType::F32, 128, 0, 4096);
    Iota iota;
    iota.dst = sbuf(DType::I32, 128, 32768, 4096);
    builder.add(StreamId::Ve, memset).add(StreamId::Ge, iota);
    Program program = builder.done();
    auto machine = sim::Machine::create(program);
    REQUIRE(machine);
    auto result = machine->run({}, {});
    REQUIRE(result);
    const auto &times = result->busyPs;
    return std::pair(result->timePs, times[static_cast<int>(Engine::Ve)] + times[static_cast<int>(Engine::Ge)]);
  };
  CHECK(busy("mt1").first > busy("mt1").second);
  CHECK(busy("mt2").first < busy("mt2").second);
}

TEST_CASE("reduce: only sums and maxima of bf16 take half a cycle an element", "[sim]") {
  auto busy = [](AluOp op, DType type) {
    Builder builder;
    Memset memset;
    memset.dst = sbuf(type, 128, 0, 512);
    Reduce reduce;
    reduce.src = memset.dst, reduce.dst = sbuf(DType::F32, 128, 4096, 1), reduce.op = op, reduce.axes = 1;
    Program program = builder.add(StreamId::Ve, memset).add(StreamId::Ve, reduce).done();
    auto machine = sim::Machine::create(program);
    REQUIRE(machine);
    Recorder recorder;
    REQUIRE(machine->run({}, {}, {.trace = &recorder}));
    return recorder.events[1].endPs - recorder.events[1].startPs;
  };
  for (AluOp op : {AluOp::Add, AluOp::Max})
    CHECK(busy(op, DType::BF16) == picoseconds(256, 1120));
  for (AluOp op : {AluOp::Min, AluOp::Mul})
    CHECK(busy(op, DType::BF16) == picoseconds(512, 1120));
  CHECK(busy(AluOp::Add, DType::F32) == picoseconds(512, 1120));
}
