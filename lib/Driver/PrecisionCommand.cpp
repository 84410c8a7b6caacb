// `manaslu-cc search-precision`, and the scales that `compile --calibration` takes: both run in the Python package, which has PyTorch.
#include "lib/Driver/Commands.h"
#include "lib/Driver/Files.h"
#include "lib/Driver/Import.h"

#include <csignal>
#include <unistd.h>

namespace manaslu::driver {

namespace {

/// This process's terminal under a descriptor that a child inherits, for its progress; -1 where nobody watches.
class WatchedTerminal {
public:
  WatchedTerminal() : descriptor(::isatty(2) ? ::dup(2) : -1) {}
  WatchedTerminal(const WatchedTerminal &) = delete;
  WatchedTerminal &operator=(const WatchedTerminal &) = delete;
  ~WatchedTerminal() {
    if (descriptor >= 0)
      ::close(descriptor);
  }
  std::vector<std::string> arguments() const {
    return descriptor < 0 ? std::vector<std::string>() : std::vector<std::string>{"--progress-to", std::to_string(descriptor)};
  }

private:
  int descriptor;
};

/// While it lives, an interruption from the terminal is the child's alone: that writes what it has.
class InterruptionsToChild {
public:
  InterruptionsToChild() {
    struct sigaction action = {};
    action.sa_handler = [](int) {}; // not SIG_IGN, which a child would inherit
    ::sigaction(SIGINT, &action, &before);
  }
  InterruptionsToChild(const InterruptionsToChild &) = delete;
  InterruptionsToChild &operator=(const InterruptionsToChild &) = delete;
  ~InterruptionsToChild() { ::sigaction(SIGINT, &before, nullptr); }

private:
  struct sigaction before = {};
};

Result<ChildOutcome> runPrecision(const std::vector<std::string> &words) {
  WatchedTerminal terminal;
  InterruptionsToChild child;
  std::vector<std::string> arguments = terminal.arguments();
  arguments.insert(arguments.end(), words.begin(), words.end());
  return runPythonModule("manaslu.precision", arguments);
}

} // namespace

Result<std::string> calibratedScales(const std::string &model, const std::string &samples) {
  Result<ChildOutcome> outcome = runPrecision({"calibrate", model, "--calibration", samples, "--output", "-"});
  if (!outcome)
    return outcome.error();
  return outcome->output;
}

CommandResult searchPrecisionCommand(const Invocation &invocation) {
  Error missing;
  for (std::string_view flag : {"--calibration", "--output"})
    if (!invocation.has(flag))
      missing.add("MN-USE-002", "search-precision needs " + std::string(flag));
  std::vector<std::string> words = {"search", invocation.words.front()};
  int limits = 0;
  for (std::string_view flag : {"--min-sqnr", "--min-cosine", "--max-latency-ns"}) {
    if (!invocation.has(flag))
      continue;
    ++limits;
    if (Result<double> value = realOf(invocation, flag); !value)
      missing.append(value.error());
    words.insert(words.end(), {std::string(flag), invocation.value(flag)});
  }
  if (limits != 1)
    missing.add("MN-USE-002", "search-precision needs one limit: --min-sqnr, --min-cosine or --max-latency-ns");
  for (std::string_view flag : {"--output", "--pareto"})
    if (invocation.has(flag) && invocation.value(flag) != "-")
      if (Status writable = checkWritable(invocation.value(flag)); !writable)
        missing.append(writable.error());
  if (!missing.empty())
    return missing;
  for (std::string_view flag : {"--calibration", "--output", "--pareto", "--target", "--types", "--default", "--scaling", "--objective", "--cache"})
    if (std::string value = invocation.value(flag); !value.empty())
      words.insert(words.end(), {std::string(flag), value});
  Result<ChildOutcome> outcome = runPrecision(words);
  if (!outcome)
    return outcome.error();
  return outcome->output;
}

} // namespace manaslu::driver
