// A chip as its JSON file describes it: geometry, engines, types, time and energy constants. Every room reads these numbers from here.
#pragma once

#include "lib/Support/DType.h"
#include "lib/Support/Error.h"

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace manaslu {

/// The engines of a core. Dma stands for all movers and rings.
enum class Engine : uint8_t { Pe = 0, Ve = 1, Se = 2, Ge = 3, Dma = 4 };

inline constexpr int kEngineCount = 5;

/// "pe" "ve" "se" "ge" "dma".
std::string_view nameOf(Engine engine);

/// What an engine can be asked to do, as far as time and energy are concerned.
enum class Operation : uint8_t {
  Matmul,
  Transpose,
  Activate,
  TensorTensor,
  TensorScalar,
  Reduce,
  Scan,
  Select,
  Copy,
  Memset,
  Reciprocal,
  BnStats,
  BnAggregate,
  Max8,
  FindIndex8,
  MatchReplace8,
  TransposeBlock,
  Shuffle,
  Random,
  Iota,
  AffineSelect,
  PartitionReduce,
  PartitionBroadcast,
  Gather,
  Scatter,
  IntTensorTensor,
  IntTensorScalar,
};

inline constexpr int kOperationCount = 27;

/// "matmul", "tensor_tensor", ...: the keys of `costs` in the chip file.
std::string_view nameOf(Operation operation);

/// The engine that has this operation.
Engine engineOf(Operation operation);

/// cycles = max(minimum, fixed + perElement * N), N elements per partition; `fastPerElement` applies under the operation's condition (Timing.h).
struct OperationCost {
  int64_t minimum = 0;
  int64_t fixed = 0;
  double perElement = 0;
  double fastPerElement = 0;
};

/// An energy constant in picojoules with its range of uncertainty.
struct EnergyRange {
  double value = 0;
  double low = 0;
  double high = 0;
};

/// A type that the matrix engine multiplies: array passes per instruction and energy of one multiply-accumulate relative to bf16.
struct MatrixType {
  double passes = 1;
  double energyFactor = 1;
};

struct MatrixEngine {
  int64_t clockMhz = 0;
  int64_t rows = 0;        ///< contraction elements, K <= rows
  int64_t columns = 0;     ///< stationary columns, M <= columns
  int64_t movingLimit = 0; ///< N <= movingLimit
  int64_t drainCycles = 0;
  int64_t loadCycles = 0;   ///< of a stationary operand, per pass
  int64_t wordFactor = 0;   ///< a transpose of a 4-byte type takes so many times the cycles
  int64_t warmUpBusyNs = 0; ///< at `warmUpFactor` times the cycles until busy so long; 0: no warm-up
  int64_t warmUpGapNs = 0;  ///< an idle gap longer than this starts the warm-up again
  int64_t warmUpFactor = 1;
  std::map<DType, MatrixType> types;
};

struct LaneEngine {
  int64_t clockMhz = 0;
  int64_t drainCycles = 0;
  std::vector<DType> types; ///< of operands in memory; arithmetic is fp32 (int32 on ge)
};

/// The chip. Numbers are those of one core unless said otherwise.
struct Chip {
  std::string name;
  std::string description;
  int64_t cores = 0;

  int64_t partitions = 0;
  int64_t sbufBytesPerPartition = 0; ///< with the reserved part
  int64_t sbufReservedBytes = 0;     ///< at the end of each partition; no program may use them
  int64_t psumBanks = 0;
  int64_t psumBankBytes = 0; ///< per partition
  int64_t deviceBytes = 0;   ///< of the chip
  int64_t deviceMegabytesPerSecond = 0;

  int64_t semaphores = 0;
  int64_t registers = 0;
  int64_t loopNest = 0;
  int64_t semaphoreCycles = 0; ///< of the waiter's clock until an increment is seen
  int64_t controlCycles = 0;   ///< of a register instruction; loops, waits and signals are free
  int64_t startStopNs = 0;     ///< of a whole program, reported apart from the simulated time
  int64_t wideStrideBytes = 0; ///< an innermost stride at least this wide halves an engine's bandwidth
  bool stochasticRounding = false;
  bool sbufPortShared = false; ///< ve and ge exclude each other while both use SBUF
  bool psumPortShared = false; ///< ve and se exclude each other while both use PSUM

  MatrixEngine pe;
  LaneEngine ve;
  LaneEngine se;
  std::optional<LaneEngine> ge;  ///< none on a chip without gpsimd
  int64_t reduceExtraCycles = 0; ///< of an activation with a running sum
  std::array<OperationCost, kOperationCount> costs;

  int64_t dmaRings = 0;
  int64_t dmaMovers = 0;
  int64_t dmaClockMhz = 0; ///< of the rings' sequencers
  int64_t moverMegabytesPerSecond = 0;
  int64_t dmaLatencyNs = 0;
  int64_t dmaRowNs = 0;            ///< fixed part of a row's time
  int64_t dmaBurstPercent = 0;     ///< rate within a row, of the mover's rate
  int64_t dmaTransposePercent = 0; ///< of the rate, for a transposing transfer
  int64_t collectiveLatencyNs = 0;
  int64_t linkMegabytesPerSecond = 0;

  EnergyRange macPj, laneOpPj, sbufBytePj, psumBytePj, deviceBytePj, dmaBlockPj, semaphorePj;
  EnergyRange staticWatts;            ///< watts, not picojoules
  int64_t psumBytesPerAccumulate = 0; ///< bytes of PSUM that one accumulation reads and writes
  int64_t dmaBlockBytes = 0;          ///< `dmaBlockPj` is taken for each started block of a row

  std::vector<std::string> fitted; ///< keys of constants that were fitted to measured programs, such as "dma.latency_ns"; all others are published or chosen

  /// Bytes of one SBUF partition that programs may use.
  int64_t sbufUsableBytes() const { return sbufBytesPerPartition - sbufReservedBytes; }
  /// Bytes of one PSUM partition.
  int64_t psumBytesPerPartition() const { return psumBanks * psumBankBytes; }
  bool has(Engine engine) const { return engine != Engine::Ge || ge.has_value(); }
  const OperationCost &cost(Operation operation) const { return costs[static_cast<int>(operation)]; }
  /// Clock of an engine's sequencer in MHz; for Dma that of the rings.
  int64_t clockMhz(Engine engine) const;
  /// The type can be an operand of the engine's instructions in memory.
  bool supports(Engine engine, DType type) const;
};

/// Reads and checks a chip file's text. `where` names it in messages. All problems come at once, each MN-CHIP-001 with the key's path.
Result<Chip> parseChip(std::string_view text, std::string_view where);

/// A preset by name, or a chip file by a path that ends in ".json". MN-CHIP-002 for anything else, MN-IO-001 if it cannot be read.
Result<Chip> findChip(std::string_view nameOrPath);

/// The presets, in the order they are shown.
std::vector<std::string> presetNames();

/// The chip as a complete chip file (the same keys that parseChip wants).
std::string toJson(const Chip &chip);

/// A Markdown table of every key: path, type or range, meaning. Written into docs/ by the documentation tests.
std::string chipFileReference();

} // namespace manaslu
