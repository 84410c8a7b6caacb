// Masks known at compile time: iterations of a group whose results take no part in what the group computes, so that they need not run.
#pragma once

#include "lib/Conversion/LinalgToTile/TensorProgram.h"

namespace manaslu::tiling {

/// Coordinates from `first` up to, not including, `last`.
struct Span {
  int64_t first = 0, last = 0;
  int64_t size() const { return last - first; }
};

/// A loop of a group (the keys of an attention) of which each coordinate of another loop (the queries) needs one run. Beyond it a mask makes every value one
/// that changes nothing: so low that it loses every maximum and its exponential is zero, or zero in a sum.
struct MaskedLoop {
  std::map<int, int> loops; ///< member -> its loop that may be cut
  int node = -1;            ///< the member that applies the mask
  int by = -1;              ///< its loop that the runs depend on, -1: none
  std::vector<Span> kept;   ///< by coordinate of `by`; all of the loop where the mask hides a row whole (its softmax is then one over all keys)

  /// The run that the coordinates [first, last) of `by` need together.
  Span keptBy(int64_t first, int64_t last) const;
};

/// Finds the loop, if the nodes (in program order) have one. `local` tells of each storage whether only these nodes use it. Values that are not masked are
/// taken to be finite and far above -1e9.
std::optional<MaskedLoop> findMaskedLoop(const TensorProgram &program, const std::vector<int> &nodes, const std::vector<char> &local);

/// The elements of a Dense storage in its row-major order.
std::vector<double> denseValues(const Storage &storage);

/// The value of an expression whose inputs are known in part: nothing where it depends on one that is not. Values of -1e9 and below count as minus infinity.
std::optional<double> knownValue(const Expression &body, const std::vector<std::optional<double>> &inputs);

} // namespace manaslu::tiling
