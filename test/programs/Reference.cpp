// Sequencing of the reference: streams take turns, an increment happens as soon as its instruction is executed.
#include "test/programs/Reference.h"

#include "test/programs/ReferenceExecute.h"

#include <algorithm>

namespace manaslu::test {

namespace {

struct Turn {
  const std::vector<isa::Instruction> *code = nullptr;
  size_t pc = 0;
  std::array<uint32_t, 64> registers{};
  std::vector<std::pair<size_t, uint64_t>> loops; ///< index of the Loop, iterations left
  bool halted = false, atBarrier = false;
};

class Sequencer {
public:
  Sequencer(const Case &input, const Chip &chip, uint64_t schedule) : program_(input.program), memory_(input, chip), dice_(schedule), shuffled_(schedule != 0) {
    for (const auto &[id, code] : program_.streams)
      turns_.emplace_back().code = &code;
  }

  Result<Outcome> run() {
    try {
      while (!std::ranges::all_of(turns_, &Turn::halted))
        if (!step())
          return Error("MN-RUN-DEADLOCK", "no stream can go on");
    } catch (const OutOfBounds &) {
      return Error("MN-RUN-BOUNDS", "an operand leaves its memory");
    } catch (const BadIndex &) {
      return Error("MN-RUN-INDEX", "an index is outside its table");
    }
    for (size_t i = 0; i < program_.regions.size(); ++i) {
      if (program_.regions[i].kind == isa::RegionKind::Output)
        outcome_.outputs.push_back(memory_.regions[i]);
      if (program_.regions[i].kind == isa::RegionKind::State)
        outcome_.states.push_back(memory_.regions[i]);
    }
    return std::move(outcome_);
  }

private:
  bool isReady(const Turn &turn) const {
    if (turn.halted || turn.atBarrier)
      return false;
    const isa::Sync &sync = isa::syncOf((*turn.code)[turn.pc]);
    return sync.waitSem == isa::kNoSemaphore || semaphores_[sync.waitSem] >= static_cast<uint32_t>(sync.waitValue + turn.registers[sync.waitReg]);
  }

  /// One instruction of a stream that can go on; false when there is none.
  bool step() {
    std::vector<Turn *> ready;
    for (Turn &turn : turns_)
      if (isReady(turn))
        ready.push_back(&turn);
    if (ready.empty())
      return false;
    execute(shuffled_ ? *dice_.pick(ready) : *ready.front());
    return true;
  }

  void execute(Turn &turn) {
    const isa::Instruction &instruction = (*turn.code)[turn.pc];
    ++outcome_.instructions;
    if (std::holds_alternative<isa::Barrier>(instruction)) {
      turn.atBarrier = true;
      if (std::ranges::all_of(turns_, &Turn::atBarrier))
        for (Turn &each : turns_) {
          each.atBarrier = false;
          finish(each);
        }
      return;
    }
    memory_.registers = &turn.registers;
    std::visit([this](const auto &inner) { reference(inner, memory_); }, instruction);
    if (const auto *clear = std::get_if<isa::SemClear>(&instruction))
      semaphores_[static_cast<size_t>(clear->semaphore)] = 0;
    turn.halted = std::holds_alternative<isa::Halt>(instruction);
    if (const auto *loop = std::get_if<isa::Loop>(&instruction))
      return enter(turn, static_cast<uint32_t>(loop->count) + turn.registers[loop->countReg]);
    if (std::holds_alternative<isa::EndLoop>(instruction) && --turn.loops.back().second > 0) {
      signal(turn);
      turn.pc = turn.loops.back().first + 1;
      return;
    }
    if (std::holds_alternative<isa::EndLoop>(instruction))
      turn.loops.pop_back();
    finish(turn);
  }

  void signal(const Turn &turn) {
    if (uint16_t number = isa::syncOf((*turn.code)[turn.pc]).signalSem; number != isa::kNoSemaphore)
      ++semaphores_[number];
  }

  void finish(Turn &turn) {
    signal(turn);
    turn.pc += !turn.halted;
  }

  void enter(Turn &turn, uint32_t count) {
    signal(turn);
    if (count > 0) {
      turn.loops.emplace_back(turn.pc++, count);
      return;
    }
    int depth = 0;
    do {
      depth += std::holds_alternative<isa::Loop>((*turn.code)[turn.pc]);
      depth -= std::holds_alternative<isa::EndLoop>((*turn.code)[turn.pc]);
      ++turn.pc;
    } while (depth > 0);
  }

  const isa::Program &program_;
  ReferenceMemory memory_;
  Dice dice_;
  bool shuffled_;
  std::vector<Turn> turns_;
  std::array<uint32_t, isa::kSemaphoreCount> semaphores_{};
  Outcome outcome_;
};

} // namespace

Result<Outcome> runReference(const Case &input, uint64_t schedule) {
  Result<Chip> chip = parseChip(input.program.chipJson, "the program's chip");
  if (!chip)
    return chip.error();
  return Sequencer(input, *chip, schedule).run();
}

} // namespace manaslu::test
