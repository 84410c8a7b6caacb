// Program: a loaded .mnx, its machine and its state, behind the public door.
#include "lib/Driver/Binding.h"
#include "lib/Driver/CheckLevels.h"
#include "lib/Driver/Compilation.h"
#include "lib/Driver/Inspect.h"
#include "lib/Driver/Metrics.h"
#include "lib/Driver/Report.h"
#include "lib/ISA/Checksum.h"
#include "lib/Sim/Machine.h"
#include "lib/Sim/Trace/Perfetto.h"
#include "lib/Target/IsaProgram.h"
#include "manaslu/Driver.h"

#include <chrono>
#include <cstring>
#include <filesystem>
#include <thread>

namespace manaslu {

using namespace driver;

/// What a program holds while it is loaded.
struct Program::State {
  isa::Program program; ///< the machine points into it, so it never moves
  std::unique_ptr<sim::Machine> machine;
  std::string path;
  mutable std::string sha256; ///< of the file, once somebody asked for a report
  std::vector<TensorSignature> inputs, outputs, states;
  std::optional<sim::RunResult> last;
  double lastHostSeconds = 0;
  bool lastClock = true;

  /// Indices of the regions of a kind.
  std::vector<uint32_t> regionsOf(isa::RegionKind kind) const {
    std::vector<uint32_t> indices;
    for (uint32_t i = 0; i < program.regions.size(); ++i)
      if (program.regions[i].kind == kind)
        indices.push_back(i);
    return indices;
  }
};

namespace {

constexpr auto kInput = isa::RegionKind::Input, kOutput = isa::RegionKind::Output, kStateKind = isa::RegionKind::State;

/// A file of another type is told apart from a damaged one by its suffix, because the remedy differs.
Status checkSuffix(const std::string &path) {
  std::string suffix = std::filesystem::path(path).extension().string();
  for (const char *other : {".pt2", ".mlir", ".onnx", ".npz", ".safetensors", ".json"})
    if (suffix == other)
      return Error("MN-IN-TYPE",
                   "a program is a .mnx file, this one ends in '" + suffix + "'" + (suffix == ".pt2" || suffix == ".mlir" ? "; compile it first" : ""), path);
  return {};
}

nlohmann::ordered_json simulatedFigures(const sim::RunResult &run, int64_t startStopNs) {
  auto ns = [](int64_t ps) { return static_cast<double>(ps) / 1000; };
  nlohmann::ordered_json engines, energy;
  for (int i = 0; i < kEngineCount; ++i)
    engines[std::string(nameOf(static_cast<Engine>(i)))]["busy_ns"] = ns(run.busyPs[i]);
  engines["pe"]["transpose_ns"] = ns(run.transposePs);
  double total = addEnergy(energy, run.energy);
  return {{"time_ns", ns(run.timePs)}, {"start_stop_ns", startStopNs}, {"energy_nj", total}, {"energy", energy}, {"engines", engines}};
}

std::string duration(double nanoseconds) {
  if (nanoseconds >= 1e9)
    return shortNumber(nanoseconds / 1e9) + " s";
  return nanoseconds >= 1e6 ? shortNumber(nanoseconds / 1e6) + " ms" : shortNumber(nanoseconds / 1e3) + " us";
}

} // namespace

Program::Program(std::unique_ptr<State> state) : state_(std::move(state)) {}
Program::Program(Program &&) noexcept = default;
Program &Program::operator=(Program &&) noexcept = default;
Program::~Program() = default;

Result<Program> Program::load(const std::string &path) {
  if (Status suffix = checkSuffix(path); !suffix)
    return suffix.error();
  Result<isa::Program> program = isa::load(path);
  if (!program)
    return program.error();
  auto state = std::make_unique<State>();
  state->program = std::move(*program);
  state->path = path;
  state->inputs = signatureOf(state->program, kInput);
  state->outputs = signatureOf(state->program, kOutput);
  state->states = signatureOf(state->program, kStateKind);
  return Program(std::move(state));
}

const std::vector<TensorSignature> &Program::inputs() const { return state_->inputs; }
const std::vector<TensorSignature> &Program::outputs() const { return state_->outputs; }
const std::vector<TensorSignature> &Program::states() const { return state_->states; }
const std::string &Program::chip() const { return state_->program.chipJson; }

std::string Program::signatureText() const {
  return describeSignature(state_->inputs, "input") + describeSignature(state_->outputs, "output") + describeSignature(state_->states, "state");
}

Result<NamedArrays> Program::randomInputs(uint64_t seed) const {
  const auto &metadata = state_->program.metadata;
  auto limits = metadata.is_object() ? metadata.value("index_limits", nlohmann::ordered_json::object()) : nlohmann::ordered_json::object();
  NamedArrays arrays;
  for (uint32_t i = 0; i < state_->inputs.size(); ++i) {
    const TensorSignature &entry = state_->inputs[i];
    // An integer that indexes nothing is a flag or mask: 0 or 1.
    int64_t limit = 2;
    if (limits.is_object() && limits.contains(entry.name) && limits[entry.name].is_number_integer())
      limit = std::max<int64_t>(1, limits[entry.name].get<int64_t>());
    arrays.emplace_back(entry.name, drawArray(entry, seed, i, limit));
  }
  return arrays;
}

namespace {

/// The machine is made when it is first needed: inspecting a program needs none.
Status ensureMachine(Program::State &state) {
  if (state.machine)
    return {};
  Result<sim::Machine> machine = sim::Machine::create(state.program);
  if (!machine)
    return machine.error();
  state.machine = std::make_unique<sim::Machine>(std::move(*machine));
  return {};
}

/// The integers that the compiler has assumed of an input, if they are fewer than its type holds.
std::optional<IntegerRange> assumedRange(const isa::Program &program, const std::string &input) {
  if (!program.metadata.is_object() || !program.metadata.contains("value_ranges"))
    return std::nullopt;
  const auto &ranges = program.metadata["value_ranges"];
  if (!ranges.is_object() || !ranges.contains(input))
    return std::nullopt;
  const auto &range = ranges[input];
  if (!range.is_array() || range.size() != 2 || !range[0].is_number_integer() || !range[1].is_number_integer())
    return std::nullopt;
  return IntegerRange(range[0].get<int64_t>(), range[1].get<int64_t>());
}

/// Inputs and states as bytes by region.
Result<RegionBytes> bind(Program::State &state, const NamedArrays &inputs) {
  auto matched = matchArrays(inputs, state.inputs, "input");
  if (!matched)
    return matched.error();
  RegionBytes bytes(state.program.regions.size());
  std::vector<uint32_t> regions = state.regionsOf(kInput);
  Error problems;
  for (size_t i = 0; i < regions.size(); ++i) {
    const isa::Region &region = state.program.regions[regions[i]];
    Result<std::vector<std::byte>> converted = toDevice(*(*matched)[i], region, assumedRange(state.program, region.name));
    if (converted)
      bytes[regions[i]] = std::move(*converted);
    else
      problems.append(converted.error());
  }
  if (!problems.empty())
    return problems;
  for (uint32_t region : state.regionsOf(kStateKind)) {
    auto kept = state.machine->state(region);
    bytes[region].assign(kept.begin(), kept.end());
  }
  return bytes;
}

} // namespace

Result<NamedArrays> Program::run(const NamedArrays &inputs, const RunOptions &options) {
  State &state = *state_;
  if (!options.trace.empty() && !options.clock)
    return Error("MN-USE-002", "a trace shows simulated time; it cannot be written without the clock");
  if (options.checkLevels && state.program.tileProgram.empty())
    return Error("MN-RUN-STRIPPED", "the program holds no tile program to compare with; compile it without --strip", state.path);
  if (Status made = ensureMachine(state); !made)
    return made.error();
  Result<RegionBytes> before = options.values ? bind(state, inputs) : RegionBytes();
  if (!before)
    return before.error();
  RegionBytes after(state.program.regions.size());
  std::vector<std::span<const std::byte>> boundInputs;
  std::vector<std::span<std::byte>> boundOutputs;
  if (options.values) {
    for (uint32_t region : state.regionsOf(kInput))
      boundInputs.push_back((*before)[region]);
    for (uint32_t region : state.regionsOf(kOutput)) {
      after[region].resize(state.program.regions[region].bytes);
      boundOutputs.push_back(after[region]);
    }
  }
  sim::RunOptions simulation;
  simulation.threads = options.threads > 0 ? options.threads : static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  simulation.clock = options.clock;
  simulation.values = options.values;
  std::unique_ptr<sim::PerfettoTrace> trace;
  if (!options.trace.empty()) {
    auto opened = sim::PerfettoTrace::create(options.trace, state.program, state.machine->chip());
    if (!opened)
      return opened.error();
    trace = std::move(*opened);
    simulation.trace = trace.get();
  }
  auto begin = std::chrono::steady_clock::now();
  Result<sim::RunResult> result = state.machine->run(boundInputs, boundOutputs, simulation);
  if (!result)
    return result.error();
  state.lastHostSeconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  state.last = std::move(*result);
  state.lastClock = options.clock;
  if (options.checkLevels) {
    for (uint32_t region : state.regionsOf(kStateKind)) {
      auto kept = state.machine->state(region);
      after[region].assign(kept.begin(), kept.end());
    }
    if (Status same = checkLevels(state.program, *before, after); !same)
      return same.error();
  }
  if (trace)
    if (Status complete = trace->finish(state.last->timePs); !complete)
      return complete.error();
  NamedArrays outputs;
  if (!options.values)
    return outputs;
  for (uint32_t region : state.regionsOf(kOutput))
    outputs.emplace_back(state.program.regions[region].name, toHost(after[region], state.program.regions[region]));
  return outputs;
}

void Program::resetState() {
  if (state_->machine)
    state_->machine->resetState();
}

NamedArrays Program::state() const {
  NamedArrays arrays;
  if (!ensureMachine(*state_))
    return arrays;
  for (uint32_t region : state_->regionsOf(kStateKind))
    arrays.emplace_back(state_->program.regions[region].name, toHost(state_->machine->state(region), state_->program.regions[region]));
  return arrays;
}

Status Program::setState(const NamedArrays &arrays) {
  if (Status made = ensureMachine(*state_); !made)
    return made;
  auto matched = matchArrays(arrays, state_->states, "state");
  if (!matched)
    return matched.error();
  std::vector<uint32_t> regions = state_->regionsOf(kStateKind);
  for (size_t i = 0; i < regions.size(); ++i) {
    Result<std::vector<std::byte>> bytes = toDevice(*(*matched)[i], state_->program.regions[regions[i]]);
    if (!bytes)
      return bytes.error();
    auto kept = state_->machine->state(regions[i]);
    std::memcpy(kept.data(), bytes->data(), std::min(kept.size(), bytes->size()));
  }
  return {};
}

/// What the report says; of the hash, which takes longer than some executions, only what is known already.
static nlohmann::ordered_json figuresOf(const Program::State &state) {
  auto chip = nlohmann::ordered_json::parse(state.program.chipJson, nullptr, /*allow_exceptions=*/false);
  nlohmann::ordered_json report = {{"schema", 1}, {"chip", chip.is_object() ? chip.value("name", "") : ""}, {"program_sha256", state.sha256}};
  addProgramFigures(report, state.program.metadata);
  std::error_code ignored;
  report["compile"] = {{"instructions", state.program.instructionCount()},
                       {"program_bytes", static_cast<uint64_t>(std::filesystem::file_size(state.path, ignored))}};
  if (state.last) {
    const sim::RunResult &run = *state.last;
    if (state.lastClock) {
      // Time first, the bound after it: the order of interfaces.md.
      nlohmann::ordered_json simulated = simulatedFigures(run, state.machine->chip().startStopNs);
      if (report.contains("simulated"))
        simulated.update(report["simulated"]);
      report["simulated"] = simulated;
    }
    nlohmann::ordered_json moved = {{"read_bytes", run.deviceReadBytes}, {"write_bytes", run.deviceWriteBytes}};
    if (report.contains("device_memory"))
      moved.update(report["device_memory"]);
    report["device_memory"] = moved;
    report["host"] = {{"simulate_seconds", state.lastHostSeconds}, {"threads", run.threads}};
  }
  return report;
}

std::string Program::report() const {
  if (state_->sha256.empty())
    if (Result<std::string> hash = isa::sha256OfFile(state_->path))
      state_->sha256 = *hash;
  return figuresOf(*state_).dump(2) + "\n";
}

std::string Program::summary() const {
  nlohmann::ordered_json report = figuresOf(*state_);
  std::string out = report.value("chip", "") + ": ";
  if (report.contains("simulated") && report["simulated"].contains("time_ns")) {
    const auto &simulated = report["simulated"];
    double time = simulated["time_ns"];
    out += duration(time) + " simulated, " + shortNumber(simulated["energy_nj"].get<double>() / 1e6) + " mJ";
    if (simulated.contains("bound_ns") && simulated["bound_ns"].get<double>() > 0)
      out += "; " + shortNumber(time / simulated["bound_ns"].get<double>()) + " x the bound of " + duration(simulated["bound_ns"]) + " (" +
             simulated.value("bound_by", "") + ")";
    out += "; ";
  }
  if (report.contains("host"))
    out += shortNumber(report["host"]["simulate_seconds"]) + " s on the host";
  return out + "\n";
}

Result<std::string> Program::mlir(std::string_view stage) const {
  if (stage == "tile") {
    if (state_->program.tileProgram.empty())
      return Error("MN-RUN-STRIPPED", "the program was compiled with --strip and holds no tile program", state_->path);
    return state_->program.tileProgram;
  }
  if (stage == "isa") {
    mlir::DialectRegistry registry;
    pipeline::registerDialects(registry);
    mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
    return textOf(*target::toModule(state_->program, &context));
  }
  return Error("MN-USE-002", "a program holds the stages tile and isa, not '" + std::string(stage) + "'; compile with --dump-ir for the others");
}

std::string Program::describe(bool disassembled, bool json) const { return inspect(state_->program, state_->path, disassembled, json); }

} // namespace manaslu
