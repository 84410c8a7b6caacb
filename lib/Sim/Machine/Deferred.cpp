// Dependences between instructions that wait, by the bytes they touch.
#include "lib/Sim/Machine/Deferred.h"

#include <bit>
#include <cstring>

namespace manaslu::sim {

namespace {

/// The memory of one deferred instruction: the core's bytes, registers as they were.
class TaskMemory final : public Memory {
public:
  TaskMemory(const CoreMemory &memory, const Deferred::Registers &registers, TaskPool *pool, bool anySize)
      : memory_(memory), registers_(registers), pool_(pool), anySize_(anySize) {}

  Result<View> tile(const isa::TileOperand &operand, Access) override { return memory_.viewOf(operand, registers_); }
  Result<DeviceView> device(const isa::DeviceOperand &operand, Access) override { return memory_.viewOf(operand, registers_); }
  uint32_t readRegister(uint8_t index) override { return registers_[index]; }
  void writeRegister(uint8_t, uint32_t) override {} // instructions that write registers are not deferred
  void parallel(int64_t count, int64_t grain, RangeFunction run) override {
    if (pool_)
      pool_->parallel(count, anySize_ ? 1 : grain, run);
    else
      Memory::parallel(count, grain, run);
  }

private:
  const CoreMemory &memory_;
  const Deferred::Registers &registers_;
  TaskPool *pool_;
  bool anySize_;
};

} // namespace

Deferred::Deferred(const CoreMemory &memory, TaskPool *pool, bool anySize)
    : memory_(memory), pool_(pool), anySize_(anySize),
      stretchBytes_{memory.partitionBytes(isa::Space::Sbuf) / 64 + 1, memory.partitionBytes(isa::Space::Psum) / 64 + 1}, tasks_(pool ? TaskPool::kWindow : 1) {}

void Deferred::add(const isa::Instruction &instruction, const Registers &registers, std::span<const Touched> touched) {
  int slot = acquire(Task::Kind::Instruction);
  tasks_[static_cast<size_t>(slot)].instruction = &instruction;
  tasks_[static_cast<size_t>(slot)].registers = registers;
  submit(slot, touched);
}

void Deferred::add(std::unique_ptr<MatmulChain> &chain, std::span<const Touched> touched) {
  int slot = acquire(Task::Kind::Chain);
  std::unique_ptr<MatmulChain> &empty = tasks_[static_cast<size_t>(slot)].chain;
  if (!empty)
    empty = std::make_unique<MatmulChain>();
  std::swap(empty, chain);
  submit(slot, touched);
}

void Deferred::add(const RowCopy &copy) {
  int slot = acquire(Task::Kind::Copy);
  tasks_[static_cast<size_t>(slot)].copy = copy;
  Touched touched{copy.target, true};
  submit(slot, {&touched, 1});
}

int Deferred::acquire(Task::Kind kind) {
  int slot = pool_ ? pool_->acquire() : 0;
  tasks_[static_cast<size_t>(slot)].kind = kind;
  tasks_[static_cast<size_t>(slot)].number = added_++;
  return slot;
}

void Deferred::submit(int slot, std::span<const Touched> touched) {
  if (!pool_)
    return runTask(slot);
  Task &task = tasks_[static_cast<size_t>(slot)];
  task.touched.assign(touched.begin(), touched.end());
  task.stretches = stretchesOf(touched);
  uint64_t before = 0;
  for (uint64_t others = pool_->unfinished(); others != 0; others &= others - 1) {
    int other = std::countr_zero(others);
    if (conflict(task, tasks_[static_cast<size_t>(other)]))
      before |= uint64_t(1) << other;
  }
  pool_->submit(slot, before, *this);
}

void Deferred::copyRows(const RowCopy &copy, Memory &memory) const {
  const Box &box = copy.target;
  auto bytes = static_cast<size_t>(box.high - box.low);
  auto rows = [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row)
      std::memcpy(memory_.sbuf(box.firstPartition + static_cast<int>(row), box.low), copy.source + row * copy.sourcePitch, bytes);
  };
  constexpr int64_t kGrain = int64_t(1) << 17; // bytes
  memory.parallel(box.lastPartition - box.firstPartition, std::max<int64_t>(1, kGrain / static_cast<int64_t>(bytes)), RangeFunction(rows));
}

Status Deferred::drain() {
  if (pool_)
    pool_->drain();
  return failure_ ? Status(failure_->second) : Status();
}

bool Deferred::Stretches::mayConflict(const Stretches &other) const {
  uint64_t shared = 0;
  for (size_t i = 0; i < read.size(); ++i)
    shared |= (written[i] & (other.read[i] | other.written[i])) | (read[i] & other.written[i]);
  return shared != 0;
}

Deferred::Stretches Deferred::stretchesOf(std::span<const Touched> touched) const {
  Stretches stretches;
  for (const Touched &each : touched) {
    auto memory = static_cast<size_t>(each.box.memory);
    uint64_t bits;
    if (memory < 2) {
      int64_t first = each.box.low / stretchBytes_[memory], last = (each.box.high - 1) / stretchBytes_[memory];
      bits = (~uint64_t(0) >> (63 - (last - first))) << first;
    } else {
      bits = uint64_t(1) << (memory % 64);
    }
    (each.writes ? stretches.written : stretches.read)[std::min<size_t>(memory, 2)] |= bits;
  }
  return stretches;
}

bool Deferred::conflict(const Task &a, const Task &b) {
  if (!a.stretches.mayConflict(b.stretches))
    return false;
  for (const Touched &mine : a.touched)
    for (const Touched &other : b.touched)
      if (mine.conflictsWith(other))
        return true;
  return false;
}

void Deferred::runTask(int slot) {
  Task &task = tasks_[static_cast<size_t>(slot)];
  TaskMemory memory(memory_, task.registers, pool_, anySize_);
  switch (task.kind) {
  case Task::Kind::Instruction:
    if (Status status = execute(*task.instruction, memory); !status) {
      std::lock_guard<std::mutex> lock(failureMutex_);
      if (!failure_ || task.number < failure_->first)
        failure_.emplace(task.number, status.error());
    }
    break;
  case Task::Kind::Chain: task.chain->execute(memory); break;
  case Task::Kind::Copy: copyRows(task.copy, memory); break;
  }
}

} // namespace manaslu::sim
