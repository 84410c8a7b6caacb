// What the stages of the allocator share; not for other rooms.
#pragma once

#include "lib/Alloc/Alloc.h"

#include <optional>

namespace manaslu::alloc {

inline int64_t alignUp(int64_t value, int64_t align) { return (value + align - 1) / align * align; }

/// For each buffer the buffers whose live intervals meet its own, ascending.
std::vector<std::vector<int>> neighbours(std::span<const Buffer> buffers);

/// First fit over known neighbours. `steps` counts the visited ones.
Placement firstFit(std::span<const Buffer> buffers, std::span<const int> order, const std::vector<std::vector<int>> &neighbours, int64_t &steps);

/// Swaps buffers in the order of first fit while that does not raise the height; stops at `capacity` or when the budget is used up.
Placement hillClimb(std::span<const Buffer> buffers, std::vector<int> order, const std::vector<std::vector<int>> &neighbours, int64_t capacity, int64_t budget);

/// A placement within the capacity, or nothing when there is none or the budget is used up.
std::optional<Placement> exactSearch(std::span<const Buffer> buffers, const std::vector<std::vector<int>> &neighbours, int64_t capacity, int64_t budget);

} // namespace manaslu::alloc
