// Loading and running.
#include "lib/Sim/Machine.h"

#include "lib/Numerics/Dispatch.h"
#include "lib/Sim/Machine/Scheduler.h"
#include "lib/Sim/Verify.h"

namespace manaslu::sim {

namespace {

/// Whether the course of the program and what it touches are known without values: no register is loaded and no row is written where an index says.
Status checkIndependent(const isa::Program &program) {
  Error error;
  for (const auto &[stream, instructions] : program.streams)
    for (size_t i = 0; i < instructions.size() && error.items().size() < 20; ++i) {
      const isa::Instruction &each = instructions[i];
      bool loads = std::holds_alternative<isa::RegLoad>(each) || std::holds_alternative<isa::RegLoadDevice>(each);
      if (loads || std::holds_alternative<isa::DmaScatter>(each))
        error.add("MN-RUN-VALUES",
                  loads ? "a register takes a value from memory, so the program's course is not known without values"
                        : "rows are written where an index says, so what is written is not known without values",
                  isa::nameOf(stream) + " instruction " + std::to_string(i) + " (" + std::string(isa::mnemonicOf(each)) + ")");
    }
  return error.empty() ? Status() : Status(error);
}

} // namespace

struct Machine::Core {
  const isa::Program *program;
  Chip chip;
  std::unique_ptr<CoreMemory> memory;
  std::vector<DecodedStream> code;
  std::unique_ptr<TaskPool> pool;
};

Machine::Machine(std::unique_ptr<Core> core) : core_(std::move(core)) {}
Machine::Machine(Machine &&) noexcept = default;
Machine &Machine::operator=(Machine &&) noexcept = default;
Machine::~Machine() = default;

Result<Machine> Machine::create(const isa::Program &program) {
  auto chip = parseChip(program.chipJson, "the program's chip");
  if (!chip)
    return chip.error();
  return create(program, *chip);
}

Result<Machine> Machine::create(const isa::Program &program, const Chip &chip) {
  if (Status status = numerics::checkKernels(); !status)
    return status.error();
  if (Status status = verifyForChip(program, chip); !status)
    return status.error();
  auto core = std::make_unique<Core>(Core{&program, chip, nullptr, {}, nullptr});
  auto memory = CoreMemory::create(program, core->chip);
  if (!memory)
    return memory.error();
  core->memory = std::move(*memory);
  core->code = decode(program, core->chip);
  return Machine(std::move(core));
}

Result<RunResult> Machine::run(std::span<const std::span<const std::byte>> inputs, std::span<const std::span<std::byte>> outputs, const RunOptions &options) {
  if (options.trace && !options.clock)
    return Error("MN-USE-002", "a trace needs the clock");
  int threads = std::clamp(options.threads, 1, 64);
  if (threads > 1 && (!core_->pool || core_->pool->threads() != threads))
    core_->pool = std::make_unique<TaskPool>(threads);
  TaskPool *pool = threads > 1 ? core_->pool.get() : nullptr;
  core_->memory->use(pool, options.anySize);
  if (!options.values) {
    if (Status status = checkIndependent(*core_->program); !status)
      return status.error();
    core_->memory->beginUnbound();
  } else if (Status status = core_->memory->begin(inputs, outputs); !status) {
    return status.error();
  }
  Scheduler scheduler(*core_->program, core_->chip, core_->code, *core_->memory, pool, options);
  auto result = scheduler.run();
  if (result)
    if (Status status = core_->memory->checkOutputs(); !status)
      result = status.error();
  if (!result) {
    core_->memory->rollBack();
    return result.error();
  }
  result->threads = threads;
  return result;
}

void Machine::resetState() { core_->memory->resetState(); }

std::span<std::byte> Machine::state(uint32_t region) { return core_->memory->state(region); }

const Chip &Machine::chip() const { return core_->chip; }

} // namespace manaslu::sim
