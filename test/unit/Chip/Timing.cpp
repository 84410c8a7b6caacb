// The time table and the energy constants against the figures that the hardware page works out.
#include "lib/Chip/Timing.h"
#include "lib/Chip/Energy.h"

#include <catch2/catch.hpp>

using namespace manaslu;

namespace {

double gigabytesPerSecond(const Chip &chip, int64_t rowBytes) {
  TransferWork work{128, 1024, rowBytes, false};
  return double(128 * 1024 * rowBytes) / (double(transferBusyPicoseconds(chip, work)) / 1000);
}

} // namespace

TEST_CASE("dma: 208 GB/s at 1 KiB rows and 269.7 at 4 KiB", "[timing]") {
  Chip chip = *findChip("mt1");
  CHECK(gigabytesPerSecond(chip, 1024) == Approx(208).margin(0.1));
  CHECK(gigabytesPerSecond(chip, 4096) == Approx(269.7).margin(0.1));
  CHECK(memoryBytesPerNanosecond(chip) == 272);
}

TEST_CASE("one 32 KiB DMA on mt2 has a data phase of 1425 ns", "[timing]") {
  Chip chip = *findChip("mt2");
  TransferWork work{1, 1, 32768, false};
  CHECK(transferBusyPicoseconds(chip, work) / 1000 == 1424);
  CHECK(transferPicoseconds(chip, work) == transferBusyPicoseconds(chip, work) + 1300000);
}

TEST_CASE("back-to-back dependent activations take 189 ns each", "[timing]") {
  Chip chip = *findChip("mt1");
  EngineWork work{.operation = Operation::Activate, .elements = 1};
  int64_t cycles = occupancyCycles(chip, work) + drainCycles(chip, Engine::Se);
  CHECK(picoseconds(cycles, chip.se.clockMhz) == 188572);
}

TEST_CASE("occupancy follows the table", "[timing]") {
  Chip chip = *findChip("mt1");
  auto cycles = [&](EngineWork work) { return occupancyCycles(chip, work); };
  CHECK(cycles({.operation = Operation::Matmul, .elements = 512, .passes = 4}) == 2048);
  CHECK(cycles({.operation = Operation::Matmul, .elements = 10}) == 64);
  CHECK(cycles({.operation = Operation::Transpose, .elements = 16, .partitions = 32}) == 32);
  CHECK(cycles({.operation = Operation::Transpose, .elements = 128, .partitions = 128, .fourByte = true}) == 512);
  CHECK(cycles({.operation = Operation::TensorTensor, .elements = 512}) == 1024);
  CHECK(cycles({.operation = Operation::TensorTensor, .elements = 512, .psumOperand = true}) == 512);
  CHECK(cycles({.operation = Operation::TensorTensor, .elements = 512, .arithmetic = Arithmetic::AddSubMul, .allBf16Contiguous = true}) == 512);
  CHECK(cycles({.operation = Operation::TensorTensor, .elements = 512, .arithmetic = Arithmetic::MaxMin, .allBf16Contiguous = true}) == 1024);
  CHECK(cycles({.operation = Operation::Reduce, .elements = 512, .arithmetic = Arithmetic::AddSubMul, .bf16 = true}) == 256);
  CHECK(cycles({.operation = Operation::BnAggregate, .elements = 300}) == 1300);
  CHECK(cycles({.operation = Operation::Memset, .elements = 512, .sixteenBit = true}) == 256);
  CHECK(cycles({.operation = Operation::Activate, .elements = 512, .reduces = true}) == 576);
  CHECK(cycles({.operation = Operation::Copy, .elements = 512, .wideStride = true}) == 1024);
  CHECK(cycles({.operation = Operation::PartitionReduce, .elements = 10}) == 190);
  CHECK(cycles({.operation = Operation::Gather, .elements = 10}) == 230);
}

TEST_CASE("fp32 multiplies only with fp32, integers only with integers", "[timing]") {
  Chip chip = *findChip("mt1");
  CHECK(matmulPasses(chip, DType::F32, DType::F32) == 4);
  CHECK(matmulPasses(chip, DType::BF16, DType::F16) == 1);
  CHECK(matmulPasses(chip, DType::F32, DType::BF16) == 0);
  CHECK(matmulPasses(chip, DType::I8, DType::BF16) == 0);
  CHECK(matmulPasses(chip, DType::I8, DType::U8) == 1);
  CHECK(matmulPasses(*findChip("mi1"), DType::F32, DType::F32) == 0);
  CHECK(macsPerNanosecond(chip) * 2 == Approx(91750.4));
}

TEST_CASE("pieces cover a transfer exactly", "[timing]") {
  Chip chip = *findChip("mt1");
  for (TransferWork work : {TransferWork{1, 3, 64, false}, TransferWork{17, 2, 64, false}, TransferWork{128, 1, 64, false}, TransferWork{0, 33, 64, false}}) {
    int64_t rows = 0;
    for (int64_t piece = 0; piece < transferPieces(chip, work); ++piece)
      rows += rowsOfPiece(chip, work, piece);
    CHECK(rows == (work.partitions ? work.partitions * work.rows : work.rows));
    CHECK(transferPieces(chip, work) <= chip.dmaMovers);
  }
}

namespace {

/// Energy of an n x n x n matmul that loads both operands once, at the speed of the matrix engine.
EnergyParts squareMatmul(const Chip &chip, int64_t n, DType type) {
  double passes = matmulPasses(chip, type, type);
  EnergyCounts counts;
  int64_t bytes = n * n * sizeOf(type);
  counts.macs = double(n) * double(n) * double(n) * macEnergyFactor(chip, type, type);
  counts.accumulates = n * n * (n / 128);
  counts.deviceBytes = 3 * bytes;
  counts.sbufBytes = 3 * bytes + bytes * (n / 128) + bytes * (n / 512 ? n / 512 : 1);
  counts.dmaBlocks = 3 * dmaBlocks(chip, n, n * sizeOf(type));
  auto time = int64_t(double(n) * double(n) * double(n) * passes / macsPerNanosecond(chip) * 1000);
  return energyOf(chip, counts, time);
}

} // namespace

TEST_CASE("a 16-bit matmul takes less than a third of the energy of the 32-bit one", "[energy]") {
  Chip chip = *findChip("mt1");
  for (int64_t n : {1024, 4096})
    CHECK(squareMatmul(chip, n, DType::BF16).total() * 3 < squareMatmul(chip, n, DType::F32).total());
  CHECK(squareMatmul(chip, 512, DType::BF16).dynamic() < squareMatmul(chip, 512, DType::F32).dynamic() / 2);
}
