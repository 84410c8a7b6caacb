// The bound of interfaces.md: the time below which no program for this model can run on this chip, from the graph after type selection.
#pragma once

#include <map>
#include <mlir/Dialect/Func/IR/FuncOps.h>
#include <string>

#include "lib/Chip/Chip.h"

namespace manaslu::pipeline {

/// What the bound counts. Products and sums of whole numbers, so the same on every host.
struct Work {
  double weightedMacs = 0;          ///< multiply-accumulates of contractions times the passes of their type
  double transcendentals = 0;       ///< results of functions that only se evaluates
  double bytes = 0;                 ///< inputs and constants read once, outputs written once
  std::map<std::string, int> types; ///< operators by the type that they compute in
};

/// The three terms in nanoseconds, and which is the largest ("pe", "se", "memory").
struct Bound {
  double peNs = 0, seNs = 0, memoryNs = 0, boundNs = 0;
  std::string by;
};

/// Counts a function of the graph dialect, or of linalg on tensors.
Work countWork(mlir::func::FuncOp function, const Chip &chip);

/// The bound of one core.
Bound boundOf(const Work &work, const Chip &chip);

} // namespace manaslu::pipeline
