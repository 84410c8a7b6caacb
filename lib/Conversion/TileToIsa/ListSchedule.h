// Orders and clocks of one block.
#pragma once

#include "lib/Conversion/TileToIsa/Block.h"

#include <optional>

namespace manaslu::tile {

/// An order of a block's steps and the time that its engines take for it, in picoseconds.
struct Order {
  std::vector<int> steps;
  int64_t time = 0;
};

/// The time of `rounds` executions in this order, each with storage of its own but for the `banks` of PSUM. Nothing if those do not suffice.
std::optional<int64_t> timeOf(const Block &block, const std::vector<int> &order, int64_t banks, int rounds);

/// When each step starts in program order, in picoseconds. Takes as many banks as the block needs.
std::vector<int64_t> startsOf(const Block &block);

/// List scheduling: the step that can start first is next, of several the first in program order. Nothing if it runs out of banks.
std::optional<Order> listSchedule(const Block &block, int64_t banks);

/// Occupancy of the busiest engine: no order takes less.
int64_t busiest(const Block &block);

} // namespace manaslu::tile
