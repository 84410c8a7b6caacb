// Look-ups on a program in memory.
#include "lib/ISA/Program.h"

#include <algorithm>

namespace manaslu::isa {

static constexpr std::string_view kKindNames[] = {"input", "output", "constant", "state", "scratch"};

std::string_view nameOf(RegionKind kind) { return kKindNames[static_cast<int>(kind)]; }

std::optional<RegionKind> regionKindFromName(std::string_view name) {
  for (int i = 0; i < 5; ++i)
    if (kKindNames[i] == name)
      return static_cast<RegionKind>(i);
  return std::nullopt;
}

const ConstantData *Program::constantOf(uint32_t region) const {
  auto found = std::lower_bound(constants.begin(), constants.end(), region, [](const ConstantData &entry, uint32_t wanted) { return entry.region < wanted; });
  return found != constants.end() && found->region == region ? &*found : nullptr;
}

const DebugEntry *Program::debugOf(StreamId stream, uint32_t instruction) const {
  auto after =
      std::upper_bound(debug.begin(), debug.end(), std::pair(stream, instruction),
                       [](const std::pair<StreamId, uint32_t> &wanted, const DebugEntry &entry) { return wanted < std::pair(entry.stream, entry.first); });
  if (after == debug.begin() || std::prev(after)->stream != stream)
    return nullptr;
  return &*std::prev(after);
}

uint64_t Program::instructionCount() const {
  uint64_t count = 0;
  for (const auto &[id, instructions] : streams)
    count += instructions.size();
  return count;
}

void Program::addConstant(uint32_t region, std::vector<std::byte> bytes) {
  auto owned = std::make_shared<std::vector<std::byte>>(std::move(bytes));
  ConstantData data;
  data.region = region;
  data.bytes = *owned;
  data.owner = owned;
  constants.push_back(std::move(data));
}

void Program::materialize() {
  for (ConstantData &data : constants) {
    if (!data.fill)
      continue;
    auto owned = std::make_shared<std::vector<std::byte>>(regions[data.region].bytes);
    data.fill(0, *owned);
    data.bytes = *owned;
    data.owner = owned;
    data.fill = nullptr;
  }
}

} // namespace manaslu::isa
