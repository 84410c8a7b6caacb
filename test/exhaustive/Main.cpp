// manaslu-exhaustive: tries every input of every operation of the numeric contract in every kernel variant of this CPU.
#include "test/exhaustive/Sweep.h"

#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <unistd.h>

using namespace manaslu::numerics;
using namespace manaslu::numerics::exhaustive;

namespace {

constexpr char kUsage[] = R"(usage: manaslu-exhaustive [--stride N] [--seed N] [--threads N] [--part TEXT] [--list]
  --stride N   every Nth input, from a start that the seed decides (default 1: all)
  --seed N     of the start (default 1)
  --threads N  default 2
  --part TEXT  only parts whose name contains TEXT
  --list       print the parts and stop
)";

struct Options {
  Selection selection{1, 1};
  int threads = 2;
  const char *part = "";
  bool list = false;
};

/// False when the command line is not understood.
bool parse(int argc, char **argv, Options &options) {
  for (int i = 1; i < argc; ++i) {
    if (!std::strcmp(argv[i], "--list")) {
      options.list = true;
      continue;
    }
    if (i + 1 == argc)
      return false;
    const char *name = argv[i], *value = argv[++i];
    char *end = nullptr;
    uint64_t number = std::strtoull(value, &end, 10);
    bool isNumber = *value >= '0' && *value <= '9' && *end == 0;
    if (!std::strcmp(name, "--part"))
      options.part = value;
    else if (!std::strcmp(name, "--stride") && isNumber && number >= 1)
      options.selection.stride = number;
    else if (!std::strcmp(name, "--seed") && isNumber)
      options.selection.seed = number;
    else if (!std::strcmp(name, "--threads") && isNumber && number >= 1 && number <= 256)
      options.threads = static_cast<int>(number);
    else
      return false;
  }
  return true;
}

double seconds() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

/// Runs one part and prints what it found; adds the processor time that all its inputs would take to `total`.
bool run(const Part &part, const Options &options, double &total) {
  bool terminal = isatty(STDERR_FILENO);
  double begun = seconds(), shown = 0;
  std::clock_t before = std::clock();
  Finding finding = sweep(part, options.selection, options.threads, [&](double share) {
    if (terminal && seconds() - shown > 0.5) {
      shown = seconds();
      std::fprintf(stderr, "\r%-32s %5.1f %%, %.0f s left \033[K", part.name.c_str(), 100 * share, (shown - begun) * (1 / share - 1));
    }
  });
  if (terminal)
    std::fprintf(stderr, "\r\033[K");
  std::printf("%-6s %-32s %11llu inputs, %llu mismatches", part.holds(finding) ? "ok" : "FAILED", part.name.c_str(),
              static_cast<unsigned long long>(finding.checked), static_cast<unsigned long long>(finding.mismatches));
  if (part.limit >= 0)
    std::printf(", %.7f ULP at %a (documented %g)", finding.worstUlps, finding.worstInput, part.limit);
  // Processor time tells how long the whole takes, also on a busy machine.
  double used = static_cast<double>(std::clock() - before) / CLOCKS_PER_SEC, perInput = used / static_cast<double>(finding.checked);
  total += perInput * static_cast<double>(part.inputs);
  std::printf(", %.1f s, %.1f ns an input%s%s\n", seconds() - begun, 1e9 * perInput, finding.mismatch.empty() ? "" : ": ", finding.mismatch.c_str());
  std::fflush(stdout);
  return part.holds(finding);
}

} // namespace

int main(int argc, char **argv) {
  Options options;
  if (!parse(argc, argv, options)) {
    std::fputs(kUsage, stderr);
    return 2;
  }
  std::printf("variants:");
  for (Variant variant : availableVariants())
    std::printf(" %s", std::string(nameOf(variant)).c_str());
  std::printf("; stride %llu, seed %llu, %d threads\n", static_cast<unsigned long long>(options.selection.stride),
              static_cast<unsigned long long>(options.selection.seed), options.threads);
  int passed = 0, failed = 0;
  double total = 0;
  for (const Part &part : allParts()) {
    if (part.name.find(options.part) == std::string::npos)
      continue;
    if (options.list)
      std::printf("%s\n", part.name.c_str());
    else
      ++(run(part, options, total) ? passed : failed);
  }
  if (!options.list)
    std::printf("all inputs of these parts take %.0f s of processor time, %.0f minutes on %d threads\n", total, total / 60 / options.threads, options.threads);
  std::printf("%d passed, %d failed\n", passed, failed);
  return failed > 0;
}
