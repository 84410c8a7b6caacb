// Random valid instructions of every kind, for round-trip tests.
#pragma once

#include "lib/ISA/FieldWalk.h"
#include "lib/ISA/Instructions.h"

#include <random>

namespace manaslu::isa::test {

/// A value within the limits of its field, the limits themselves with a chance of one in eight each.
template <class T> T randomValue(const FieldLayout &layout, std::mt19937_64 &random) {
  if constexpr (std::is_same_v<T, float>) {
    return std::bit_cast<float>(static_cast<uint32_t>(random()));
  } else {
    if (layout.minimum == 0 && layout.maximum == 0)
      return fromBits<T>(static_cast<int64_t>(random()));
    uint64_t choice = random() % 8;
    if (choice < 2)
      return fromBits<T>(choice == 0 ? layout.minimum : layout.maximum);
    uint64_t span = static_cast<uint64_t>(layout.maximum) - static_cast<uint64_t>(layout.minimum);
    uint64_t offset = span == UINT64_MAX ? random() : random() % (span + 1);
    return fromBits<T>(static_cast<int64_t>(static_cast<uint64_t>(layout.minimum) + offset));
  }
}

/// The instruction number `kind` of the variant with its fields at their initial values.
template <size_t... kinds> Instruction instructionOfKind(size_t kind, std::index_sequence<kinds...>) {
  static constexpr std::array<Instruction (*)(), sizeof...(kinds)> kMake = {
      []() -> Instruction { return std::variant_alternative_t<kinds, Instruction>(); }...};
  return kMake[kind]();
}
inline Instruction instructionOfKind(size_t kind) { return instructionOfKind(kind, std::make_index_sequence<std::variant_size_v<Instruction>>()); }

/// Gives a scalar a random value. One type for all instructions: walkInstruction is compiled once for each.
struct RandomScalar {
  std::mt19937_64 &random;
  template <class T> void operator()(T &value, const FieldLayout &layout, int) const { value = randomValue<T>(layout, random); }
};

/// The instruction number `kind` of the variant with random fields.
inline Instruction randomInstruction(size_t kind, std::mt19937_64 &random) {
  Instruction instruction = instructionOfKind(kind);
  std::visit([&random](auto &inner) { walkInstruction(inner, RandomScalar{random}); }, instruction);
  return instruction;
}

/// A fresh seed, or the one in MANASLU_SEED to repeat a failure.
inline uint64_t testSeed() {
  const char *given = std::getenv("MANASLU_SEED");
  return given ? std::strtoull(given, nullptr, 10) : std::random_device()();
}

} // namespace manaslu::isa::test
