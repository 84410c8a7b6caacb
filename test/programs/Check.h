// Generates, compares and, when something disagrees, reduces: what the unit tests and the nightly run do with a range of seeds.
#pragma once

#include "test/programs/Compare.h"
#include "test/programs/Generator.h"

#include <functional>

namespace manaslu::test {

/// What a range of seeds showed.
struct Tally {
  uint64_t programs = 0; ///< valid programs compared; as many with mutations were, too
  uint64_t executed = 0; ///< instructions, in one execution of each
  uint64_t refused = 0;  ///< mutated programs that ended with an error, the same one everywhere
  uint64_t failed = 0;
  std::string failures; ///< for each failure (the first five) what disagrees, the seed and the smallest program found, as assembly
};

/// Checks the programs of `count` seeds from `first` on, each as it is and once more with a few values changed. `progress` is called now and then.
Tally checkPrograms(uint64_t first, uint64_t count, const std::function<void(const Tally &)> &progress = {});

} // namespace manaslu::test
