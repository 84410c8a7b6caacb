// Energy constants times counts.
#include "lib/Chip/Energy.h"

#include <algorithm>

namespace manaslu {

double macEnergyFactor(const Chip &chip, DType stationary, DType moving) {
  auto a = chip.pe.types.find(stationary), b = chip.pe.types.find(moving);
  if (a == chip.pe.types.end() || b == chip.pe.types.end())
    return 0;
  return std::max(a->second.energyFactor, b->second.energyFactor);
}

int64_t dmaBlocks(const Chip &chip, int64_t rows, int64_t rowBytes) { return rows * ((rowBytes + chip.dmaBlockBytes - 1) / chip.dmaBlockBytes); }

EnergyParts energyOf(const Chip &chip, const EnergyCounts &counts, int64_t picoseconds, EnergyCase which) {
  auto of = [which](const EnergyRange &range) { return which == EnergyCase::Low ? range.low : which == EnergyCase::High ? range.high : range.value; };
  auto signals = [&](Engine engine) { return double(counts.signals[static_cast<int>(engine)]) * of(chip.semaphorePj); };
  EnergyParts parts;
  parts.pe = counts.macs * of(chip.macPj) + signals(Engine::Pe);
  parts.ve = double(counts.veOps) * of(chip.laneOpPj) + signals(Engine::Ve);
  parts.se = double(counts.seOps) * of(chip.laneOpPj) + signals(Engine::Se);
  parts.ge = double(counts.geOps) * of(chip.laneOpPj) + signals(Engine::Ge);
  parts.sbuf = double(counts.sbufBytes) * of(chip.sbufBytePj);
  parts.psum = double(counts.psumBytes + counts.accumulates * chip.psumBytesPerAccumulate) * of(chip.psumBytePj);
  parts.deviceMemory = double(counts.deviceBytes) * of(chip.deviceBytePj);
  parts.dma = double(counts.dmaBlocks) * of(chip.dmaBlockPj) + signals(Engine::Dma);
  // One watt is one picojoule per picosecond.
  parts.staticPower = of(chip.staticWatts) * double(picoseconds);
  return parts;
}

} // namespace manaslu
