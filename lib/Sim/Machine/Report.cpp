// Messages of the running core: where an instruction stands, who waits for whom, which accesses are not ordered.
#include "lib/Sim/Machine/Scheduler.h"

namespace manaslu::sim {

namespace {

std::string placeOf(const isa::Program &program, const DecodedStream &code, uint32_t instruction) {
  std::string out = isa::nameOf(code.id) + " instruction " + std::to_string(instruction) + " (" +
                    std::string(isa::mnemonicOf(*code.instructions[instruction].instruction)) + ")";
  const isa::DebugEntry *debug = program.debugOf(code.id, instruction);
  return debug && !debug->location.empty() ? out + ", " + debug->location.substr(0, 200) : out;
}

std::string bytesOf(const Placed &placed, const std::string &memory) {
  std::string out = "bytes " + std::to_string(placed.low()) + " to " + std::to_string(placed.high() - 1) + " of " + memory;
  if (placed.shape->isDevice())
    return out;
  return out + ", partitions " + std::to_string(placed.shape->firstPartition) + " to " + std::to_string(placed.shape->lastPartition - 1);
}

} // namespace

std::string Scheduler::whereIs(const Stream &stream) const { return placeOf(program_, *stream.code, stream.pc); }

Error Scheduler::located(const Error &error, const Stream &stream) const {
  Error out;
  for (const Diagnostic &item : error.items())
    out.add(item.code, item.message, item.where.empty() ? whereIs(stream) : item.where);
  return out;
}

Error Scheduler::race(const Stream &stream, const Placed &mine, bool writes, const LoggedAccess &other) const {
  const Stream &theirs = streams_[other.stream];
  std::string memory = memory_.nameOfMemory(mine.shape->memory);
  return Error("MN-RUN-RACE",
               std::string(writes ? "writes " : "reads ") + bytesOf(mine, memory) + "; " + placeOf(program_, *theirs.code, other.instruction) +
                   (other.writes ? " writes " : " reads ") + bytesOf(other.placed, memory) + ", and no semaphore orders the two",
               whereIs(stream));
}

Error Scheduler::deadlock() const {
  std::string graph;
  for (const Stream &stream : streams_) {
    if (stream.state == StreamState::Halted)
      continue;
    graph += "\n  " + whereIs(stream);
    if (stream.state == StreamState::AtBarrier) {
      graph += " stands at a barrier that other streams have not reached";
      continue;
    }
    uint16_t number = stream.code->instructions[stream.pc].sync->waitSem;
    const Semaphore &semaphore = semaphores_[number];
    for (const Waiter &waiter : semaphore.waiters)
      if (waiter.stream == stream.index)
        graph += " waits for semaphore " + std::to_string(number) + " >= " + std::to_string(waiter.value) + ", which is at " +
                 std::to_string(semaphore.increments.size());
    std::string signallers;
    for (const Stream &other : streams_)
      for (uint32_t i = 0; i < other.code->instructions.size(); ++i)
        if (other.code->instructions[i].sync->signalSem == number) {
          signallers += (signallers.empty() ? "" : ", ") + isa::nameOf(other.code->id) + (other.state == StreamState::Halted ? " (halted)" : "");
          break;
        }
    graph += "; it is incremented by " + (signallers.empty() ? std::string("nobody") : signallers);
  }
  return Error("MN-RUN-DEADLOCK", "no stream can go on:" + graph);
}

} // namespace manaslu::sim
