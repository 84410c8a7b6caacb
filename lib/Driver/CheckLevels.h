// The tile program and the binary must give identical bits (docs/Numerics.md): runs the first, compares with what the second gave.
#pragma once

#include <cstddef>
#include <vector>

#include "lib/ISA/Program.h"
#include "lib/Support/Error.h"

namespace manaslu::driver {

/// Bytes of every region by its index; regions that a caller has nothing for are empty.
using RegionBytes = std::vector<std::vector<std::byte>>;

/// Interprets the program's tile program in a child process. `before` holds inputs and states as they were before the run, `after` outputs and states after it.
/// Errors: MN-RUN-STRIPPED, MN-RUN-LEVELS with the first element that differs, MN-INTERNAL.
Status checkLevels(const isa::Program &program, const RegionBytes &before, const RegionBytes &after);

} // namespace manaslu::driver
