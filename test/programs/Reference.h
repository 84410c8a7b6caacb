// The reference that every run must equal: each instruction element by element from docs/ISA.md and the scalar oracles of lib/Numerics, one instruction at a
// time. It shares no code with lib/Sim and knows no clock.
#pragma once

#include "test/programs/Case.h"

namespace manaslu::test {

/// What a program leaves behind.
struct Outcome {
  std::vector<std::vector<std::byte>> outputs; ///< output regions in their order
  std::vector<std::vector<std::byte>> states;  ///< state regions in their order
  uint64_t instructions = 0;                   ///< executed

  bool operator==(const Outcome &) const = default;
};

/// Runs a program that keeps all rules. Streams take turns in an order drawn from `schedule` (0: each runs as far as it can, lowest first): a program without
/// races gives the same bytes under every schedule. MN-RUN-DEADLOCK, MN-RUN-INDEX; MN-RUN-BOUNDS for a program that does not keep the rules.
Result<Outcome> runReference(const Case &input, uint64_t schedule = 0);

} // namespace manaslu::test
