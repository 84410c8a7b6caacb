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
#include <optional>

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

/// What the program is held against.
struct References {
  NamedArrays exact;                   ///< outputs in the model's own types
  std::optional<NamedArrays> emulated; ///< outputs of PyTorch in the program's types; nothing when these are the model's own, or without PyTorch
  std::string layersText;              ///< --per-layer: a table for people
  nlohmann::ordered_json layers;       ///< and as JSON
  Error bugs;                          ///< --per-layer: MN-RUN-LEVELS where bits differ from those of a tile program
};

/// PyTorch in child processes, which read the inputs by position, the precision table and the chip from files.
class Torch {
public:
  static Result<Torch> make(const std::string &model, const Program &program, const std::vector<const HostArray *> &inputs) {
    Result<PrivateFolder> folder = PrivateFolder::make();
    if (!folder)
      return folder.error();
    Torch made(model, std::move(*folder));
    NamedArrays numbered;
    for (size_t i = 0; i < inputs.size(); ++i)
      numbered.emplace_back(std::to_string(i), *inputs[i]);
    if (Status written = writeNpz(made.at("in.npz"), numbered); !written)
      return written.error();
    nlohmann::ordered_json table = nlohmann::ordered_json::parse(program.report()).value("precision_table", nlohmann::ordered_json::object());
    made.castsAnything_ = table.value("default", "fp32") != "fp32" || !table.value("rules", nlohmann::ordered_json::array()).empty();
    for (auto &[name, text] : {std::pair("table.json", table.dump()), {"chip.json", program.chip()}})
      if (Status written = writeFile(made.at(name), text); !written)
        return written.error();
    return made;
  }

  Status outputs(References &references) const {
    std::vector<std::string> arguments = {model_, "--inputs", at("in.npz"), "--outputs", at("out.npz")};
    if (castsAnything_)
      arguments.insert(arguments.end(), {"--precision", at("table.json"), "--emulated", at("emulated.npz")});
    Result<ChildOutcome> outcome = runPythonModule("manaslu.reference", arguments);
    if (!outcome)
      return outcome.error();
    Result<NamedArrays> exact = readNpz(at("out.npz"));
    if (!exact)
      return exact.error();
    references.exact = std::move(*exact);
    if (!castsAnything_)
      return {};
    Result<NamedArrays> emulated = readNpz(at("emulated.npz"));
    if (!emulated)
      return emulated.error();
    references.emulated = std::move(*emulated);
    return {};
  }

  Status layers(const std::string &program, References &references) const {
    Result<ChildOutcome> outcome = runPythonModule("manaslu.precision.layers", {model_, "--program", program, "--inputs", at("in.npz"), "--precision",
                                                                                at("table.json"), "--chip", at("chip.json"), "--json", at("layers.json")});
    if (!outcome)
      return outcome.error();
    Result<std::string> text = readFile(at("layers.json"));
    if (!text)
      return text.error();
    auto json = nlohmann::ordered_json::parse(*text);
    references.layersText = outcome->output;
    references.layers = json["layers"];
    for (const auto &bug : json["bugs"])
      references.bugs.add("MN-RUN-LEVELS", bug["message"], bug["where"]);
    return {};
  }

private:
  Torch(std::string model, PrivateFolder folder) : model_(std::move(model)), folder_(std::move(folder)) {}
  std::string at(const std::string &name) const { return folder_.path() + "/" + name; }

  std::string model_;
  PrivateFolder folder_;
  bool castsAnything_ = false;
};

Result<References> referencesOf(const Invocation &invocation, const Program &program, const std::vector<const HostArray *> &inputs) {
  std::string model = invocation.value("--against"), suffix = std::filesystem::path(model).extension().string();
  References references;
  if (suffix == ".pt2") {
    Result<Torch> torch = Torch::make(model, program, inputs);
    if (!torch)
      return torch.error();
    if (Status done = torch->outputs(references); !done)
      return done.error();
    if (invocation.has("--per-layer"))
      if (Status done = torch->layers(invocation.words.front(), references); !done)
        return done.error();
    return references;
  }
  if (invocation.has("--per-layer"))
    return Error("MN-USE-002", "--per-layer compares with PyTorch: --against takes a .pt2 then", model);
  if (suffix != ".mlir")
    return Error("MN-IN-TYPE", "--against takes a .pt2 or .mlir file, this one ends in '" + suffix + "'", model);
  Result<NamedArrays> exact = runWithJit(model, inputs);
  if (!exact)
    return exact.error();
  references.exact = std::move(*exact);
  return references;
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

std::string lineOf(const Closeness &one) {
  return "max error " + shortNumber(one.maxError) + ", over range " + shortNumber(one.maxErrorOverRange) + ", SQNR " + shortNumber(one.sqnrDb) +
         " dB, cosine " + shortNumber(one.cosine) + "\n";
}

/// `emulated` and `apart`, PyTorch in the program's types against the exact outputs and against the chip's, may be empty.
std::string tableOf(const std::vector<Closeness> &all, const std::vector<Closeness> &emulated, const std::vector<Closeness> &apart,
                    const Tolerances &tolerances) {
  std::string out;
  for (size_t i = 0; i < all.size(); ++i) {
    out += all[i].name + ": " + lineOf(all[i]);
    if (!emulated.empty())
      out += "  PyTorch in the same types: " + lineOf(emulated[i]) + "  chip against that: " + lineOf(apart[i]);
  }
  return out + "tolerances: max error over range " + shortNumber(tolerances.maxErrorOverRange) + ", SQNR " + shortNumber(tolerances.minSqnrDb) +
         " dB, cosine " + shortNumber(tolerances.minCosine) + "\n";
}

/// JSON has no infinity: it becomes null.
nlohmann::ordered_json finite(double value) { return std::isfinite(value) ? nlohmann::ordered_json(value) : nlohmann::ordered_json(); }

nlohmann::ordered_json jsonOf(const Closeness &one) {
  return {
      {"max_error", finite(one.maxError)}, {"max_error_over_range", finite(one.maxErrorOverRange)}, {"sqnr_db", finite(one.sqnrDb)}, {"cosine", one.cosine}};
}

std::string reportOf(const std::string &programReport, const std::vector<Closeness> &all, const std::vector<Closeness> &emulated,
                     const std::vector<Closeness> &apart, const References &references, const Tolerances &tolerances) {
  auto report = nlohmann::ordered_json::parse(programReport);
  auto &outputs = report["verify"]["outputs"] = nlohmann::ordered_json::array();
  for (size_t i = 0; i < all.size(); ++i) {
    nlohmann::ordered_json entry = {{"name", all[i].name}};
    entry.update(jsonOf(all[i]));
    if (!emulated.empty())
      entry["pytorch_same_types"] = jsonOf(emulated[i]), entry["against_pytorch_same_types"] = jsonOf(apart[i]);
    outputs.push_back(entry);
  }
  report["verify"]["tolerances"] = {
      {"max_error_over_range", tolerances.maxErrorOverRange}, {"min_sqnr_db", tolerances.minSqnrDb}, {"min_cosine", tolerances.minCosine}};
  if (!references.layers.is_null())
    report["verify"]["layers"] = references.layers;
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
  Result<References> references = referencesOf(invocation, *program, *matched);
  if (!references)
    return references.error();
  Result<std::vector<Closeness>> all = compareAll(*outputs, references->exact);
  if (!all)
    return all.error();
  std::vector<Closeness> emulated, apart;
  if (references->emulated) {
    Result<std::vector<Closeness>> own = compareAll(*references->emulated, references->exact), other = compareAll(*outputs, *references->emulated);
    if (!own || !other)
      return own ? other.error() : own.error();
    emulated = std::move(*own), apart = std::move(*other);
  }
  if (invocation.has("--report"))
    if (Status written = writeFile(invocation.value("--report"), reportOf(program->report(), *all, emulated, apart, *references, *tolerances)); !written)
      return written.error();
  std::string table = tableOf(*all, emulated, apart, *tolerances) + references->layersText;
  Error missed = references->bugs;
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
