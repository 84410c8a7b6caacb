// `manaslu-cc run` and `inspect`: flags to Program, files in and out.
#include "lib/Driver/Commands.h"
#include "lib/Driver/Files.h"
#include "lib/Driver/RunInputs.h"
#include "manaslu/Driver.h"

namespace manaslu::driver {

Result<NamedArrays> inputsOf(const Invocation &invocation, const Program &program) {
  if (invocation.has("--inputs") && invocation.has("--random"))
    return Error("MN-USE-002", "--inputs and --random exclude each other");
  if (invocation.has("--inputs"))
    return readNpz(invocation.value("--inputs"));
  if (!invocation.has("--random") && invocation.value("--random").empty()) {
    if (program.inputs().empty())
      return NamedArrays{};
    return Error("MN-USE-002", "the program needs inputs: give --inputs IN.npz or --random SEED. It takes:\n" + program.signatureText());
  }
  return program.randomInputs(numberOf(invocation, "--random"));
}

/// Flags that make no sense together, all at once.
static Status checkFlags(const Invocation &invocation) {
  Error error;
  for (const char *flag : {"--no-clock", "--inputs", "--random", "--outputs", "--check-levels", "--state-in", "--state-out"})
    if (invocation.has("--no-values") && invocation.has(flag))
      error.add("MN-USE-002", std::string("--no-values simulates time without tensors; it excludes ") + flag);
  if (invocation.has("--trace") && invocation.has("--no-clock"))
    error.add("MN-USE-002", "--trace shows simulated time; it excludes --no-clock");
  if (invocation.value("--trace") == "-")
    error.add("MN-USE-002", "--trace wants a file, not standard output: a trace is not written from begin to end");
  return error.empty() ? Status() : Status(error);
}

CommandResult runCommand(const Invocation &invocation) {
  if (Status flags = checkFlags(invocation); !flags)
    return flags.error();
  for (const char *flag : {"--outputs", "--report", "--state-out", "--trace"})
    if (invocation.has(flag))
      if (Status writable = checkWritable(invocation.value(flag)); !writable)
        return writable.error();
  Result<Program> program = Program::load(invocation.words.front());
  if (!program)
    return program.error();
  Result<NamedArrays> inputs = invocation.has("--no-values") ? NamedArrays{} : inputsOf(invocation, *program);
  if (!inputs)
    return inputs.error();
  if (invocation.has("--state-in")) {
    Result<NamedArrays> state = readNpz(invocation.value("--state-in"));
    if (!state)
      return state.error();
    if (Status set = program->setState(*state); !set)
      return set.error();
  }
  RunOptions options{static_cast<int>(numberOf(invocation, "--threads")), !invocation.has("--no-clock"), invocation.has("--check-levels"),
                     !invocation.has("--no-values"), invocation.value("--trace")};
  Result<NamedArrays> outputs = program->run(*inputs, options);
  if (!outputs)
    return outputs.error();
  // All that was asked for, or nothing: a file is removed again if a later one fails.
  std::vector<std::string> written;
  if (invocation.has("--trace"))
    written.push_back(options.trace);
  auto undo = [&](const Error &error) {
    for (const std::string &path : written)
      if (path != "-")
        removeFile(path);
    return error;
  };
  auto write = [&](std::string_view flag, auto &&store) -> Status {
    if (!invocation.has(flag))
      return {};
    std::string path = invocation.value(flag);
    Status status = store(path);
    if (status)
      written.push_back(path);
    return status;
  };
  if (Status status = write("--outputs", [&](const std::string &path) { return writeNpz(path, *outputs); }); !status)
    return undo(status.error());
  if (Status status = write("--state-out", [&](const std::string &path) { return writeNpz(path, program->state()); }); !status)
    return undo(status.error());
  if (Status status = write("--report", [&](const std::string &path) { return writeFile(path, program->report()); }); !status)
    return undo(status.error());
  if (invocation.value("--outputs") == "-" || invocation.value("--report") == "-")
    return std::string();
  return program->summary() + (options.checkLevels ? "levels agree: the tile program gives the same bits\n" : "");
}

CommandResult inspectCommand(const Invocation &invocation) {
  Result<Program> program = Program::load(invocation.words.front());
  if (!program)
    return program.error();
  return program->describe(invocation.has("--disassemble"), invocation.has("--json"));
}

} // namespace manaslu::driver
