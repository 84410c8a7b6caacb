// `manaslu-cc verify`: the program on the simulator beside its model on the host.
#include "lib/Driver/Commands.h"
#include "lib/Driver/Files.h"
#include "lib/Driver/Import.h"
#include "lib/Driver/Jit.h"
#include "lib/Driver/Metrics.h"
#include "lib/Driver/RunInputs.h"
#include "manaslu/Driver.h"

#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

namespace manaslu::driver {

namespace {

Result<Tolerances> tolerancesOf(const Invocation &invocation, const std::vector<std::string> &types) {
  Tolerances tolerances = defaultTolerances(types);
  Error problems;
  auto take = [&](std::string_view flag, double &target) {
    if (!invocation.has(flag))
      return;
    Result<double> value = realOf(invocation, flag);
    if (value)
      target = *value;
    else
      problems.append(value.error());
  };
  take("--max-error-over-range", tolerances.maxErrorOverRange);
  take("--min-sqnr", tolerances.minSqnrDb);
  take("--min-cosine", tolerances.minCosine);
  if (!problems.empty())
    return problems;
  return tolerances;
}

/// PyTorch's outputs by position.
Result<NamedArrays> runWithTorch(const std::string &model, const std::vector<const HostArray *> &inputs) {
  Result<PrivateFolder> folder = PrivateFolder::make();
  if (!folder)
    return folder.error();
  NamedArrays numbered;
  for (size_t i = 0; i < inputs.size(); ++i)
    numbered.emplace_back(std::to_string(i), *inputs[i]);
  std::string in = folder->path() + "/in.npz", out = folder->path() + "/out.npz";
  if (Status written = writeNpz(in, numbered); !written)
    return written.error();
  Result<ChildOutcome> outcome = runPythonModule("manaslu.reference", {model, "--inputs", in, "--outputs", out});
  if (!outcome)
    return outcome.error();
  return readNpz(out);
}

Result<NamedArrays> referenceOf(const std::string &model, const std::vector<const HostArray *> &inputs) {
  std::string suffix = std::filesystem::path(model).extension().string();
  if (suffix == ".pt2")
    return runWithTorch(model, inputs);
  if (suffix == ".mlir")
    return runWithJit(model, inputs);
  return Error("MN-IN-TYPE", "--against takes a .pt2 or .mlir file, this one ends in '" + suffix + "'", model);
}

Result<std::vector<Closeness>> compareAll(const NamedArrays &outputs, const NamedArrays &reference) {
  if (outputs.size() != reference.size())
    return Error("MN-VERIFY-REFERENCE", "the reference has " + std::to_string(reference.size()) + " outputs, the program " + std::to_string(outputs.size()));
  std::vector<Closeness> all;
  for (size_t i = 0; i < outputs.size(); ++i) {
    const HostArray &expected = reference[i].second;
    if (outputs[i].second.shape != expected.shape)
      return Error("MN-VERIFY-REFERENCE", "output " + outputs[i].first + " has the shape " + describe(outputs[i].second.type, outputs[i].second.shape) +
                                              ", the reference's " + describe(expected.type, expected.shape));
    all.push_back(compareArrays(outputs[i].first, outputs[i].second, expected));
  }
  return all;
}

std::string tableOf(const std::vector<Closeness> &all, const Tolerances &tolerances) {
  std::string out;
  for (const Closeness &one : all)
    out += one.name + ": max error " + shortNumber(one.maxError) + ", over range " + shortNumber(one.maxErrorOverRange) + ", SQNR " + shortNumber(one.sqnrDb) +
           " dB, cosine " + shortNumber(one.cosine) + "\n";
  return out + "tolerances: max error over range " + shortNumber(tolerances.maxErrorOverRange) + ", SQNR " + shortNumber(tolerances.minSqnrDb) +
         " dB, cosine " + shortNumber(tolerances.minCosine) + "\n";
}

/// JSON has no infinity: it becomes null.
nlohmann::ordered_json finite(double value) { return std::isfinite(value) ? nlohmann::ordered_json(value) : nlohmann::ordered_json(); }

std::string reportOf(const std::string &programReport, const std::vector<Closeness> &all, const Tolerances &tolerances) {
  auto report = nlohmann::ordered_json::parse(programReport);
  auto &outputs = report["verify"]["outputs"] = nlohmann::ordered_json::array();
  for (const Closeness &one : all)
    outputs.push_back({{"name", one.name},
                       {"max_error", finite(one.maxError)},
                       {"max_error_over_range", finite(one.maxErrorOverRange)},
                       {"sqnr_db", finite(one.sqnrDb)},
                       {"cosine", one.cosine}});
  report["verify"]["tolerances"] = {
      {"max_error_over_range", tolerances.maxErrorOverRange}, {"min_sqnr_db", tolerances.minSqnrDb}, {"min_cosine", tolerances.minCosine}};
  return report.dump(2) + "\n";
}

} // namespace

CommandResult verifyCommand(const Invocation &invocation) {
  if (!invocation.has("--against"))
    return Error("MN-USE-002", "verify needs --against MODEL.pt2 or MODULE.mlir");
  Result<Program> program = Program::load(invocation.words.front());
  if (!program)
    return program.error();
  auto precision = nlohmann::ordered_json::parse(program->report()).value("precision", nlohmann::ordered_json::object());
  std::vector<std::string> types;
  for (const auto &[type, count] : precision.items())
    types.push_back(type);
  Result<Tolerances> tolerances = tolerancesOf(invocation, types);
  if (!tolerances)
    return tolerances.error();
  Result<NamedArrays> inputs = inputsOf(invocation, *program);
  if (!inputs)
    return inputs.error();
  auto matched = matchArrays(*inputs, program->inputs(), "input");
  if (!matched)
    return matched.error();
  RunOptions options;
  options.threads = static_cast<int>(numberOf(invocation, "--threads"));
  options.clock = false;
  Result<NamedArrays> outputs = program->run(*inputs, options);
  if (!outputs)
    return outputs.error();
  Result<NamedArrays> reference = referenceOf(invocation.value("--against"), *matched);
  if (!reference)
    return reference.error();
  Result<std::vector<Closeness>> all = compareAll(*outputs, *reference);
  if (!all)
    return all.error();
  if (invocation.has("--report"))
    if (Status written = writeFile(invocation.value("--report"), reportOf(program->report(), *all, *tolerances)); !written)
      return written.error();
  std::string table = tableOf(*all, *tolerances);
  Error missed;
  for (const Closeness &one : *all)
    if (std::string text = misses(one, *tolerances); !text.empty())
      missed.add("MN-VERIFY-TOLERANCE", text, "output " + one.name);
  if (missed.empty())
    return table;
  // What was measured is shown in either case.
  if (Status written = writeFile("-", table); !written)
    return written.error();
  return missed;
}

} // namespace manaslu::driver
