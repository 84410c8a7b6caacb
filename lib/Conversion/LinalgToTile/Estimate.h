// What choices of layouts cost: the time of every node and every conversion, from the tables that the simulator's clock uses.
#pragma once

#include "lib/Chip/Timing.h"
#include "lib/Conversion/LinalgToTile/Epilogue.h"
#include "lib/Conversion/LinalgToTile/MovementCost.h"

namespace manaslu::tiling {

/// Passes of a product of two operands of this type; the most there are for types that pe does not take (a cast goes before).
double passesOf(const Chip &chip, mlir::Type element);

/// Picoseconds of products with `moving` columns, cut evenly into what pe takes.
int64_t productTime(const Chip &chip, int64_t moving, double passes);

/// Estimates in picoseconds: engines' occupancies added up, without waiting. Only differences between layouts matter.
class Estimator {
public:
  Estimator(const TensorProgram &program, const Chip &chip);

  /// The index of a choice among a node's options, which it joins if it is new.
  int option(size_t n, const Choice &choice);
  /// Cost of nodes [0, end) under the selection (an index into options per node, -1 for none).
  int64_t total(const std::vector<int> &selection, size_t end) const;
  const Epilogues &fused() const { return epilogues; }

  std::vector<std::vector<Choice>> options;           ///< by node
  std::vector<std::vector<Requirement>> requirements; ///< of each option

private:
  int64_t constantLoad(int storage, const Layout &layout) const;
  int64_t store(const Node &sink, const Layout &held) const;
  int64_t provide(int storage, const Layout &layout, std::vector<const Layout *> &versions) const;
  int64_t operation(size_t n, size_t option) const;
  int64_t contraction(size_t n, const Choice &choice, const Requirement &needs) const;
  int64_t partitionSum(const Node &node, const Choice &choice, const Requirement &needs) const;
  int64_t body(size_t n, const Choice &choice, const Requirement &needs) const;

  const TensorProgram &program;
  const Chip &chip;
  MovementCost movement;
  Epilogues epilogues;
  std::vector<std::vector<int64_t>> work; ///< operation() of each option
};

} // namespace manaslu::tiling
