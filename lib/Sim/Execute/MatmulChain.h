// Matmul instructions that follow each other on one PSUM tile, executed together: the sums stay in registers from one to the next.
#pragma once

#include "lib/Numerics/Matmul.h"
#include "lib/Sim/Execute.h"

#include <vector>

namespace manaslu::sim {

/// Instructions that have been added but not executed. Whoever adds must execute the chain before something else touches its result or writes an operand.
class MatmulChain {
public:
  static constexpr size_t kMost = 64; ///< instructions of a chain
  /// A chain with as many stationary elements is not continued. A narrow result reads each of them too seldom to make up for leaving the cache in between,
  /// unless they are so far apart that instructions share cache lines (the taps of a convolution).
  static constexpr int64_t kMostNarrow = 1 << 14, kMostWide = 1 << 18;

  /// A matmul with its operands resolved.
  struct Operands {
    View stationary, moving, acc;
    bool accumulate;
  };
  /// The matmul adds to the chain's result, and the chain is not too long for it. The chain is not empty.
  bool isContinuedBy(const Operands &in) const;
  /// Adds a matmul that continues the chain, or to an empty chain.
  void add(const Operands &in);
  /// Computes the result; the chain is empty afterwards.
  void execute(Memory &memory);
  /// Instructions in the chain.
  size_t size() const { return size_; }

private:
  struct Term {
    std::vector<numerics::ColumnRun> stationary, moving;
    numerics::Contraction contraction;
  };
  std::array<Term, kMost> terms_;
  size_t size_ = 0;
  int64_t elements_ = 0; ///< of the stationary operands
  View acc_;
  bool accumulate_ = false; ///< the first instruction adds to the result
};

} // namespace manaslu::sim
