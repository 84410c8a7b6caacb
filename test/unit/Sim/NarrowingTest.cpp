// Rounding and overflow stated on instructions, through whole programs: docs/Numerics.md N1, N14, N15, N18 and N63 to N65.
#include "lib/Numerics/Convert.h"
#include "lib/Numerics/Random.h"
#include "test/unit/Sim/Programs.h"

#include <algorithm>
#include <cmath>
#include <numeric>

using namespace manaslu;
using namespace manaslu::test;

namespace {

constexpr uint64_t kSeed = 0xfedcba9876543210u;
constexpr uint32_t kSite = 17;
constexpr int kRows = 128, kColumns = 96;

enum class Rounder { Ve, Se, Load, Store, Move };

/// How a [128, 96] tensor is cut, in which order the tiles go, who rounds, and whether a tile's partitions are the tensor's columns.
struct Cut {
  int rows, columns;
  Rounder rounder = Rounder::Ve;
  bool backwards = false, transposed = false;
};

Narrowing stochastic(uint64_t base, int32_t partition, int32_t innermost) {
  Narrowing narrowing;
  narrowing.rounding = Rounding::Stochastic;
  narrowing.seed = kSeed;
  narrowing.site = kSite;
  narrowing.base = base;
  narrowing.strides = {partition, 0, 0, 0, innermost};
  return narrowing;
}

/// The elements of one tile of the row-major tensor in `region`, the tile's partition outermost.
DeviceOperand part(uint16_t region, DType type, const Cut &cut, int row, int column) {
  DeviceOperand operand;
  int64_t bytes = sizeOf(type);
  operand.region = region;
  operand.type = type;
  operand.offset = static_cast<uint64_t>((row * kColumns + column) * bytes);
  operand.dims[3] = {kColumns * bytes, static_cast<uint32_t>(cut.rows)};
  operand.dims[4] = {bytes, static_cast<uint32_t>(cut.columns)};
  if (cut.transposed)
    std::swap(operand.dims[3], operand.dims[4]);
  return operand;
}

/// y = x rounded to `type`, tile by tile: a load, a rounding, a store each.
Program rounding(DType type, const Cut &cut) {
  Builder builder;
  uint16_t x = builder.region("x", RegionKind::Input, DType::F32, {kRows, kColumns}), y = builder.region("y", RegionKind::Output, type, {kRows, kColumns});
  std::vector<std::pair<int, int>> tiles;
  for (int row = 0; row < kRows; row += cut.rows)
    for (int column = 0; column < kColumns; column += cut.columns)
      tiles.push_back({row, column});
  if (cut.backwards)
    std::reverse(tiles.begin(), tiles.end());
  int partitions = cut.transposed ? cut.columns : cut.rows, elements = cut.transposed ? cut.rows : cut.columns;
  uint32_t offset = 0, all = static_cast<uint32_t>(tiles.size()); // transfers complete in any order: each step waits for all of the one before
  for (uint32_t i = 0; i < tiles.size(); ++i) {
    auto [row, column] = tiles[i];
    Narrowing narrow = stochastic(static_cast<uint64_t>(row * kColumns + column), cut.transposed ? 1 : kColumns, cut.transposed ? kColumns : 1);
    TileOperand wide = sbuf(cut.rounder == Rounder::Load ? type : DType::F32, partitions, offset, elements);
    offset += static_cast<uint32_t>(elements * 4);
    TileOperand rounded = sbuf(cut.rounder == Rounder::Store ? DType::F32 : type, partitions, offset, elements);
    offset += static_cast<uint32_t>(elements * 4);
    DmaLoad load;
    load.dst = wide, load.src = part(x, DType::F32, cut, row, column);
    if (cut.rounder == Rounder::Load)
      load.narrow = narrow;
    builder.add(dmaStream(0), signalling(load, 0));
    auto work = [&](StreamId stream, auto instruction) {
      instruction.dst = rounded, instruction.src = wide;
      if (cut.rounder != Rounder::Load && cut.rounder != Rounder::Store)
        instruction.narrow = narrow;
      builder.add(stream, signalling(waiting(instruction, 0, all), 1));
    };
    if (cut.rounder == Rounder::Se)
      work(StreamId::Se, Activate());
    else if (cut.rounder == Rounder::Move)
      work(dmaStream(1), DmaMove());
    else
      work(StreamId::Ve, Copy());
    DmaStore store;
    store.dst = part(y, type, cut, row, column), store.src = rounded;
    if (cut.rounder == Rounder::Store)
      store.narrow = narrow;
    builder.add(dmaStream(2), waiting(store, 1, all));
  }
  return builder.done();
}

/// The output's bytes.
std::vector<std::byte> bytesOf(const Program &program, const std::vector<float> &x, int threads = 1) {
  auto machine = sim::Machine::create(program);
  if (!machine)
    FAIL(machine.error().text());
  std::vector<std::byte> out;
  for (const Region &region : program.regions)
    if (region.kind == RegionKind::Output)
      out.resize(region.bytes);
  std::vector<std::span<const std::byte>> inputs;
  if (!x.empty())
    inputs.push_back(std::as_bytes(std::span(x)));
  std::array<std::span<std::byte>, 1> outputs = {std::span(out)};
  auto result = machine->run(inputs, outputs, {.threads = threads});
  if (!result)
    FAIL(result.error().text());
  return out;
}

} // namespace

TEST_CASE("N1 N63 N64: a tensor rounds to the same bits under every tiling, order, engine and thread count", "[sim][numerics]") {
  std::vector<float> x = normal(kRows * kColumns, 5);
  for (DType type : {DType::BF16, DType::F16, DType::F8E4M3, DType::F8E5M2, DType::F8E3M4}) {
    auto bytes = static_cast<size_t>(sizeOf(type));
    std::vector<std::byte> expected(x.size() * bytes);
    for (size_t i = 0; i < x.size(); ++i)
      numerics::fromF32Stochastic(type, x[i], numerics::randomWord({kSeed, kSite, 0}, i), expected.data() + i * bytes);
    std::vector<Cut> cuts = {
        {128, 96}, {32, 96}, {32, 24}, {64, 3}, {1, 96}, {128, 1}, {32, 48, Rounder::Ve, true}, {32, 32, Rounder::Se}, {64, 96, Rounder::Se, true}};
    for (Rounder rounder : {Rounder::Ve, Rounder::Se, Rounder::Load, Rounder::Store, Rounder::Move})
      cuts.insert(cuts.end(), {{64, 32, rounder}, {32, 32, rounder, false, true}, {128, 96, rounder, true, true}});
    for (const Cut &cut : cuts) {
      INFO(nameOf(type) << " tiles of " << cut.rows << " x " << cut.columns << ", engine " << int(cut.rounder) << (cut.backwards ? ", backwards" : "")
                        << (cut.transposed ? ", transposed" : ""));
      Program program = rounding(type, cut);
      for (int threads : {1, 2})
        CHECK(bytesOf(program, x, threads) == expected);
    }
  }
}

TEST_CASE("N63: registers move the first index with a loop and count the steps", "[sim][numerics]") {
  // Twice over 8 tiles of 16 rows, in loops: the second pass overwrites the first one's results and has step 1.
  Builder builder;
  uint16_t x = builder.region("x", RegionKind::Input, DType::F32, {kRows, kColumns}),
           y = builder.region("y", RegionKind::Output, DType::BF16, {kRows, kColumns});
  TileOperand wide = sbuf(DType::F32, 16, 0, kColumns), rounded = sbuf(DType::BF16, 16, 1024, kColumns);
  DmaLoad load;
  load.dst = wide, load.src = matrix(x, DType::F32, 16, kColumns);
  load.src.reg = 1, load.src.scale = 16 * kColumns * 4;
  Copy copy;
  copy.dst = rounded, copy.src = wide, copy.narrow = stochastic(0, kColumns, 1);
  copy.narrow.baseReg = 1, copy.narrow.baseScale = 16 * kColumns, copy.narrow.stepReg = 2;
  DmaStore store;
  store.dst = matrix(y, DType::BF16, 16, kColumns), store.src = rounded;
  store.dst.reg = 1, store.dst.scale = 16 * kColumns * 2;
  // One tile at a time: load waits for the store before it, copy for the load, store for the copy. R3 counts tiles.
  auto stream = [&](StreamId id, auto instruction, int waits, int signals, uint32_t first) {
    instruction = signalling(waiting(instruction, waits, first), signals);
    instruction.sync.waitReg = 3;
    builder.add(id, Loop{.count = 2}).add(id, RegSet{.dst = 1, .value = 0}).add(id, Loop{.count = 8}).add(id, instruction);
    builder.add(id, RegAdd{.dst = 1, .src = 1, .value = 1}).add(id, RegAdd{.dst = 3, .src = 3, .value = 1}).add(id, EndLoop{});
    builder.add(id, RegAdd{.dst = 2, .src = 2, .value = 1}).add(id, EndLoop{});
  };
  stream(dmaStream(0), load, 2, 0, 0);
  stream(StreamId::Ve, copy, 0, 1, 1);
  stream(dmaStream(1), store, 1, 2, 1);
  std::vector<float> values = normal(kRows * kColumns, 6);
  std::vector<std::byte> expected(values.size() * 2);
  for (size_t i = 0; i < values.size(); ++i)
    numerics::fromF32Stochastic(DType::BF16, values[i], numerics::randomWord({kSeed, kSite, 1}, i), expected.data() + 2 * i);
  CHECK(bytesOf(builder.done(), values) == expected);
}

TEST_CASE("N65: 2048 additions of 0.5 to 1024 in fp16 arrive at 2048 on average, to nearest even they never leave", "[sim][numerics]") {
  auto program = [](bool isStochastic) {
    Builder builder;
    uint16_t y = builder.region("y", RegionKind::Output, DType::F16, {128, 32});
    TileOperand sums = sbuf(DType::F16, 128, 0, 32);
    TensorScalar add;
    add.dst = sums, add.src = sums, add.op0 = AluOp::Add, add.imm0 = 0.5f;
    if (isStochastic)
      add.narrow = stochastic(0, 32, 1), add.narrow.stepReg = 1;
    StreamId ve = StreamId::Ve;
    builder.add(ve, Memset{.dst = sums, .value = 1024.0f}).add(ve, Loop{.count = 2048}).add(ve, add).add(ve, RegAdd{.dst = 1, .src = 1, .value = 1});
    builder.add(ve, EndLoop{}).add(ve, signalling(Signal{}, 0));
    DmaStore store;
    store.dst = matrix(y, DType::F16, 128, 32), store.src = sums;
    builder.add(dmaStream(0), waiting(store, 0, 1));
    return builder.done();
  };
  constexpr size_t n = 128 * 32;
  auto meanOf = [](const std::vector<std::byte> &bytes) {
    std::vector<float> values(n);
    numerics::widen(DType::F16, bytes.data(), 1, values.data(), n);
    return std::accumulate(values.begin(), values.end(), 0.0) / n;
  };
  std::vector<std::byte> result = bytesOf(program(true), {});
  // One element's sum has a standard deviation of 16 to 32 (2048 steps of variance 1/4, more once the ulp is 2), the mean's is below 0.5: 2 are four of them.
  CHECK(std::fabs(meanOf(result) - 2048.0) <= 2.0);
  CHECK(meanOf(bytesOf(program(false), {})) == 1024.0);
  // Exact for this seed: element by element by the oracle.
  std::vector<std::byte> expected(n * 2);
  for (uint64_t i = 0; i < n; ++i) {
    std::byte *element = expected.data() + 2 * i;
    numerics::fromF32(DType::F16, 1024.0f, element);
    for (uint32_t step = 0; step < 2048; ++step)
      numerics::fromF32Stochastic(DType::F16, numerics::toF32(DType::F16, element) + 0.5f, numerics::randomWord({kSeed, kSite, step}, i), element);
  }
  CHECK(result == expected);
}

TEST_CASE("N14 N15 N18: every narrowing instruction overflows as it says", "[sim][numerics]") {
  struct Codes {
    DType type;
    uint8_t saturated, propagated;
  };
  for (Codes codes : {Codes{DType::F8E4M3, 0x7e, 0x7f}, Codes{DType::F8E5M2, 0x7b, 0x7c}, Codes{DType::F8E3M4, 0x6f, 0x70}})
    for (Overflow overflow : {Overflow::Saturate, Overflow::Propagate}) {
      Builder builder;
      uint16_t y = builder.region("y", RegionKind::Output, codes.type, {1, 24});
      constexpr float big = 1e9f;
      uint32_t at = 512, count = 0;
      auto next = [&](int elements = 1) {
        count += static_cast<uint32_t>(elements);
        at += static_cast<uint32_t>(elements);
        return sbuf(codes.type, 1, at - static_cast<uint32_t>(elements), elements);
      };
      TileOperand wide = sbuf(DType::F32, 1, 0, 1), wide8 = sbuf(DType::F32, 1, 64, 8), mask = sbuf(DType::U8, 1, 128, 1);
      auto ve = [&](auto instruction) {
        instruction.narrow.overflow = overflow;
        builder.add(StreamId::Ve, instruction);
      };
      Memset fill;
      fill.value = big, fill.dst = wide;
      builder.add(StreamId::Ve, fill);
      fill.dst = wide8;
      builder.add(StreamId::Ve, fill);
      fill.dst = mask, fill.value = 1;
      builder.add(StreamId::Ve, fill);
      ve(Memset{.dst = next(), .value = big});
      ve(TensorTensor{.dst = next(), .a = wide, .b = wide, .op = AluOp::Max});
      ve(TensorScalar{.dst = next(), .src = wide, .op0 = AluOp::Add});
      ve(Reduce{.dst = next(), .src = wide8, .op = AluOp::Add});
      ve(Scan{.dst = next(), .a = wide, .b = wide, .op0 = AluOp::Add, .op1 = AluOp::Add});
      ve(Select{.dst = next(), .mask = mask, .onTrue = wide, .onFalse = wide});
      ve(Copy{.dst = next(), .src = wide});
      ve(Max8{.dst = next(8), .src = wide8});
      builder.add(StreamId::Ve, signalling(Signal{}, 0));
      Activate activate;
      activate.dst = next(), activate.src = wide, activate.narrow.overflow = overflow;
      builder.add(StreamId::Se, signalling(waiting(activate, 0, 1), 1));
      auto ge = [&](auto instruction) {
        instruction.narrow.overflow = overflow;
        builder.add(StreamId::Ge, instruction);
      };
      builder.add(StreamId::Ge, waiting(Wait{}, 0, 1));
      ge(Iota{.dst = next(), .base = 1000000000});
      ge(AffineSelect{.dst = next(), .src = wide, .compare = Compare::Ge}); // keeps the source
      ge(AffineSelect{.dst = next(), .src = wide, .compare = Compare::Lt, .fill = big});
      ge(PartitionReduce{.dst = next(), .src = wide, .op = AluOp::Max});
      ge(PartitionBroadcast{.dst = next(), .src = wide});
      builder.add(StreamId::Ge, signalling(Signal{}, 1));
      DmaMove move;
      move.dst = next(), move.src = wide, move.narrow.overflow = overflow;
      builder.add(dmaStream(0), signalling(waiting(move, 0, 1), 1));
      DmaFill dmaFill;
      dmaFill.dst = next(), dmaFill.value = big, dmaFill.narrow.overflow = overflow;
      builder.add(dmaStream(1), signalling(dmaFill, 1));
      REQUIRE(count == 23);
      DmaStore rest, cast;
      rest.dst = matrix(y, codes.type, 1, 23), rest.src = sbuf(codes.type, 1, 512, 23);
      cast.dst = matrix(y, codes.type, 1, 1, 23), cast.src = sbuf(DType::F32, 1, 64, 1), cast.narrow.overflow = overflow;
      builder.add(dmaStream(2), waiting(rest, 1, 4)).add(dmaStream(2), waiting(cast, 0, 1));
      INFO(nameOf(codes.type) << " " << nameOf(overflow));
      std::vector<std::byte> expected(24, std::byte{overflow == Overflow::Saturate ? codes.saturated : codes.propagated});
      CHECK(bytesOf(builder.done(), {}) == expected);
    }
}

TEST_CASE("N18: a narrowing that the result's type or the chip does not have is refused", "[sim][numerics]") {
  auto codeFor = [](const char *chip, DType type, Rounding rounding, Overflow overflow) {
    Builder builder(chip);
    Memset fill;
    fill.dst = sbuf(type, 1, 0, 1), fill.narrow.rounding = rounding, fill.narrow.overflow = overflow;
    builder.add(StreamId::Ve, fill);
    return codeOf(builder.done());
  };
  CHECK(codeFor("mt1", DType::BF16, Rounding::Stochastic, Overflow::Saturate) == "");
  CHECK(codeFor("mt1", DType::F8E3M4, Rounding::Stochastic, Overflow::Propagate) == "");
  CHECK(codeFor("mt1", DType::F32, Rounding::Stochastic, Overflow::Saturate) == "MN-ISA-RULE");
  CHECK(codeFor("mt1", DType::I32, Rounding::Stochastic, Overflow::Saturate) == "MN-ISA-RULE");
  CHECK(codeFor("mt1", DType::F16, Rounding::Nearest, Overflow::Propagate) == "MN-ISA-RULE");
  CHECK(codeFor("mi1", DType::BF16, Rounding::Stochastic, Overflow::Saturate) == "MN-CHIP-ENGINE");
}
