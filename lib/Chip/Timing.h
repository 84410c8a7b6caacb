// Time of instructions: the same functions for the compiler's cost model and the simulator's clock. Cycles are those of the named engine; times are int64
// picoseconds.
#pragma once

#include "lib/Chip/Chip.h"

namespace manaslu {

/// What the arithmetic of an instruction costs per element, where the time table distinguishes it.
enum class Arithmetic : uint8_t { AddSubMul, MaxMin, Divide, Other };

/// An instruction of pe, ve, se or ge as the time table sees it.
struct EngineWork {
  Operation operation = Operation::Copy;
  int64_t elements = 0;   ///< N per partition; for a matmul the moving width, for a pe transpose F
  int64_t partitions = 1; ///< of the source; only a pe transpose (P) depends on it
  double passes = 1;      ///< of a matmul, from matmulPasses()
  Arithmetic arithmetic = Arithmetic::Other;
  bool psumOperand = false;       ///< an input lies in PSUM
  bool allBf16Contiguous = false; ///< every operand is bf16 and its innermost dimension is contiguous
  bool bf16 = false;              ///< the input is bf16 (reduce)
  bool sixteenBit = false;        ///< the result's type has 2 bytes (memset)
  bool fourByte = false;          ///< the type has 4 bytes (pe transpose)
  bool reduces = false;           ///< an activation with a running sum
  bool wideStride = false;        ///< an innermost stride of at least Chip::wideStrideBytes
};

/// Passes of a matmul with these operand types; 0 when the chip cannot multiply them. Narrower operands mix freely, fp32 goes only with fp32, integers only
/// with integers.
double matmulPasses(const Chip &chip, DType stationary, DType moving);

/// Cycles in which the instruction occupies its engine (a pe instruction at full speed, without loading its stationary operand).
int64_t occupancyCycles(const Chip &chip, const EngineWork &work);

/// Cycles from the end of occupancy until the last byte is written.
int64_t drainCycles(const Chip &chip, Engine engine);

/// Cycles to load a matmul's stationary operand; overlaps the previous matmul.
int64_t loadCycles(const Chip &chip, double passes);

/// Picoseconds of `cycles` at `mhz`, rounded up.
constexpr int64_t picoseconds(int64_t cycles, int64_t mhz) { return (cycles * 1000000 + mhz - 1) / mhz; }

/// Occupancy in picoseconds of the operation's engine.
int64_t occupancyPicoseconds(const Chip &chip, const EngineWork &work);

/// A transfer as the movers see it: `rows` contiguous runs of `rowBytes` (the wider type's bytes) per partition. Device to device: partitions = 0, rows in all.
struct TransferWork {
  int64_t partitions = 0;
  int64_t rows = 0;
  int64_t rowBytes = 0;
  bool transposes = false;
};

/// Pieces a transfer is cut into, at most one a mover: piece i moves `rowsOfPiece(...)` rows.
int64_t transferPieces(const Chip &chip, const TransferWork &work);
int64_t rowsOfPiece(const Chip &chip, const TransferWork &work, int64_t piece);

/// Time that one contiguous row costs its mover, with `coresInUse` cores sharing the device memory.
int64_t rowPicoseconds(const Chip &chip, int64_t rowBytes, bool transposes = false, int64_t coresInUse = 1);

/// Time of a transfer when all movers are free, from issue to the last byte, latency included.
int64_t transferPicoseconds(const Chip &chip, const TransferWork &work, int64_t coresInUse = 1);

/// Time in which a transfer keeps its busiest mover, without latency: what back-to-back transfers cost.
int64_t transferBusyPicoseconds(const Chip &chip, const TransferWork &work, int64_t coresInUse = 1);

/// Roofs for bounds and reports: bytes per nanosecond of one core's movers, at most the device memory's.
double memoryBytesPerNanosecond(const Chip &chip);

/// Multiply-accumulates per nanosecond at one pass.
double macsPerNanosecond(const Chip &chip);

} // namespace manaslu
