// Resolving several operands at once, reads before writes.
#pragma once

#include "lib/Sim/Execute/Families.h"
#include "lib/Sim/Execute/Rows.h"

// Resolves `operand` into a View called `name`, or returns the memory's error.
#define MANASLU_TILE(name, operand, access)                                                                                                                    \
  auto name##Resolved = memory.tile(operand, Access::access);                                                                                                  \
  if (!name##Resolved)                                                                                                                                         \
    return name##Resolved.error();                                                                                                                             \
  const View &name = *name##Resolved

#define MANASLU_DEVICE(name, operand, access)                                                                                                                  \
  auto name##Resolved = memory.device(operand, Access::access);                                                                                                \
  if (!name##Resolved)                                                                                                                                         \
    return name##Resolved.error();                                                                                                                             \
  const DeviceView &name = *name##Resolved

namespace manaslu::sim {

/// MN-RUN-INDEX for an index outside [0, limit).
inline Error indexError(int64_t index, int64_t limit, int partition) {
  return Error("MN-RUN-INDEX", "index " + std::to_string(index) + " in partition " + std::to_string(partition) + " is outside the table of " +
                                   std::to_string(limit) + " entries");
}

} // namespace manaslu::sim
