// Hostile programs in execution: rows of the table in docs/HostileInput.md that the machine must withstand, beyond those of ChecksTest.cpp.
#include "test/programs/RandomInstructions.h"
#include "test/unit/Sim/Programs.h"

#include "lib/ISA/Codec.h"

#include <bit>
#include <ctime>

using namespace manaslu;
using namespace manaslu::test;

namespace {

Memset memsetOf(TileOperand dst) {
  Memset memset;
  memset.dst = dst;
  return memset;
}

/// The code of a program with this one instruction.
std::string alone(StreamId stream, Instruction instruction) { return codeOf(Builder().add(stream, std::move(instruction)).done()); }

/// A program that loads `elements` floats from region x and stores them to y.
Program copying(int elements, std::vector<std::byte> constant = {}) {
  Builder builder;
  bool isConstant = !constant.empty();
  uint16_t x = builder.region("x", isConstant ? RegionKind::Constant : RegionKind::Input, DType::F32, {1, elements});
  uint16_t y = builder.region("y", RegionKind::Output, DType::F32, {1, elements});
  if (isConstant)
    builder.program.addConstant(x, std::move(constant));
  DmaLoad load;
  load.dst = sbuf(DType::F32, 1, 0, elements), load.src = matrix(x, DType::F32, 1, elements);
  DmaStore store;
  store.src = load.dst, store.dst = matrix(y, DType::F32, 1, elements);
  builder.add(dmaStream(0), signalling(load, 0)).add(dmaStream(0), waiting(store, 0, 1));
  return builder.done();
}

} // namespace

TEST_CASE("static addresses that leave their memory are refused whatever overflows (row 10)", "[sim][attack]") {
  TileOperand tile = sbuf(DType::F32, 128, 0, 64);
  auto with = [&](const std::function<void(TileOperand &)> &edit) {
    TileOperand edited = tile;
    edit(edited);
    return alone(StreamId::Ve, memsetOf(edited));
  };
  CHECK(with([](TileOperand &) {}) == "");
  CHECK(with([](TileOperand &t) { t.partition = 127; }) == "MN-ISA-BOUNDS"); // would wrap around
  CHECK(with([](TileOperand &t) { t.partitions = 129; }) == "MN-ISA-RANGE");
  CHECK(with([](TileOperand &t) { t.partitions = 0; }) == "MN-ISA-RANGE");
  CHECK(with([](TileOperand &t) { t.partitions = 33, t.partition = 32; }) == "MN-ISA-BOUNDS");
  CHECK(with([](TileOperand &t) { t.dims[3].stride = -1; }) == "MN-ISA-BOUNDS");
  CHECK(with([](TileOperand &t) { t.offset = (1u << 24) - 4; }) == "MN-ISA-BOUNDS");
  CHECK(with([](TileOperand &t) { t.dims = {{{32767, 65535}, {32767, 65535}, {32767, 65535}, {32767, 65535}}}; }) == "MN-ISA-BOUNDS");
  CHECK(with([](TileOperand &t) { t.dims = {{{-32768, 65535}, {32767, 65535}, {0, 65535}, {0, 65535}}}; }) == "MN-ISA-BOUNDS");
  // Work without end on one byte.
  CHECK(with([](TileOperand &t) { t.dims = {{{0, 65535}, {0, 65535}, {0, 65535}, {0, 65535}}}; }) == "MN-ISA-RULE");
  // A result of pe across two banks.
  Matmul matmul;
  matmul.stationary = matmul.moving = sbuf(DType::F32, 128, 0, 64), matmul.acc = psum(64, 2048 - 128, 64);
  CHECK(alone(StreamId::Pe, matmul) == "MN-ISA-BOUNDS");
  // Device memory: sums beyond 64 bits.
  auto device = [](const std::function<void(DeviceOperand &)> &edit) {
    Builder builder;
    uint16_t region = builder.region("r", RegionKind::State, DType::F32, {16, 16});
    DmaLoad load;
    load.dst = sbuf(DType::F32, 16, 0, 16), load.src = matrix(region, DType::F32, 16, 16);
    edit(load.src);
    return codeOf(builder.add(dmaStream(0), load).done());
  };
  CHECK(device([](DeviceOperand &) {}) == "");
  for (int64_t stride : {INT64_MAX, INT64_MIN, int64_t(1) << 60, int64_t(-4), int64_t(-1) << 59})
    for (size_t dim : {size_t(3), size_t(4)})
      CHECK(device([&](DeviceOperand &d) { d.dims[dim].stride = stride; }) == "MN-ISA-BOUNDS");
  CHECK(device([](DeviceOperand &d) { d.offset = INT64_MAX; }) == "MN-ISA-BOUNDS");
  CHECK(device([](DeviceOperand &d) { d.reg = 1, d.scale = INT32_MIN, d.dims[3].stride = INT64_MAX; }) == "MN-ISA-BOUNDS");
  CHECK(device([](DeviceOperand &d) { d.reg = 1, d.offset = INT64_MAX; }) == "MN-ISA-BOUNDS");
  CHECK(device([](DeviceOperand &d) { d.dims = {{{0, ~0u}, {0, ~0u}, {0, ~0u}, {0, ~0u}, {0, ~0u}}}; }) == "MN-ISA-RULE");
}

TEST_CASE("a store that a register moves out of its region stops cleanly and leaves the host's memory alone (row 11)", "[sim][attack]") {
  for (int32_t value : {64, 60, -4, 0x7ffffffc, INT32_MIN}) {
    Builder builder;
    uint16_t out = builder.region("out", RegionKind::Output, DType::I32, {16});
    RegSet set;
    set.dst = 5, set.value = value;
    RegStoreDevice store;
    store.target.region = out, store.target.type = DType::I32, store.target.reg = 5, store.target.scale = 1;
    Program program = builder.add(StreamId::Ve, set).add(StreamId::Ve, store).done();
    auto machine = sim::Machine::create(program);
    REQUIRE(machine);
    std::vector<std::byte> memory(3 * 64, std::byte(0x5a));
    std::span<std::byte> output(memory.data() + 64, 64);
    auto result = machine->run({}, std::span(&output, 1), {});
    REQUIRE_FALSE(result);
    CHECK(result.error().items()[0].code == (value == 60 ? "MN-RUN-UNINIT" : "MN-RUN-BOUNDS"));
    CHECK((value == 60 || result.error().items()[0].message.find("register 5") != std::string::npos));
    for (size_t i = 0; i < memory.size(); ++i)
      if (i < 64 || i >= 128)
        REQUIRE(memory[i] == std::byte(0x5a));
  }
}

TEST_CASE("nothing of one run can be read in the next (row 12)", "[sim][attack]") {
  // Reads what it writes later: the second run would find the first one's bytes.
  Builder builder;
  uint16_t scratch = builder.region("scratch", RegionKind::Scratch, DType::F32, {16, 16});
  uint16_t when = builder.region("when", RegionKind::Input, DType::I32, {1});
  RegLoadDevice count;
  count.dst = 1, count.source.region = when, count.source.type = DType::I32;
  Loop loop;
  loop.countReg = 1;
  Copy copy;
  copy.src = sbuf(DType::F32, 16, 0, 16), copy.dst = sbuf(DType::F32, 16, 256, 16);
  DmaFill fill;
  fill.dst = sbuf(DType::F32, 16, 1024, 16);
  DmaLoad load;
  load.src = matrix(scratch, DType::F32, 16, 16), load.dst = sbuf(DType::F32, 16, 2048, 16);
  DmaStore store;
  store.src = fill.dst, store.dst = load.src;
  for (const Instruction &each : std::initializer_list<Instruction>{count, loop, copy, EndLoop{}, memsetOf(copy.src)})
    builder.add(StreamId::Ve, each);
  for (const Instruction &each : std::initializer_list<Instruction>{count, signalling(fill, 0), waiting(store, 0, 1), loop, load, EndLoop{}})
    builder.add(dmaStream(0), each);
  Program program = builder.done();
  auto machine = sim::Machine::create(program);
  REQUIRE(machine);
  auto code = [&](int32_t reads) {
    std::span<const std::byte> input = std::as_bytes(std::span(&reads, 1));
    auto result = machine->run(std::span(&input, 1), {}, {});
    return result ? "" : result.error().items()[0].code;
  };
  CHECK(code(0) == "");
  CHECK(code(1) == "MN-RUN-UNINIT");
  CHECK(code(0) == "");
  CHECK(code(1) == "MN-RUN-UNINIT");
}

TEST_CASE("inputs and constants cannot be written (row 14)", "[sim][attack]") {
  for (RegionKind kind : {RegionKind::Input, RegionKind::Constant}) {
    auto refused = [&](StreamId stream, auto instruction, auto field) {
      Builder builder;
      uint16_t region = builder.region("r", kind, DType::I32, {1, 1});
      if (kind == RegionKind::Constant)
        builder.program.addConstant(region, std::vector<std::byte>(4));
      instruction.*field = matrix(region, DType::I32, 1, 1);
      return codeOf(builder.add(stream, instruction).done());
    };
    DmaStore store;
    store.src.type = DType::I32;
    CHECK(refused(dmaStream(0), store, &DmaStore::dst) == "MN-ISA-BOUNDS");
    CHECK(refused(StreamId::Ve, RegStoreDevice(), &RegStoreDevice::target) == "MN-ISA-BOUNDS");
    DmaScatter scatter;
    scatter.src.type = scatter.index.type = DType::I32, scatter.rows = 1;
    CHECK(refused(dmaStream(0), scatter, &DmaScatter::dst) == "MN-ISA-BOUNDS");
  }
}

TEST_CASE("semaphores that the chip lacks are refused (row 15)", "[sim][attack]") {
  Chip chip = *findChip("mt1");
  chip.semaphores = 8;
  Builder builder;
  builder.program.chipJson = toJson(chip);
  CHECK(codeOf(Builder(builder).add(StreamId::Ve, signalling(Signal{}, 7)).done()) == "");
  CHECK(codeOf(Builder(builder).add(StreamId::Ve, signalling(Signal{}, 8)).done()) == "MN-CHIP-ENGINE");
  CHECK(codeOf(Builder(builder).add(StreamId::Ve, waiting(Wait{}, 255, 0)).done()) == "MN-CHIP-ENGINE");
}

TEST_CASE("a bomb of nested loops ends within its budget (row 16)", "[sim][attack]") {
  Loop loop;
  loop.count = 0xffffffff;
  Builder bomb;
  for (StreamId stream : {StreamId::Ve, StreamId::Se, StreamId::Pe}) {
    for (int i = 0; i < 8; ++i)
      bomb.add(stream, loop);
    bomb.add(stream, signalling(Signal{}, static_cast<int>(stream)));
    for (int i = 0; i < 8; ++i)
      bomb.add(stream, EndLoop{});
  }
  std::clock_t begun = std::clock();
  CHECK(codeOf(bomb.done(), {.fuel = 100000}) == "MN-RUN-FUEL");
  CHECK(static_cast<double>(std::clock() - begun) / CLOCKS_PER_SEC < 0.1 + 1);
}

TEST_CASE("a program cannot name its own instructions: it may write all memory and stays what it was (row 17)", "[sim][attack]") {
  Builder builder;
  uint16_t state = builder.region("state", RegionKind::State, DType::U8, {1, 4096});
  TileOperand all = sbuf(DType::U8, 128, 0, 45056);
  all.dims[2] = {static_cast<int16_t>(22528), 8}, all.dims[3].size = 22528;
  DmaFill fill;
  fill.dst = all, fill.value = 255;
  DmaStore store;
  store.dst = matrix(state, DType::U8, 1, 4096), store.src = sbuf(DType::U8, 1, 0, 4096);
  TileOperand banks = tile(Space::Psum, DType::U8, 128, 0, 16384);
  builder.add(dmaStream(0), signalling(fill, 0)).add(dmaStream(0), waiting(store, 0, 1)).add(StreamId::Ve, memsetOf(banks));
  Program program = builder.done();
  std::vector<uint64_t> before, after;
  for (const auto &[id, code] : program.streams)
    for (const Instruction &each : code)
      encode(each, before);
  CHECK(codeOf(program) == "");
  for (const auto &[id, code] : program.streams)
    for (const Instruction &each : code)
      encode(each, after);
  CHECK(before == after);
}

TEST_CASE("outputs that share memory with an input or another output are refused, odd addresses are not (row 19)", "[sim][attack]") {
  Program program = copying(16);
  auto machine = sim::Machine::create(program);
  REQUIRE(machine);
  std::vector<std::byte> memory(256);
  for (size_t i = 0; i < memory.size(); ++i)
    memory[i] = std::byte(i);
  auto code = [&](size_t input, size_t output) {
    std::span<const std::byte> in(memory.data() + input, 64);
    std::span<std::byte> out(memory.data() + output, 64);
    auto result = machine->run(std::span(&in, 1), std::span(&out, 1), {});
    return result ? "" : result.error().items()[0].code;
  };
  CHECK(code(0, 0) == "MN-RUN-INPUT");
  CHECK(code(0, 63) == "MN-RUN-INPUT");
  CHECK(code(63, 0) == "MN-RUN-INPUT");
  CHECK(code(0, 64) == "");
  CHECK(code(1, 131) == "");
  CHECK(std::memcmp(memory.data() + 1, memory.data() + 131, 64) == 0);
  std::span<const std::byte> nothing;
  std::span<std::byte> output(memory.data(), 64);
  auto result = machine->run(std::span(&nothing, 1), std::span(&output, 1), {});
  CHECK(result.error().items()[0].code == "MN-RUN-INPUT");
  CHECK(machine->run({}, {}, {}).error().items()[0].code == "MN-RUN-INPUT");
}

TEST_CASE("NaN, infinities and subnormals among the constants keep their bits (row 20)", "[sim][attack]") {
  std::vector<uint32_t> words = {0x7f800001, 0xffbfffff, 0x7fc00000, 0x7f800000, 0xff800000, 1, 0x80000001, 0x80000000};
  std::vector<std::byte> bytes(words.size() * 4);
  std::memcpy(bytes.data(), words.data(), bytes.size());
  Program program = copying(static_cast<int>(words.size()), bytes);
  auto machine = sim::Machine::create(program);
  REQUIRE(machine);
  Run once = run(*machine, {}, words.size());
  REQUIRE(once.result);
  CHECK(std::memcmp(once.output.data(), words.data(), bytes.size()) == 0);
}

TEST_CASE("a chip that the program brings along is checked like one that a user names (row 22)", "[sim][attack]") {
  Builder builder;
  builder.add(StreamId::Ve, Wait{});
  Program program = builder.done();
  for (const char *chip : {"{}", "null", "\"mt1\"", "{\"schema\":1}", "[]"}) {
    program.chipJson = chip;
    CHECK(codeOf(program) == "MN-CHIP-001");
  }
  std::string json = toJson(*findChip("mt1")), lanes = "\"partitions\": 128";
  size_t at = json.find(lanes);
  REQUIRE(at != std::string::npos);
  program.chipJson = json.replace(at, lanes.size(), "\"partitions\": 1000000000");
  CHECK(codeOf(program) == "MN-CHIP-001");
}
