// Names of engines and operations, and finding chips by name or path.
#include "lib/Chip/Chip.h"

#include "lib/Chip/Presets.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace manaslu {

namespace {

constexpr std::string_view kEngineNames[kEngineCount] = {"pe", "ve", "se", "ge", "dma"};

struct OperationEntry {
  std::string_view name;
  Engine engine;
};

constexpr OperationEntry kOperations[kOperationCount] = {
    {"matmul", Engine::Pe},
    {"transpose", Engine::Pe},
    {"activate", Engine::Se},
    {"tensor_tensor", Engine::Ve},
    {"tensor_scalar", Engine::Ve},
    {"reduce", Engine::Ve},
    {"scan", Engine::Ve},
    {"select", Engine::Ve},
    {"copy", Engine::Ve},
    {"memset", Engine::Ve},
    {"reciprocal", Engine::Ve},
    {"bn_stats", Engine::Ve},
    {"bn_aggregate", Engine::Ve},
    {"max8", Engine::Ve},
    {"find_index8", Engine::Ve},
    {"match_replace8", Engine::Ve},
    {"transpose_block", Engine::Ve},
    {"shuffle", Engine::Ve},
    {"random", Engine::Ve},
    {"iota", Engine::Ge},
    {"affine_select", Engine::Ge},
    {"partition_reduce", Engine::Ge},
    {"partition_broadcast", Engine::Ge},
    {"gather", Engine::Ge},
    {"scatter", Engine::Ge},
    {"int_tensor_tensor", Engine::Ge},
    {"int_tensor_scalar", Engine::Ge},
};

std::string listed() {
  std::string out;
  for (const std::string &name : presetNames())
    out += name + ", ";
  return out;
}

} // namespace

std::string_view nameOf(Engine engine) { return kEngineNames[static_cast<int>(engine)]; }
std::string_view nameOf(Operation operation) { return kOperations[static_cast<int>(operation)].name; }
Engine engineOf(Operation operation) { return kOperations[static_cast<int>(operation)].engine; }

int64_t Chip::clockMhz(Engine engine) const {
  switch (engine) {
  case Engine::Pe: return pe.clockMhz;
  case Engine::Ve: return ve.clockMhz;
  case Engine::Se: return se.clockMhz;
  case Engine::Ge: return ge ? ge->clockMhz : dmaClockMhz;
  case Engine::Dma: break;
  }
  return dmaClockMhz;
}

bool Chip::supports(Engine engine, DType type) const {
  auto holds = [type](const std::vector<DType> &types) { return std::find(types.begin(), types.end(), type) != types.end(); };
  switch (engine) {
  case Engine::Pe: return pe.types.count(type) != 0;
  case Engine::Ve: return holds(ve.types);
  case Engine::Se: return holds(se.types);
  case Engine::Ge: return ge && holds(ge->types);
  case Engine::Dma: break;
  }
  return true;
}

std::vector<std::string> presetNames() {
  std::vector<std::string> names;
  for (const chipfile::Preset &preset : chipfile::kPresets)
    names.emplace_back(preset.name);
  return names;
}

Result<Chip> findChip(std::string_view nameOrPath) {
  for (const chipfile::Preset &preset : chipfile::kPresets)
    if (preset.name == nameOrPath)
      return parseChip(preset.text, preset.name);
  if (!nameOrPath.ends_with(".json"))
    return Error("MN-CHIP-002",
                 "no chip is called `" + std::string(nameOrPath.substr(0, 200)) + "`; there are " + listed() + "or name a chip file that ends in .json");
  std::filesystem::path path(nameOrPath);
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored))
    return Error("MN-IO-001", "the chip file does not exist or is not a regular file", std::string(nameOrPath));
  std::ifstream file(path, std::ios::binary);
  std::string text((size_t(1) << 20) + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!file.is_open() || file.bad())
    return Error("MN-IO-001", "the chip file cannot be read", std::string(nameOrPath));
  text.resize(static_cast<size_t>(file.gcount()));
  return parseChip(text, nameOrPath);
}

} // namespace manaslu
