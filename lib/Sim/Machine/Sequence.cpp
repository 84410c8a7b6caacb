// Control instructions: loops, registers, barriers, clearing of semaphores.
#include "lib/Sim/Machine/Scheduler.h"

namespace manaslu::sim {

Result<std::optional<int64_t>> Scheduler::control(Stream &stream, const DecodedInstruction &in, int64_t now) {
  using Next = std::optional<int64_t>;
  bool keepsClear = in.role == Role::SemClear || in.role == Role::Barrier;
  stream.atClear = stream.atClear && keepsClear;
  if (in.role == Role::Control && in.operandCount > 0) {
    if (Status status = executeValues(stream, in, stream.timeline, ++stream.epoch); !status)
      return status.error();
    now = startOf(stream, in, now);
  } else if (in.role == Role::Control) {
    memory_.use(&stream.registers);
    if (Status status = execute(*in.instruction, memory_); !status)
      return status.error();
  }
  int64_t next = now + ticks(in.cost.occupancyPs);
  // An engine completes in order, and a ring's control instruction stands for everything before it.
  int64_t completion = std::max(next, stream.lastCompletion);
  if (in.role == Role::Control && in.operandCount > 0)
    stream.lastCompletion = completion;
  if (in.role == Role::SemClear)
    if (Status status = clearSemaphore(stream, std::get<isa::SemClear>(*in.instruction)); !status)
      return status.error();
  if (in.role == Role::Barrier) {
    enterBarrier(stream, next);
    return Next();
  }
  TraceMark mark = 0;
  if (options_.trace && (in.sync->signalSem != isa::kNoSemaphore || in.operandCount > 0)) {
    mark = options_.trace->control({stream.code->id, stream.pc, now, next});
    traceAccesses(stream, in, now, next);
  }
  if (in.sync->signalSem != isa::kNoSemaphore) {
    Knowledge before = stream.knowledge;
    for (auto [chain, epoch] : stream.outstanding)
      stream.knowledge.learn(chain, epoch);
    signal(stream, in, stream.timeline, ++stream.epoch, completion, mark);
    stream.knowledge = before;
  }
  if (in.role == Role::Halt) {
    if (options_.trace)
      options_.trace->halted(stream.code->id, stream.pc, next);
    stream.state = StreamState::Halted;
    stream.lastCompletion = completion;
    return Next();
  }
  if (in.role == Role::Loop) {
    const auto &loop = std::get<isa::Loop>(*in.instruction);
    uint32_t count = static_cast<uint32_t>(loop.count) + stream.registers[loop.countReg];
    if (count == 0) {
      stream.pc = in.link + 1;
      return Next(next);
    }
    stream.loops.push_back({stream.pc, count - 1});
  } else if (in.role == Role::EndLoop) {
    LoopFrame &frame = stream.loops.back();
    if (frame.remaining > 0) {
      --frame.remaining;
      stream.pc = frame.begin + 1;
      return Next(next);
    }
    stream.loops.pop_back();
  }
  ++stream.pc;
  return Next(next);
}

Status Scheduler::useSemaphore(const Stream &, uint16_t number) {
  Semaphore &semaphore = semaphores_[number];
  if (semaphore.cleared == phase_)
    return Error("MN-RUN-SEMAPHORE", "semaphore " + std::to_string(number) + " is used after its sem_clear without a barrier between");
  semaphore.lastUse = phase_;
  return {};
}

Status Scheduler::clearSemaphore(Stream &stream, const isa::SemClear &in) {
  Semaphore &semaphore = semaphores_[in.semaphore];
  if (!stream.atClear || semaphore.lastUse == phase_ || semaphore.pending > 0 || !semaphore.waiters.empty())
    return Error("MN-RUN-SEMAPHORE",
                 "sem_clear of semaphore " + std::to_string(in.semaphore) + " is not directly behind a barrier of all streams, or the semaphore is in use");
  semaphore.increments.clear();
  semaphore.cleared = phase_;
  for (Stream &each : streams_)
    each.joined[in.semaphore] = 0;
  return {};
}

void Scheduler::enterBarrier(Stream &stream, int64_t now) {
  stream.state = StreamState::AtBarrier;
  stream.barrierTime = std::max(now, stream.lastCompletion);
  for (const Stream &each : streams_)
    if (each.state != StreamState::AtBarrier)
      return;
  releaseBarrier();
}

void Scheduler::releaseBarrier() {
  int64_t release = 0;
  Knowledge all;
  for (Stream &stream : streams_) {
    release = std::max(release, stream.barrierTime);
    all.join(stream.knowledge);
    all.learn(stream.timeline, ++stream.epoch);
  }
  for (size_t chain = 0; chain < chains_.size(); ++chain)
    all.learn(kFirstChain + static_cast<Timeline>(chain), chains_[chain]);
  for (AccessLog &log : logs_)
    log.clear();
  ++phase_;
  for (Stream &stream : streams_) {
    const DecodedInstruction &in = stream.code->instructions[stream.pc];
    stream.knowledge = all;
    stream.outstanding.clear();
    stream.pending.clear();
    stream.lastCompletion = release;
    stream.state = StreamState::Ready;
    stream.atClear = true;
    TraceMark mark = 0;
    if (options_.trace && stream.barrierTime < release)
      options_.trace->waited(stream.code->id, stream.pc, stream.barrierTime, release);
    if (options_.trace && in.sync->signalSem != isa::kNoSemaphore)
      mark = options_.trace->control({stream.code->id, stream.pc, release, release});
    // Increments of a barrier belong to the phase that it opens.
    signal(stream, in, stream.timeline, stream.epoch, release, mark);
    if (in.sync->signalSem != isa::kNoSemaphore)
      semaphores_[in.sync->signalSem].lastUse = phase_;
    ++stream.pc;
    stream.readySince = release + ticks(stream.code->visibilityPs);
    schedule(stream, stream.readySince);
  }
}

} // namespace manaslu::sim
