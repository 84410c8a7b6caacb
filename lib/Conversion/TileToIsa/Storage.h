// Where buffers live: order of prefetched loads, rotating copies, SBUF offsets, PSUM banks.
#pragma once

#include "lib/Conversion/TileToIsa/Model.h"

#include "lib/Chip/Chip.h"

namespace manaslu::tile {

/// Positions of leaves and loops in program order (a loop's body counted once).
struct Positions {
  std::vector<int64_t> leaf;
  std::vector<std::pair<int64_t, int64_t>> loop; ///< first position of the body and one past the last
  int64_t end = 0;
};

Positions positionsOf(const Model &model);

/// Half open live interval of each buffer in positions; {0, 0} for device regions and buffers that nothing uses. A buffer used in a loop that does not allocate
/// it lives through that loop; one with several copies lives through the loop that allocates it.
struct Interval {
  int64_t start = 0;
  int64_t end = 0;
};
std::vector<Interval> liveIntervals(const Model &model, const Positions &positions);

struct StorageStatistics {
  int64_t sbufPeakBytes = 0; ///< per partition, greatest address used
  int64_t psumPeakBanks = 0;
  int64_t prefetchBudget = 0; ///< bytes per partition that prefetched constants and all else may take
};

struct StorageOptions {
  bool prefetch = true;
  int rotation = 2;     ///< copies of a buffer allocated in a loop, if room
  int loadRotation = 3; ///< of one that a transfer fills
};

/// Moves loads of constants and inputs at the top level up as far as `budget` bytes per partition of live SBUF allow, keeping the order of each ring.
void hoistLoads(Model &model, int64_t budget);

/// Decides order, copies, SBUF offsets and PSUM banks. Errors: MN-MEM-SBUF, MN-MEM-PSUM.
Result<StorageStatistics> planStorage(Model &model, const Chip &chip, const StorageOptions &options);

/// Bytes per partition of SBUF that live at one time with single copies and no prefetch: the least that any plan needs. Sets the copies so.
int64_t leastSbufBytes(Model &model, const Chip &chip);

/// Gives PSUM buffers their banks (part of planStorage). Returns the greatest number of banks in use.
Result<int64_t> planPsum(Model &model, const Chip &chip);

/// Whether no two live buffers overlap and all lie within their memories; written apart from the planner. MN-INTERNAL if not.
Status checkStorage(const Model &model, const Chip &chip);

} // namespace manaslu::tile
