// How close an output is to its reference: largest error over range, SQNR, cosine.
#pragma once

#include <string>
#include <vector>

#include "manaslu/HostArray.h"

namespace manaslu::driver {

/// Closeness of one output. Without noise, SQNR is infinite; a NaN on one side only makes the errors infinite.
struct Closeness {
  std::string name;
  double maxError = 0;          ///< largest |difference|
  double maxErrorOverRange = 0; ///< over (maximum - minimum) of the reference
  double sqnrDb = 0;            ///< 20 log10(|reference| / |difference|)
  double cosine = 1;
};

/// What `verify` asks for.
struct Tolerances {
  double maxErrorOverRange = 2e-5;
  double minSqnrDb = 80;
  double minCosine = 0.99999;
};

/// Compares two arrays of one shape.
Closeness compareArrays(const std::string &name, const HostArray &actual, const HostArray &reference);

/// Defaults of a program by the types that its operators compute in ("fp32", "bf16", "fp8_e4m3", ...): those of the coarsest.
Tolerances defaultTolerances(const std::vector<std::string> &types);

/// The measures outside their tolerances as text, or empty.
std::string misses(const Closeness &closeness, const Tolerances &tolerances);

/// A short decimal number that does not depend on the locale.
std::string shortNumber(double value);

} // namespace manaslu::driver
