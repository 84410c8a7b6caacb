// Breaks programs a little.
#include "test/programs/Generator.h"

#include "lib/ISA/FieldWalk.h"
#include "test/programs/RandomInstructions.h"

#include <algorithm>

namespace manaslu::test {

namespace {

/// A value within the field's limits: any, or half of the time a small step from the old one, which more often passes the verifier.
template <class T> T changed(T value, const isa::FieldLayout &layout, std::mt19937_64 &random) {
  if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>)
    if (random() % 2 && layout.minimum != layout.maximum) {
      auto step = static_cast<int64_t>(random() % 9) - 4;
      int64_t next = static_cast<int64_t>(static_cast<uint64_t>(value) + static_cast<uint64_t>(step));
      return static_cast<T>(std::clamp(next, layout.minimum, layout.maximum));
    }
  return isa::test::randomValue<T>(layout, random);
}

/// Visitors of walkInstruction: of one type each, so that the walk is compiled once.
struct CountScalars {
  size_t &count;
  template <class T> void operator()(const T &, const isa::FieldLayout &, int) const { ++count; }
};
struct ChangeScalar {
  size_t left; ///< scalars before the one to change
  std::mt19937_64 &random;
  template <class T> void operator()(T &value, const isa::FieldLayout &layout, int) {
    if (left-- == 0)
      value = changed(value, layout, random);
  }
};

} // namespace

void mutate(isa::Program &program, std::mt19937_64 &random) {
  for (uint64_t changes = 1 + random() % 3; changes > 0; --changes) {
    auto stream = std::next(program.streams.begin(), static_cast<long>(random() % program.streams.size()));
    isa::Instruction &chosen = stream->second[random() % stream->second.size()];
    size_t scalars = 0;
    std::visit([&scalars](const auto &inner) { isa::walkInstruction(inner, CountScalars{scalars}); }, chosen);
    ChangeScalar change{random() % scalars, random};
    std::visit([&change](auto &inner) { isa::walkInstruction(inner, change); }, chosen);
  }
}

} // namespace manaslu::test
