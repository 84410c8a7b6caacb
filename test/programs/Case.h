// A program with everything that one run of it needs, and the dice that make such cases from a seed.
#pragma once

#include "lib/Chip/Chip.h"
#include "lib/ISA/Program.h"

#include <random>

namespace manaslu::test {

/// A program, bytes for its input regions in their order, and the seed it was made from.
struct Case {
  uint64_t seed = 0;
  isa::Program program;
  std::vector<std::vector<std::byte>> inputs;
};

/// Choices from a seed: the same on every host (the standard library's distributions are not).
class Dice {
public:
  explicit Dice(uint64_t seed) : engine_(seed) {}

  uint64_t bits() { return engine_(); }
  /// Uniform in [low, high].
  int64_t between(int64_t low, int64_t high) { return low + static_cast<int64_t>(engine_() % static_cast<uint64_t>(high - low + 1)); }
  /// True in `percent` of a hundred cases.
  bool chance(int percent) { return between(0, 99) < percent; }
  template <class List> auto &pick(List &list) { return list[static_cast<size_t>(between(0, static_cast<int64_t>(list.size()) - 1))]; }
  std::mt19937_64 &engine() { return engine_; }

private:
  std::mt19937_64 engine_;
};

/// A chip in the style of the preset with small memories (3 KiB of SBUF and 2 KiB of PSUM a partition): a run costs what the program touches.
Chip smallChip(std::string_view preset);

} // namespace manaslu::test
