// Finding Python, running its importer in a child process, and turning the child's errors back into ours.
#include "lib/Driver/Import.h"
#include "lib/Driver/Files.h"

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <unistd.h>

namespace manaslu::driver {

namespace fs = std::filesystem;

namespace {

bool executable(const fs::path &path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored) && ::access(path.c_str(), X_OK) == 0;
}

/// Reads lines `error: CODE: message`; lines in between belong to the message before them.
Error errorsOf(const ChildOutcome &outcome) {
  Error error;
  std::string code, message;
  auto flush = [&] {
    if (!code.empty())
      error.add(code, message);
    code.clear();
  };
  for (size_t begin = 0; begin < outcome.errors.size();) {
    size_t end = std::min(outcome.errors.find('\n', begin), outcome.errors.size());
    std::string line = outcome.errors.substr(begin, end - begin);
    begin = end + 1;
    size_t colon = line.find(": ", 7);
    if (line.starts_with("error: MN-") && colon != std::string::npos) {
      flush();
      code = line.substr(7, colon - 7);
      message = line.substr(colon + 2);
    } else if (!code.empty() && !line.empty()) {
      message += "\n" + line;
    }
  }
  flush();
  return error;
}

/// The last lines of what an unexpected failure printed.
std::string tail(const std::string &text) {
  size_t begin = text.size() > 2000 ? text.size() - 2000 : 0;
  return text.substr(begin);
}

} // namespace

Result<std::string> findPython() {
  if (const char *given = std::getenv("MANASLU_PYTHON"); given && *given) {
    if (!executable(given))
      return Error("MN-FE-PYTHON", "MANASLU_PYTHON names a file that cannot be run", given);
    return std::string(given);
  }
  fs::path folder = executableFolder();
  if (executable(folder / "python"))
    return (folder / "python").string();
  // From a build tree: the checkout's .venv is in a folder above.
  for (fs::path above = folder; above.has_relative_path(); above = above.parent_path())
    if (executable(above / ".venv/bin/python"))
      return (above / ".venv/bin/python").string();
  if (executable(folder / "python3"))
    return (folder / "python3").string();
  return Error("MN-FE-PYTHON",
               "no Python with the package manaslu beside the compiler in " + folder.string() + "; run tools/quickstart, or set MANASLU_PYTHON to one");
}

Result<ChildOutcome> runPythonModule(const std::string &module, const std::vector<std::string> &arguments) {
  Result<std::string> python = findPython();
  if (!python)
    return python.error();
  // In a build tree the package is not installed: let the child find the checkout's python/ folder.
  fs::path package = fs::path(*python).parent_path().parent_path().parent_path() / "python";
  std::error_code ignored;
  std::vector<std::string> command = {*python, "-m", module};
  if (fs::is_directory(package / "manaslu", ignored)) {
    const char *existing = std::getenv("PYTHONPATH");
    ::setenv("PYTHONPATH", (package.string() + (existing && *existing ? ":" + std::string(existing) : "")).c_str(), 1);
  }
  command.insert(command.end(), arguments.begin(), arguments.end());
  Result<ChildOutcome> outcome = runProgram(command);
  if (!outcome)
    return outcome.error();
  if (outcome->exitStatus == 0)
    return outcome;
  if (Error error = errorsOf(*outcome); !error.empty())
    return error;
  if (outcome->exitStatus == 127)
    return Error("MN-FE-PYTHON", "the interpreter cannot be started", *python);
  return Error("MN-INTERNAL",
               "python -m " + module + " ended with status " + std::to_string(outcome->exitStatus) + " and no error code:\n" + tail(outcome->errors));
}

Result<Imported> importModel(const std::string &model, const std::string &folder) {
  Imported imported{folder + "/model.mlir", folder + "/model.safetensors"};
  auto begin = std::chrono::steady_clock::now();
  Result<ChildOutcome> outcome = runPythonModule("manaslu.frontend", {model, "-o", imported.module, "--weights", imported.weights});
  if (!outcome)
    return outcome.error();
  imported.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  // The importer tells its own peak: what the kernel counts for a child includes this process at the fork.
  constexpr std::string_view kPeak = "peak_rss_bytes ";
  if (outcome->output.starts_with(kPeak))
    imported.peakRssBytes = std::strtoull(outcome->output.c_str() + kPeak.size(), nullptr, 10);
  return imported;
}

Result<std::vector<std::string>> listOperators() {
  Result<ChildOutcome> outcome = runPythonModule("manaslu.frontend", {"--list-operators"});
  if (!outcome)
    return outcome.error();
  std::vector<std::string> operators;
  for (size_t begin = 0; begin < outcome->output.size();) {
    size_t end = std::min(outcome->output.find('\n', begin), outcome->output.size());
    if (end > begin)
      operators.push_back(outcome->output.substr(begin, end - begin));
    begin = end + 1;
  }
  return operators;
}

} // namespace manaslu::driver
