// Child processes with limits: the importer, the check of foreign text, the interpreter of --check-levels.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "lib/Support/Error.h"

namespace manaslu::driver {

/// Limits of a child; 0 means none.
struct ChildLimits {
  uint64_t memoryBytes = 0; ///< address space
  uint64_t cpuSeconds = 0;
};

/// How a child ended and what it wrote.
struct ChildOutcome {
  int exitStatus = 0; ///< 128 + signal when a signal ended it
  std::string output; ///< standard output
  std::string errors; ///< standard error, the last 1 MiB
};

/// Runs a program (path and arguments, no shell) with standard input closed and waits for it. Error: MN-INTERNAL when it cannot be started.
Result<ChildOutcome> runProgram(const std::vector<std::string> &command, const ChildLimits &limits = {});

/// Runs `work` in a fork of this process; what it returns is the exit status, what it appends to its argument arrives as `output`.
/// Only for processes without other threads that matter to `work`. Error: MN-INTERNAL when it cannot be started.
Result<ChildOutcome> runForked(const std::function<int(std::string &output)> &work, const ChildLimits &limits = {});

/// The largest resident set of this process so far, in bytes; not that of the process that started it.
uint64_t ownPeakRssBytes();

} // namespace manaslu::driver
