// Keys of the report that come from a program's metadata (interfaces.md); the others are added where they are measured.
#pragma once

#include <nlohmann/json.hpp>

namespace manaslu::driver {

/// Adds `precision`, `memory`, `simulated.bound*` and `device_memory.compulsory_bytes` from what the compiler left in the program.
void addProgramFigures(nlohmann::ordered_json &report, const nlohmann::ordered_json &metadata);

} // namespace manaslu::driver
