// The state of the streams, semaphores and engines of a running core.
#pragma once

#include "lib/Sim/Machine/Decoded.h"
#include "lib/Sim/Machine/Order.h"
#include "lib/Sim/Trace.h"

namespace manaslu::sim {

/// One increment of a semaphore: when, and what is known to whoever waits for it.
struct Increment {
  int64_t time;
  Knowledge knowledge; ///< of the instruction when it was issued
  Timeline timeline;   ///< of the instruction itself, complete up to `epoch`
  uint32_t epoch;
  Timeline stream; ///< its stream's control instructions, complete up to `streamEpoch`
  uint32_t streamEpoch;
  TraceMark mark; ///< of the instruction's event
};

struct Waiter {
  int stream;
  uint32_t value;
};

struct Semaphore {
  std::vector<Increment> increments; ///< those that have happened; the value is their number
  std::vector<Waiter> waiters;
  uint64_t pending = 0; ///< increments that are on their way
  uint64_t lastUse = 0; ///< number of the barrier phase (from 1) of the last wait or signal; 0: never
  uint64_t cleared = 0; ///< phase of the last sem_clear; 0: never
};

/// Bytes that an unfinished instruction of an engine will have written at `completion`.
struct PendingWrite {
  Placed placed;
  int64_t completion;
  bool accumulates;
};

enum class StreamState : uint8_t { Ready, Waiting, AtBarrier, Halted };

struct LoopFrame {
  uint32_t begin;     ///< index of the Loop
  uint64_t remaining; ///< iterations after the current one
};

struct Stream {
  const DecodedStream *code = nullptr;
  int index = 0;
  Timeline timeline = 0;
  uint32_t pc = 0;
  std::array<uint32_t, 64> registers{};
  std::vector<LoopFrame> loops;
  StreamState state = StreamState::Ready;

  int64_t readySince = 0;    ///< when the current instruction could first start
  int64_t gate = 0;          ///< when the waits since the previous engine instruction held
  int64_t previousStart = 0; ///< of the previous engine instruction
  int64_t lastCompletion = 0;
  bool executed = false; ///< the current instruction's values are computed, its start is not yet reached
  bool atClear = false;  ///< since its last barrier the stream has executed nothing but sem_clear
  int64_t barrierTime = 0;
  int64_t waitsSince = -1; ///< when the current instruction's wait was first found not to hold; -1: it was not
  std::vector<PendingWrite> pending;

  Knowledge knowledge;
  uint32_t epoch = 0;
  std::array<uint32_t, isa::kSemaphoreCount> joined{};    ///< increments of each semaphore already learned
  std::vector<std::pair<Timeline, uint32_t>> outstanding; ///< a ring's transfers since the last barrier
};

} // namespace manaslu::sim
