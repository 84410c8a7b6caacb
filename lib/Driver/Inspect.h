// What a program holds, for people and for scripts.
#pragma once

#include <string>

#include "lib/Chip/Energy.h"
#include "lib/ISA/Program.h"

namespace manaslu::driver {

/// Regions, streams, constants and metadata; with `disassembled` also every instruction.
std::string inspect(const isa::Program &program, const std::string &path, bool disassembled, bool json);

/// Writes the parts of an energy in nanojoules under the names of the report; gives their sum.
double addEnergy(nlohmann::ordered_json &target, const EnergyParts &parts);

} // namespace manaslu::driver
