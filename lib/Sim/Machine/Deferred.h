// Values of issued instructions, computed later than their time: as soon as the bytes they touch are free, by whichever thread is.
#pragma once

#include "lib/Sim/Execute/MatmulChain.h"
#include "lib/Sim/Machine/CoreMemory.h"
#include "lib/Sim/Machine/TaskPool.h"

#include <optional>

namespace manaslu::sim {

/// The instructions that the machine has checked and timed but not computed. Two of them that share bytes, of which one writes, are computed in the order in
/// which they were added; others in any order, or at the same time. That is safe because accesses without an order are errors before they come here.
/// What an instruction touches and the registers it reads are fixed when it is added.
class Deferred final : TaskPool::Runner {
public:
  /// Without a pool every instruction is computed when it is added.
  Deferred(const CoreMemory &memory, TaskPool *pool, bool anySize);
  /// Computes what is left: operands may not outlive the run.
  ~Deferred() { (void)drain(); }

  /// An access to memory that somebody writes.
  struct Touched {
    Box box;
    bool writes;

    bool conflictsWith(const Touched &other) const { return (writes || other.writes) && box.overlaps(other.box); }
  };
  using Registers = std::array<uint32_t, 64>;

  /// The instruction must not depend on values in a way that can fail (DecodedInstruction::isImmediate).
  void add(const isa::Instruction &instruction, const Registers &registers, std::span<const Touched> touched);
  /// The whole chain; it is empty afterwards.
  void add(std::unique_ptr<MatmulChain> &chain, std::span<const Touched> touched);
  /// Bytes of SBUF that come from somewhere else, a row for each partition.
  struct RowCopy {
    Box target;
    const std::byte *source;
    int64_t sourcePitch;
  };
  void add(const RowCopy &copy);
  /// Computes everything that was added. The error of the first instruction that failed all the same, if one did.
  Status drain();

private:
  /// Stretches of the memories that are read and written, one bit each: SBUF, PSUM, device regions. Most instructions are apart already by these.
  struct Stretches {
    std::array<uint64_t, 3> read{}, written{};
    bool mayConflict(const Stretches &other) const;
  };
  struct Task {
    enum class Kind : uint8_t { Instruction, Chain, Copy } kind = Kind::Instruction;
    const isa::Instruction *instruction = nullptr;
    Registers registers{};
    std::unique_ptr<MatmulChain> chain;
    RowCopy copy{};
    std::vector<Touched> touched;
    Stretches stretches;
    uint64_t number = 0;
  };

  int acquire(Task::Kind kind);
  void copyRows(const RowCopy &copy, Memory &memory) const;
  void submit(int slot, std::span<const Touched> touched);
  Stretches stretchesOf(std::span<const Touched> touched) const;
  static bool conflict(const Task &a, const Task &b);
  void runTask(int slot) override;

  const CoreMemory &memory_;
  TaskPool *pool_;
  bool anySize_;
  std::array<int64_t, 2> stretchBytes_; ///< of SBUF and PSUM
  std::vector<Task> tasks_;             ///< by slot of the pool
  uint64_t added_ = 0;                  ///< tasks so far
  std::mutex failureMutex_;
  std::optional<std::pair<uint64_t, Error>> failure_; ///< of the task with the lowest number
};

} // namespace manaslu::sim
