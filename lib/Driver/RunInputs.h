// Inputs of a run as the command line gives them.
#pragma once

#include "lib/Driver/Binding.h"
#include "lib/Driver/CommandLine.h"

namespace manaslu::driver {

/// The arrays of --inputs, or those drawn by --random; a program without inputs needs neither. Errors: MN-USE-002, MN-IN-NPZ-*.
Result<NamedArrays> inputsOf(const Invocation &invocation, const Program &program);

} // namespace manaslu::driver
