// The exact functions, in double precision, by the host's mathematical library: what errors are measured against.
#pragma once

#include "lib/Numerics/Unary.h"

namespace manaslu::numerics::exhaustive {

/// out[i] = function(x[i]) with a relative error below 2^-48.
void referenceRow(UnaryFunction function, const float *x, double *out, int64_t n);

} // namespace manaslu::numerics::exhaustive
