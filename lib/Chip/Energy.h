// Energy of instructions, by part of the core, in picojoules.
#pragma once

#include "lib/Chip/Chip.h"

namespace manaslu {

/// Which end of each constant's range to take.
enum class EnergyCase : uint8_t { Low, Default, High };

/// Picojoules by part; the keys of `simulated.energy` in reports.
struct EnergyParts {
  double pe = 0, ve = 0, se = 0, ge = 0, sbuf = 0, psum = 0, deviceMemory = 0, dma = 0, staticPower = 0;
  double total() const { return pe + ve + se + ge + sbuf + psum + deviceMemory + dma + staticPower; }
  double dynamic() const { return total() - staticPower; }
};

/// What an execution did, counted; counts add up, so that energy is taken once at the end and never depends on the order of events.
struct EnergyCounts {
  double macs = 0;                                       ///< multiply-accumulates, each times its type's energy factor
  int64_t veOps = 0, seOps = 0, geOps = 0;               ///< elements processed by a lane
  int64_t sbufBytes = 0, psumBytes = 0, deviceBytes = 0; ///< read and written
  int64_t accumulates = 0;                               ///< results of matmuls added into PSUM
  int64_t dmaBlocks = 0;                                 ///< started blocks of rows
  int64_t signals[kEngineCount] = {};                    ///< semaphore increments by engine
};

/// Energy factor of a multiply-accumulate with these operand types (matmulPasses() says which are legal).
double macEnergyFactor(const Chip &chip, DType stationary, DType moving);

/// Started blocks of `rows` rows of `rowBytes` each.
int64_t dmaBlocks(const Chip &chip, int64_t rows, int64_t rowBytes);

/// The energy of what was counted over `picoseconds` of simulated time.
EnergyParts energyOf(const Chip &chip, const EnergyCounts &counts, int64_t picoseconds, EnergyCase which = EnergyCase::Default);

} // namespace manaslu
