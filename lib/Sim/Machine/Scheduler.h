// The event loop: every stream in simulated time, one pending event each, increments of semaphores between them.
#pragma once

#include "lib/Sim/Machine.h"
#include "lib/Sim/Machine/PendingLoads.h"
#include "lib/Sim/Machine/Stream.h"

#include <queue>

namespace manaslu::sim {

/// One execution of a decoded program.
class Scheduler {
public:
  Scheduler(const isa::Program &program, const Chip &chip, const std::vector<DecodedStream> &code, CoreMemory &memory, TaskPool *pool,
            const RunOptions &options);

  /// Runs to the end. MN-RUN-*. Nothing is left to compute afterwards.
  Result<RunResult> run();

private:
  /// Ordered by time; increments before streams; then who was ready first; then pe < ve < se < ge < dma0 ...
  struct Event {
    int64_t time;
    int kind; ///< 0 increment, 1 stream
    int64_t readySince;
    int id;           ///< semaphore or stream
    uint64_t payload; ///< of an increment: its place in arriving_
    bool operator>(const Event &other) const {
      return std::tie(time, kind, readySince, id, payload) > std::tie(other.time, other.kind, other.readySince, other.id, other.payload);
    }
  };

  // Scheduler.cpp: the loop.
  void schedule(Stream &stream, int64_t time);
  bool mayContinue(const Stream &stream, int64_t time) const;
  Status step(Stream &stream, int64_t now);
  Status arrive(const Event &event);
  Result<std::optional<int64_t>> passWait(Stream &stream, const DecodedInstruction &in, int64_t now);
  void signal(Stream &stream, const DecodedInstruction &in, Timeline timeline, uint32_t epoch, int64_t time, TraceMark mark);
  void traceWait(Stream &stream, int64_t now);
  Status loop();
  Status finish();

  // Sequence.cpp: control instructions. The time of the stream's next instruction, or nothing when it waits for others.
  Result<std::optional<int64_t>> control(Stream &stream, const DecodedInstruction &in, int64_t now);
  Status clearSemaphore(Stream &stream, const isa::SemClear &in);
  void enterBarrier(Stream &stream, int64_t now);
  void releaseBarrier();
  Status useSemaphore(const Stream &stream, uint16_t semaphore);

  // Engines.cpp: work and transfers.
  Status executeValues(Stream &stream, const DecodedInstruction &in, Timeline timeline, uint32_t epoch);
  void deferMatmul(const Stream &stream, const isa::Matmul &matmul);
  void computeMatmuls();
  void listTouched(const Stream &stream, const DecodedInstruction &in);
  bool conflictsWithMatmuls() const;
  Status checkOrder(Stream &stream, const DecodedInstruction &in, Timeline timeline, uint32_t epoch);
  int64_t startOf(Stream &stream, const DecodedInstruction &in, int64_t now) const;
  std::optional<int64_t> portFreeAt(const Stream &stream, const DecodedInstruction &in, int64_t now) const;
  int64_t issueWork(Stream &stream, const DecodedInstruction &in, int64_t start);
  int64_t issueTransfer(Stream &stream, const DecodedInstruction &in, int64_t now, Timeline timeline, uint32_t epoch);
  Timeline chainFor(Stream &stream, const DecodedInstruction &in);
  void forgetOldAccesses();
  void account(const DecodedInstruction &in);
  int64_t transferBusyTime();
  void traceAccesses(const Stream &stream, const DecodedInstruction &in, int64_t start, int64_t end) const;

  // Report.cpp: messages.
  std::string whereIs(const Stream &stream) const;
  Error located(const Error &error, const Stream &stream) const;
  Error deadlock() const;
  Error race(const Stream &stream, const Placed &mine, bool writes, const LoggedAccess &other) const;

  int64_t ticks(int64_t picoseconds) const { return options_.clock ? picoseconds : 0; }

  const isa::Program &program_;
  const Chip &chip_;
  CoreMemory &memory_;
  const RunOptions &options_;
  RunResult result_;
  std::vector<Stream> streams_;
  std::vector<Semaphore> semaphores_;
  std::priority_queue<Event, std::vector<Event>, std::greater<Event>> events_;
  std::vector<Increment> arriving_;
  std::vector<AccessLog> logs_;
  std::vector<uint8_t> logged_;
  uint64_t additions_ = 0;
  std::vector<Placed> placed_; ///< operands of the instruction being executed
  Deferred deferred_;
  PendingLoads loads_;
  std::unique_ptr<MatmulChain> matmuls_ = std::make_unique<MatmulChain>(); ///< on one result, still to be added to `deferred_`
  std::vector<Deferred::Touched> touched_, matmulsTouch_;                  ///< by the instruction being executed, by `matmuls_`
  uint64_t fuel_;
  uint64_t phase_ = 1;                              ///< number of barriers passed, plus one
  std::vector<uint32_t> chains_;                    ///< latest epoch of each DMA chain
  std::array<int, isa::kSemaphoreCount> chainHint_; ///< chain last used with a semaphore
  std::vector<int64_t> movers_;                     ///< when each mover is free
  std::vector<std::pair<int64_t, int64_t>> moverBusy_;
  std::vector<TracePiece> pieces_; ///< of the transfer being issued, for the trace
  std::array<int64_t, kEngineCount> sbufBusyUntil_{}, psumBusyUntil_{};
  int64_t peWarm_ = 0, peIdleSince_ = 0;
};

/// Timelines below this number are streams, those from it on chains of DMA instructions.
inline constexpr Timeline kFirstChain = isa::kStreamCount;

} // namespace manaslu::sim
