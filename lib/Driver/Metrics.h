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

/// Defaults of a precision: all fp32, or with operators in a smaller type.
Tolerances defaultTolerances(bool reduced);

/// The measures outside their tolerances as text, or empty.
std::string misses(const Closeness &closeness, const Tolerances &tolerances);

/// A short decimal number that does not depend on the locale.
std::string shortNumber(double value);

} // namespace manaslu::driver
