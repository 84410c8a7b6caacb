// Upstream MLIR's CPU JIT as an independent reference for a module of linalg on tensors.
#pragma once

#include <string>

#include "lib/Support/Error.h"
#include "manaslu/HostArray.h"

namespace manaslu::driver {

/// Runs the one public function of a module of upstream dialects in a child process. Inputs and outputs go by position; outputs are named "0", "1", ...
/// Error: MN-VERIFY-REFERENCE.
Result<NamedArrays> runWithJit(const std::string &module, const std::vector<const HostArray *> &inputs);

} // namespace manaslu::driver
