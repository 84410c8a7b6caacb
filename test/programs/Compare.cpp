// The executions of a program, one after the other against the first.
#include "test/programs/Compare.h"

#include "lib/ISA/Assembler.h"
#include "lib/ISA/Codec.h"
#include "lib/Numerics/Dispatch.h"
#include "lib/Sim/Machine.h"

namespace manaslu::test {

namespace {

/// The text of the error, with the place of each problem.
std::string textOf(const Error &error) { return error.text(); }

std::string firstDifference(const std::vector<std::vector<std::byte>> &a, const std::vector<std::vector<std::byte>> &b, const char *what) {
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i)
    for (size_t at = 0; at < std::min(a[i].size(), b[i].size()); ++at)
      if (a[i][at] != b[i][at])
        return std::string(what) + " " + std::to_string(i) + ", byte " + std::to_string(at) + ": " + std::to_string(static_cast<int>(a[i][at])) + " and " +
               std::to_string(static_cast<int>(b[i][at]));
  return "";
}

std::string difference(const Observed &a, const Observed &b) {
  if (a.error != b.error)
    return "errors `" + a.error + "` and `" + b.error + "`";
  for (const std::string &text :
       {firstDifference(a.outcome.outputs, b.outcome.outputs, "output"), firstDifference(a.outcome.states, b.outcome.states, "state")})
    if (!text.empty())
      return text;
  return "times " + std::to_string(a.timePs) + " and " + std::to_string(b.timePs) + " ps, instructions " + std::to_string(a.outcome.instructions) + " and " +
         std::to_string(b.outcome.instructions);
}

/// The program after encoding and decoding every stream.
Result<isa::Program> recoded(const isa::Program &program) {
  isa::Program copy = program;
  for (auto &[id, instructions] : copy.streams) {
    std::vector<uint64_t> words;
    for (const isa::Instruction &instruction : instructions)
      isa::encode(instruction, words);
    Result<std::vector<isa::Instruction>> decoded = isa::decodeStream(words, isa::nameOf(id));
    if (!decoded)
      return decoded.error();
    instructions = std::move(*decoded);
  }
  return copy;
}

/// The program after disassembly and assembly; the chip, which the text only names, is put back.
Result<isa::Program> reassembled(const isa::Program &program) {
  Result<isa::Program> assembled = isa::assemble(isa::disassemble(program, uint64_t(1) << 20), "random.masm");
  if (!assembled)
    return assembled.error();
  assembled->chipJson = program.chipJson;
  assembled->debug.clear();
  return assembled;
}

bool isEncodable(const isa::Program &program) {
  for (const auto &[id, instructions] : program.streams)
    for (const isa::Instruction &instruction : instructions)
      if (!isa::checkRanges(instruction))
        return false;
  return true;
}

class Comparison {
public:
  Comparison(const Case &input, const Observed &first) : input_(input), first_(first) {}

  void against(const std::string &name, const Case &input, const MachineOptions &options) {
    if (found_)
      return;
    Observed other = runMachine(input, options);
    other.timePs = options.clock ? other.timePs : first_.timePs;
    if (!(other == first_))
      found_ = Disagreement{name, difference(first_, other)};
  }

  /// The same after the program went through another form.
  void through(const std::string &name, Result<isa::Program> (*form)(const isa::Program &)) {
    if (found_)
      return;
    Result<isa::Program> program = form(input_.program);
    if (!program)
      found_ = Disagreement{name, program.error().text()};
    else
      against(name, {input_.seed, std::move(*program), input_.inputs}, {});
  }

  /// The reference leaves the same bytes, whatever the order of its streams.
  void againstReference(uint64_t schedule) {
    if (found_ || !first_.error.empty())
      return;
    Result<Outcome> reference = runReference(input_, schedule);
    Observed observed = reference ? Observed{std::move(*reference), first_.timePs, ""} : Observed{{}, 0, textOf(reference.error())};
    if (!(observed == first_))
      found_ = Disagreement{schedule ? "reference, shuffled" : "reference", difference(first_, observed)};
  }

  std::optional<Disagreement> found() const { return found_; }

private:
  const Case &input_;
  const Observed &first_;
  std::optional<Disagreement> found_;
};

/// Chooses kernels and gives the old ones back.
class KernelsInUse {
public:
  KernelsInUse() : before_(numerics::activeVariant()) {}
  ~KernelsInUse() { use(before_); }
  void use(numerics::Variant variant) {
    if (Status status = numerics::useVariant(variant); !status)
      std::abort();
  }

private:
  numerics::Variant before_;
};

} // namespace

Observed runMachine(const Case &input, const MachineOptions &options) {
  Observed observed;
  auto machine = options.chip ? sim::Machine::create(input.program, *options.chip) : sim::Machine::create(input.program);
  if (!machine)
    return {{}, 0, textOf(machine.error())};
  std::vector<std::span<const std::byte>> in(input.inputs.begin(), input.inputs.end());
  std::vector<std::span<std::byte>> out;
  for (const isa::Region &region : input.program.regions)
    if (region.kind == isa::RegionKind::Output)
      observed.outcome.outputs.emplace_back(region.bytes);
  out.assign(observed.outcome.outputs.begin(), observed.outcome.outputs.end());
  sim::RunOptions run;
  run.threads = options.threads;
  run.clock = options.clock;
  run.fuel = options.fuel;
  run.anySize = options.threads > 1;
  auto result = machine->run(in, out, run);
  if (!result)
    return {{}, 0, textOf(result.error())};
  for (uint32_t i = 0; i < input.program.regions.size(); ++i)
    if (input.program.regions[i].kind == isa::RegionKind::State)
      observed.outcome.states.emplace_back(machine->state(i).begin(), machine->state(i).end());
  observed.outcome.instructions = result->instructions;
  observed.timePs = result->timePs;
  return observed;
}

std::optional<Disagreement> findDisagreement(const Case &input, bool isValid, Observed &ended) {
  KernelsInUse kernels;
  kernels.use(numerics::Variant::Scalar);
  ended = runMachine(input);
  Comparison comparison(input, ended);
  if (isValid) {
    comparison.againstReference(0);
    comparison.againstReference(input.seed | 1);
    comparison.against("without clock", input, {.clock = false});
  }
  if (isEncodable(input.program)) {
    comparison.through("encoded and decoded", recoded);
    comparison.through("disassembled and assembled", reassembled);
  }
  for (numerics::Variant variant : numerics::availableVariants()) {
    kernels.use(variant);
    if (variant != numerics::Variant::Scalar)
      comparison.against("kernels " + std::string(numerics::nameOf(variant)), input, {});
  }
  for (int threads : {2, 4})
    comparison.against(std::to_string(threads) + " threads", input, {.threads = threads});
  return comparison.found();
}

} // namespace manaslu::test
