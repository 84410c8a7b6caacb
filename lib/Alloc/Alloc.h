// Static memory allocation: buffers with a live interval and a size get offsets such that no two that live together overlap.
#pragma once

#include "lib/Support/Error.h"

#include <cstdint>
#include <span>
#include <vector>

namespace manaslu::alloc {

/// A buffer that lives in [start, end) and takes `size` units at an offset that is a multiple of `align`. Sizes are in the caller's unit (bytes per partition).
struct Buffer {
  int64_t start = 0;
  int64_t end = 0;
  int64_t size = 0;
  int64_t align = 1;
};

/// Offsets, one for each buffer, and the greatest offset + size.
struct Placement {
  std::vector<int64_t> offsets;
  int64_t height = 0;
};

/// How much work each stage may do; counted in steps, so a result never depends on the machine.
struct Budget {
  int64_t hillClimb = 4'000'000; ///< visits of a neighbour during first fit
  int64_t search = 64'000'000;   ///< updates of a buffer or section in the longest turn of exact search; 0: no exact search
  int64_t searchBuffers = 500;   ///< exact search is tried up to this many buffers
};

/// The greatest sum of sizes that live at one time: no placement is lower.
int64_t load(std::span<const Buffer> buffers);

/// A placement of height at most `capacity`: greedy orders first, then hill climbing over orders, then an exact search over canonical solutions.
/// MN-MEM-PLACE when the load exceeds the capacity or no stage found one within its budget; the message holds load, height reached and capacity.
Result<Placement> place(std::span<const Buffer> buffers, int64_t capacity, const Budget &budget = {});

/// First fit, in the given order of buffers.
Placement firstFit(std::span<const Buffer> buffers, std::span<const int> order);

/// Whether the placement is right: every offset aligned and within the capacity, no two buffers overlap in time and address. MN-INTERNAL if not.
/// Shares nothing with the code that places.
Status checkPlacement(std::span<const Buffer> buffers, const Placement &placement, int64_t capacity);

} // namespace manaslu::alloc
