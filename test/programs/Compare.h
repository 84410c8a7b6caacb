// Holds one program against everything that must agree: the reference, every kernel variant of this CPU, thread counts, the codec, the assembler.
#pragma once

#include "test/programs/Reference.h"

namespace manaslu::test {

/// What two executions that must be equal disagree about.
struct Disagreement {
  std::string between; ///< the execution that differs: "kernels avx2", "2 threads", "assembled", ...
  std::string what;    ///< the first difference
};

/// Everything that a run of the machine shows.
struct Observed {
  Outcome outcome;
  int64_t timePs = 0;
  std::string error; ///< the text of the error; empty: the program ended well

  bool operator==(const Observed &) const = default;
};

struct MachineOptions {
  int threads = 1;
  bool clock = true;
  uint64_t fuel = 20000;      ///< some ten times what generated programs use
  const Chip *chip = nullptr; ///< the program's, if it has been parsed already
};

/// One run of the machine on fresh memory.
Observed runMachine(const Case &input, const MachineOptions &options = {});

/// Runs the program in every way; nothing when all agree. A valid program must also agree with the reference under several schedules, and with itself without a
/// clock: what a program with mistakes in its synchronisation does may depend on time. `ended` gets what the machine saw with the scalar kernels and one
/// thread. Leaves the kernel variant as it found it.
std::optional<Disagreement> findDisagreement(const Case &input, bool isValid, Observed &ended);

} // namespace manaslu::test
