// `manaslu-cc compile`: flags to CompileOptions, and progress where somebody watches.
#include "lib/Driver/Commands.h"
#include "manaslu/Driver.h"

#include <cstdio>
#include <unistd.h>

namespace manaslu::driver {

CommandResult compileCommand(const Invocation &invocation) {
  CompileOptions options;
  options.model = invocation.words.front();
  options.output = invocation.value("--output");
  options.framework = invocation.value("--framework");
  options.target = invocation.value("--target");
  options.optlevel = invocation.value("--optlevel")[0] - '0';
  options.autoCast = invocation.value("--auto-cast");
  options.autoCastType = invocation.value("--auto-cast-type");
  options.precision = invocation.value("--precision");
  options.calibration = invocation.value("--calibration");
  options.weights = invocation.value("--weights");
  options.report = invocation.value("--report");
  options.dumpIr = invocation.value("--dump-ir");
  options.compileTo = invocation.value("--compile-to");
  options.compileFrom = invocation.value("--compile-from");
  options.logfile = invocation.value("--logfile");
  options.verbose = invocation.value("--verbose");
  options.strip = invocation.has("--strip");
  options.trusted = invocation.has("--trusted");
  options.threads = static_cast<int>(numberOf(invocation, "--threads"));
  bool watched = ::isatty(2) && options.verbose == "warning" && !invocation.has("--json-diagnostics");
  if (watched)
    options.progress = [](std::string_view phase) { std::fprintf(stderr, "\r\033[K%.*s ...", static_cast<int>(phase.size()), phase.data()); };
  Result<CompileResult> result = compile(options);
  if (watched)
    std::fputs("\r\033[K", stderr);
  if (!result)
    return result.error();
  // A stage on standard output must not be followed by words.
  return result->output == "-" || !watched ? std::string() : "wrote " + result->output + "\n";
}

} // namespace manaslu::driver
