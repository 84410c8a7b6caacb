// Which elementwise nodes are computed on a contraction's result tile before it leaves PSUM.
#pragma once

#include "lib/Conversion/LinalgToTile/TensorProgram.h"

namespace manaslu::tiling {

/// For every node the contraction whose result tile it takes directly, or -1; and the reverse.
struct Epilogues {
  std::vector<int> contractionOf; ///< per elementwise node
  std::vector<int> epilogueOf;    ///< per contraction
};

/// An elementwise node is an epilogue if it alone reads the contraction's result, each element once, and everything else it reads exists by then.
Epilogues findEpilogues(const TensorProgram &program);

/// The loops of `to` that index the same atoms of `storage` as `loops` do in `from`, or nothing where one has no counterpart.
std::optional<std::vector<int>> mapLoops(const Access &from, const Access &to, const std::vector<int> &loops);

} // namespace manaslu::tiling
