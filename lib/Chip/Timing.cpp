// The time table of the hardware page.
#include "lib/Chip/Timing.h"

#include <algorithm>
#include <cmath>

namespace manaslu {

namespace {

/// Products like 13/3 * 3 must not round up to the next cycle.
int64_t ceilOf(double cycles) { return static_cast<int64_t>(std::ceil(cycles - 1e-6)); }

/// The condition under which an operation's fast rate applies.
bool isFast(const EngineWork &work) {
  switch (work.operation) {
  case Operation::TensorTensor:
    return work.arithmetic != Arithmetic::Divide && (work.psumOperand || (work.allBf16Contiguous && work.arithmetic == Arithmetic::AddSubMul));
  case Operation::Reduce: return work.bf16 && (work.arithmetic == Arithmetic::AddSubMul || work.arithmetic == Arithmetic::MaxMin);
  case Operation::Memset: return work.sixteenBit;
  default: return false;
  }
}

int64_t ceilDivide(int64_t a, int64_t b) { return (a + b - 1) / b; }

/// MB/s that one mover reaches while `coresInUse` cores share the device memory.
int64_t moverRate(const Chip &chip, int64_t coresInUse) {
  return std::max<int64_t>(1, std::min(chip.moverMegabytesPerSecond, chip.deviceMegabytesPerSecond / (coresInUse * chip.dmaMovers)));
}

/// Rows or partitions that go to one mover, the last piece may get fewer.
int64_t share(const Chip &chip, const TransferWork &work) {
  return ceilDivide(std::max<int64_t>(1, work.partitions ? work.partitions : work.rows), chip.dmaMovers);
}

} // namespace

double matmulPasses(const Chip &chip, DType stationary, DType moving) {
  auto a = chip.pe.types.find(stationary), b = chip.pe.types.find(moving);
  if (a == chip.pe.types.end() || b == chip.pe.types.end())
    return 0;
  if ((stationary == DType::F32) != (moving == DType::F32) || isInteger(stationary) != isInteger(moving))
    return 0;
  return std::max(a->second.passes, b->second.passes);
}

int64_t occupancyCycles(const Chip &chip, const EngineWork &work) {
  const OperationCost &cost = chip.cost(work.operation);
  if (work.operation == Operation::Transpose)
    return std::max(work.partitions, std::min<int64_t>(64, work.elements)) * (work.fourByte ? chip.pe.wordFactor : 1);
  double perElement = isFast(work) ? cost.fastPerElement : cost.perElement;
  // A division takes as long as a reciprocal, in whatever instruction it stands.
  if (work.operation == Operation::TensorScalar && work.arithmetic == Arithmetic::Divide)
    perElement = chip.cost(Operation::Reciprocal).perElement;
  if (work.wideStride)
    perElement *= 2;
  double cycles = std::max<double>(double(cost.minimum), double(cost.fixed) + perElement * double(work.elements));
  if (work.operation == Operation::Matmul)
    return ceilOf(cycles * work.passes);
  return ceilOf(cycles) + (work.operation == Operation::Activate && work.reduces ? chip.reduceExtraCycles : 0);
}

int64_t drainCycles(const Chip &chip, Engine engine) {
  switch (engine) {
  case Engine::Pe: return chip.pe.drainCycles;
  case Engine::Ve: return chip.ve.drainCycles;
  case Engine::Se: return chip.se.drainCycles;
  case Engine::Ge: return chip.ge ? chip.ge->drainCycles : 0;
  case Engine::Dma: break;
  }
  return 0;
}

int64_t loadCycles(const Chip &chip, double passes) { return chip.pe.loadCycles * static_cast<int64_t>(std::ceil(passes)); }

int64_t occupancyPicoseconds(const Chip &chip, const EngineWork &work) {
  return picoseconds(occupancyCycles(chip, work), chip.clockMhz(engineOf(work.operation)));
}

int64_t transferPieces(const Chip &chip, const TransferWork &work) {
  int64_t whole = std::max<int64_t>(1, work.partitions ? work.partitions : work.rows);
  return ceilDivide(whole, share(chip, work));
}

int64_t rowsOfPiece(const Chip &chip, const TransferWork &work, int64_t piece) {
  int64_t each = share(chip, work);
  int64_t whole = work.partitions ? work.partitions : work.rows;
  int64_t count = std::clamp<int64_t>(whole - piece * each, 0, each);
  return work.partitions ? count * work.rows : count;
}

int64_t rowPicoseconds(const Chip &chip, int64_t rowBytes, bool transposes, int64_t coresInUse) {
  // MB/s are bytes per microsecond: b / rate in picoseconds is b * 10^6 / rate.
  double rate = double(moverRate(chip, coresInUse)) * (transposes ? double(chip.dmaTransposePercent) / 100 : 1.0);
  double streaming = double(rowBytes) * 1e6 / rate;
  double burst = double(chip.dmaRowNs) * 1e3 + double(rowBytes) * 1e8 / (rate * double(chip.dmaBurstPercent));
  return ceilOf(std::max(streaming, burst));
}

int64_t transferBusyPicoseconds(const Chip &chip, const TransferWork &work, int64_t coresInUse) {
  return rowsOfPiece(chip, work, 0) * rowPicoseconds(chip, work.rowBytes, work.transposes, coresInUse);
}

int64_t transferPicoseconds(const Chip &chip, const TransferWork &work, int64_t coresInUse) {
  return chip.dmaLatencyNs * 1000 + transferBusyPicoseconds(chip, work, coresInUse);
}

double memoryBytesPerNanosecond(const Chip &chip) {
  return double(std::min(chip.moverMegabytesPerSecond * chip.dmaMovers, chip.deviceMegabytesPerSecond)) / 1000;
}

double macsPerNanosecond(const Chip &chip) { return double(chip.pe.rows * chip.pe.columns * chip.pe.clockMhz) / 1000; }

} // namespace manaslu
