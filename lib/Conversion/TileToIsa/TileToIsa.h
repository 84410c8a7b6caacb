// From a tile program to a program of the chip: storage, prefetch, synchronisation, emission (docs/Architecture.md).
#pragma once

#include "lib/Chip/Chip.h"
#include "lib/Conversion/TileToIsa/PackConstants.h"
#include "lib/ISA/Program.h"

#include <mlir/Dialect/Func/IR/FuncOps.h>

#include <map>

namespace manaslu::tile {

struct LoweringOptions {
  bool prefetch = true;      ///< loads of constants run ahead as far as SBUF has room
  int rotation = 2;          ///< copies of a buffer allocated in a loop, if room
  int loadRotation = 3;      ///< of one that a transfer fills
  int loopTransferParts = 4; ///< parts into which a transfer in a loop is cut, so that several are in flight
  bool schedule = true;      ///< engines' instructions are reordered, loops unrolled, so that no chain of work holds up another
  bool keepWarm = true;      ///< with `schedule`: products of zeros fill gaps after which pe would have to warm up again
  int threads = 2;           ///< for packing constants
  bool pack = true;          ///< false: constants stay out of the program (its regions are there)
};

/// Figures of one lowering, for the report.
struct LoweringStatistics {
  int64_t sbufPeakBytesPerPartition = 0;
  int64_t psumPeakBanks = 0;
  int64_t spillBytes = 0;          ///< moved to device scratch for want of SBUF, in one execution
  int64_t warmingProducts = 0;     ///< products of zeros that keep pe warm
  int64_t deviceBytes = 0;         ///< of all regions
  int64_t prefetchBudgetBytes = 0; ///< per partition
  int64_t staticWaits = 0;
  int64_t executedInstructions = 0;
  std::map<isa::StreamId, int64_t> instructions;
  std::map<std::string, double> seconds; ///< by step
};

/// Lowers a tile program. `program.name` is the function's; chipJson, metadata and tileProgram are left to the caller. The memory plan, the synchronisation and
/// the encoding are checked before it is returned. Errors: MN-MEM-*, MN-INTERNAL.
Result<isa::Program> lowerToInstructions(mlir::func::FuncOp function, const Chip &chip, const ParameterSource &parameters, const LoweringOptions &options,
                                         LoweringStatistics *statistics = nullptr);

} // namespace manaslu::tile
