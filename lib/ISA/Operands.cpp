// Names of streams and spaces.
#include "lib/ISA/Operands.h"

namespace manaslu::isa {

std::string_view nameOf(Space space) { return space == Space::Sbuf ? "sbuf" : "psum"; }

std::string_view nameOf(Rounding rounding) { return rounding == Rounding::Nearest ? "nearest" : "stochastic"; }
std::string_view nameOf(Overflow overflow) { return overflow == Overflow::Saturate ? "saturate" : "propagate"; }

std::optional<Space> spaceFromName(std::string_view name) {
  if (name == "sbuf")
    return Space::Sbuf;
  if (name == "psum")
    return Space::Psum;
  return std::nullopt;
}

std::string nameOf(StreamId id) {
  static constexpr std::string_view names[] = {"pe", "ve", "se", "ge"};
  int number = static_cast<int>(id);
  return number < 4 ? std::string(names[number]) : "dma" + std::to_string(number - 4);
}

std::optional<StreamId> streamFromName(std::string_view name) {
  for (int i = 0; i < kStreamCount; ++i)
    if (nameOf(static_cast<StreamId>(i)) == name)
      return static_cast<StreamId>(i);
  return std::nullopt;
}

} // namespace manaslu::isa
