// The event loop.
#include "lib/Sim/Machine/Scheduler.h"

#include <chrono>

namespace manaslu::sim {

Scheduler::Scheduler(const isa::Program &program, const Chip &chip, const std::vector<DecodedStream> &code, CoreMemory &memory, TaskPool *pool,
                     const RunOptions &options)
    : program_(program), chip_(chip), memory_(memory), options_(options), streams_(code.size()), semaphores_(isa::kSemaphoreCount),
      deferred_(memory, pool, options.anySize), loads_(memory, deferred_, options.anySize), fuel_(options.fuel), movers_(static_cast<size_t>(chip.dmaMovers)) {
  chainHint_.fill(-1);
  for (size_t i = 0; i < code.size(); ++i) {
    streams_[i].code = &code[i];
    streams_[i].index = static_cast<int>(i);
    streams_[i].timeline = static_cast<Timeline>(code[i].id);
  }
  logs_.emplace_back(chip.sbufUsableBytes());
  logs_.emplace_back(chip.psumBytesPerPartition());
  for (const isa::Region &region : program.regions)
    logs_.emplace_back(static_cast<int64_t>(region.bytes));
}

Result<RunResult> Scheduler::run() {
  auto begin = std::chrono::steady_clock::now();
  Status status = loop();
  computeMatmuls();
  if (Status computed = deferred_.drain(); !computed)
    return computed.error();
  if (status)
    status = finish();
  if (!status)
    return status.error();
  result_.hostSeconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return std::move(result_);
}

Status Scheduler::loop() {
  for (Stream &stream : streams_)
    schedule(stream, 0);
  while (!events_.empty()) {
    Event event = events_.top();
    events_.pop();
    Status status = event.kind == 0 ? arrive(event) : step(streams_[static_cast<size_t>(event.id)], event.time);
    if (!status)
      return status;
  }
  return {};
}

Status Scheduler::finish() {
  for (const Stream &stream : streams_) {
    if (stream.state != StreamState::Halted)
      return deadlock();
    result_.timePs = std::max(result_.timePs, stream.lastCompletion);
  }
  result_.busyPs[static_cast<int>(Engine::Dma)] = transferBusyTime();
  result_.energy = energyOf(chip_, result_.counts, result_.timePs);
  return {};
}

void Scheduler::schedule(Stream &stream, int64_t time) { events_.push({time, 1, stream.readySince, stream.index, 0}); }

bool Scheduler::mayContinue(const Stream &stream, int64_t time) const {
  return events_.empty() || events_.top() > Event{time, 1, stream.readySince, stream.index, 0};
}

Status Scheduler::arrive(const Event &event) {
  Semaphore &semaphore = semaphores_[static_cast<size_t>(event.id)];
  --semaphore.pending;
  if (semaphore.increments.size() == UINT32_MAX)
    return Error("MN-RUN-SEMAPHORE", "semaphore " + std::to_string(event.id) + " would wrap around 2^32");
  semaphore.increments.push_back(std::move(arriving_[event.payload]));
  auto value = static_cast<uint32_t>(semaphore.increments.size());
  for (const Waiter &waiter : semaphore.waiters) {
    if (waiter.value > value)
      continue;
    Stream &stream = streams_[static_cast<size_t>(waiter.stream)];
    stream.state = StreamState::Ready;
    stream.readySince = std::max(stream.readySince, event.time + ticks(stream.code->visibilityPs));
    schedule(stream, stream.readySince);
  }
  std::erase_if(semaphore.waiters, [value](const Waiter &waiter) { return waiter.value <= value; });
  return {};
}

/// The time at which the instruction's wait holds, not before `now`; nothing when the increment is still to come.
Result<std::optional<int64_t>> Scheduler::passWait(Stream &stream, const DecodedInstruction &in, int64_t now) {
  if (in.sync->waitSem == isa::kNoSemaphore)
    return std::optional<int64_t>(now);
  if (Status status = useSemaphore(stream, in.sync->waitSem); !status)
    return status.error();
  Semaphore &semaphore = semaphores_[in.sync->waitSem];
  uint32_t value = in.sync->waitValue + stream.registers[in.sync->waitReg];
  if (value > semaphore.increments.size()) {
    stream.state = StreamState::Waiting;
    stream.readySince = std::max(stream.readySince, now);
    semaphore.waiters.push_back({stream.index, value});
    return std::optional<int64_t>();
  }
  if (value == 0)
    return std::optional<int64_t>(now);
  int64_t visible = semaphore.increments[value - 1].time + ticks(stream.code->visibilityPs);
  stream.gate = std::max(stream.gate, visible);
  if (visible > now)
    return std::optional<int64_t>(visible);
  uint32_t &joined = stream.joined[in.sync->waitSem];
  for (; joined < value; ++joined) {
    const Increment &increment = semaphore.increments[joined];
    stream.knowledge.join(increment.knowledge);
    stream.knowledge.learn(increment.timeline, increment.epoch);
    stream.knowledge.learn(increment.stream, increment.streamEpoch);
    if (options_.trace && joined + 1 == value)
      options_.trace->follows(stream.code->id, in.sync->waitSem, increment.mark);
  }
  return std::optional<int64_t>(now);
}

void Scheduler::signal(Stream &stream, const DecodedInstruction &in, Timeline timeline, uint32_t epoch, int64_t time, TraceMark mark) {
  uint16_t number = in.sync->signalSem;
  if (number == isa::kNoSemaphore)
    return;
  ++semaphores_[number].pending;
  ++result_.counts.signals[static_cast<int>(stream.code->engine)];
  arriving_.push_back({time, stream.knowledge, timeline, epoch, stream.timeline, stream.epoch, mark});
  events_.push({time, 0, 0, number, arriving_.size() - 1});
}

void Scheduler::traceWait(Stream &stream, int64_t now) {
  if (options_.trace && stream.waitsSince >= 0 && stream.waitsSince < now)
    options_.trace->waited(stream.code->id, stream.pc, stream.waitsSince, now);
  stream.waitsSince = -1;
}

Status Scheduler::step(Stream &stream, int64_t now) {
  while (true) {
    const DecodedInstruction &in = stream.code->instructions[stream.pc];
    if (!stream.executed) {
      auto held = passWait(stream, in, now);
      if (!held)
        return located(held.error(), stream);
      if (stream.waitsSince < 0 && (!*held || **held > now))
        stream.waitsSince = now;
      if (!*held)
        return {};
      if (**held > now) {
        stream.readySince = **held;
        if (!mayContinue(stream, **held))
          return schedule(stream, **held), Status();
        now = **held;
        continue;
      }
      traceWait(stream, now);
      if (fuel_ < in.cost.fuel)
        return located(Error("MN-RUN-FUEL", "the budget of " + std::to_string(options_.fuel) + " units of work is used up after " +
                                                std::to_string(result_.instructions) + " instructions"),
                       stream);
      fuel_ -= in.cost.fuel;
      ++result_.instructions;
      if (in.sync->signalSem != isa::kNoSemaphore)
        if (Status status = useSemaphore(stream, in.sync->signalSem); !status)
          return located(status.error(), stream);
    }
    std::optional<int64_t> next;
    if (in.role == Role::Work) {
      if (!stream.executed) {
        if (Status status = executeValues(stream, in, stream.timeline, ++stream.epoch); !status)
          return located(status.error(), stream);
        stream.executed = true;
        stream.readySince = startOf(stream, in, now);
      }
      int64_t start = std::max(now, stream.readySince);
      if (auto free = portFreeAt(stream, in, start))
        start = *free;
      if (start > now) {
        if (!mayContinue(stream, start))
          return schedule(stream, start), Status();
        now = start;
        continue;
      }
      next = issueWork(stream, in, start);
      stream.executed = false;
      ++stream.pc;
    } else if (in.role == Role::Transfer) {
      Timeline chain = chainFor(stream, in);
      uint32_t epoch = ++chains_[chain - kFirstChain];
      if (Status status = executeValues(stream, in, chain, epoch); !status)
        return located(status.error(), stream);
      next = issueTransfer(stream, in, now, chain, epoch);
      ++stream.pc;
    } else {
      auto after = control(stream, in, now);
      if (!after)
        return located(after.error(), stream);
      next = *after;
    }
    if (!next)
      return {};
    stream.readySince = *next;
    if (!mayContinue(stream, *next))
      return schedule(stream, *next), Status();
    now = *next;
  }
}

} // namespace manaslu::sim
