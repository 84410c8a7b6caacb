// Which integers a value can hold: intervals followed forward through integer operations.
#pragma once

#include "dialects/Graph/Graph.h"

namespace manaslu::graph {

/// All integers from low to high; wide enough that sums and products of int64 do not wrap.
struct Interval {
  __int128 low = 0, high = 0;

  bool within(const Interval &other) const { return other.low <= low && high <= other.high; }
  static Interval join(const Interval &a, const Interval &b) { return {std::min(a.low, b.low), std::max(a.high, b.high)}; }
};

/// The values of a signed or unsigned integer type (bool: 0 and 1).
Interval fullInterval(mlir::Type element);

/// Text such as [-3, 17].
std::string textOf(const Interval &interval);

/// Intervals of integer values; a value without one holds its type's full interval.
class Intervals {
public:
  /// Fixes the interval of a function argument.
  void set(mlir::Value value, Interval interval) { known_[value] = interval; }
  Interval of(mlir::Value value) const;
  /// The exact interval of the operation's integer result, before it is stored in its type.
  Interval result(mlir::Operation *op) const;

private:
  llvm::DenseMap<mlir::Value, Interval> known_;
};

} // namespace manaslu::graph
