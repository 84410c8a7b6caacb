// Makes a failing program smaller: delta debugging over instructions, then over the values in them.
#pragma once

#include "test/programs/Case.h"

#include <functional>

namespace manaslu::test {

/// The smallest case found that still `fails`, within `budget` calls of it: streams, semaphores, loops, instructions and outputs are left out as long as the
/// failure stays, then every field is brought to its initial value, or nearer to it. `input` itself fails.
Case reduceCase(Case input, const std::function<bool(const Case &)> &fails, int budget = 4000);

} // namespace manaslu::test
