// Writes a segment into the streams: set-up, loops, waits.
#include "test/programs/Schedule.h"

#include <algorithm>

namespace manaslu::test {

/// The waits of an entry that its stream has not made already, some of them made again.
std::vector<Schedule::WaitFor> Schedule::waitsOf(const Entry &entry) {
  std::map<uint16_t, WaitFor> waits;
  for (const auto &[number, value] : entry.past)
    waits[number] = {number, value, 0};
  for (const Need &need : entry.needs) {
    size_t signaller = entries_[need.entry].signaller;
    uint16_t number = isa::syncOf(entries_[signaller].instruction).signalSem;
    const std::vector<size_t> &list = signallers_[number];
    auto size = static_cast<uint32_t>(list.size()), after = static_cast<uint32_t>(std::ranges::find(list, signaller) - list.begin()) + 1;
    // Transfers that share a semaphore complete in any order: all of them are waited for.
    if (sealed_.contains(number) && nest_.empty())
      after = size;
    WaitFor &wait = waits.try_emplace(number, WaitFor{number, 0, 0}).first->second;
    wait.value = std::max(wait.value, counts_[number] + after - (need.previous ? size : 0));
    wait.growth = iterations_ > 1 ? size : 0;
  }
  std::vector<WaitFor> result;
  for (const auto &[number, wait] : waits) {
    // Within a loop only waits that grow alike can be compared; one that does not grow is known from then on.
    auto &waited = wait.growth > 0 ? waitedHere_[entry.stream] : waited_[entry.stream];
    auto known = waited.find(number);
    if (known == waited.end() || wait.value > known->second || dice_.chance(10))
      result.push_back(wait);
    if (iterations_ > 0)
      waited[number] = std::max(waited[number], wait.value);
  }
  return result;
}

void Schedule::placeWait(isa::StreamId stream, const WaitFor &wait, isa::Sync &sync) {
  sync.waitSem = wait.semaphore;
  sync.waitValue = wait.value;
  if (wait.growth == 0) {
    // The same value as a sum with a register.
    std::vector<uint8_t> addresses = addressRegistersOf(stream);
    if (nest_.empty() && !addresses.empty() && dice_.chance(15)) {
      sync.waitReg = dice_.pick(addresses);
      sync.waitValue -= registers_[stream][sync.waitReg][0];
    }
    return;
  }
  if (wait.growth == 1 && dice_.chance(50)) {
    sync.waitReg = kIterationRegister;
    return;
  }
  auto &held = waitRegisters_[stream];
  auto found = held.find(wait.growth);
  if (found == held.end()) {
    auto reg = static_cast<uint8_t>(kFirstWaitRegister + held.size());
    found = held.emplace(wait.growth, reg).first;
    isa::RegMul multiply;
    multiply.dst = reg, multiply.src = kIterationRegister, multiply.value = static_cast<int32_t>(wait.growth);
    frames_[stream].top.push_back(multiply);
  }
  sync.waitReg = found->second;
}

void Schedule::emitEntry(isa::StreamId stream, const Entry &entry, std::vector<isa::Instruction> &body) {
  std::vector<WaitFor> waits = waitsOf(entry);
  isa::Instruction instruction = entry.instruction;
  bool onItself = dice_.chance(70);
  for (size_t i = 0; i < waits.size(); ++i) {
    if (onItself && i + 1 == waits.size()) {
      placeWait(stream, waits[i], isa::syncOf(instruction));
      continue;
    }
    isa::Wait wait;
    placeWait(stream, waits[i], wait.sync);
    body.push_back(wait);
  }
  body.push_back(std::move(instruction));
}

void Schedule::emit(isa::StreamId stream, bool barrier) {
  std::vector<isa::Instruction> body;
  for (const Entry &entry : entries_)
    if (entry.stream == stream)
      emitEntry(stream, entry, body);
  Frame &frame = frames_[stream];
  std::vector<isa::Instruction> &out = program_.streams[stream];
  auto append = [&out](const std::vector<isa::Instruction> &list) { out.insert(out.end(), list.begin(), list.end()); };
  auto work = [&] {
    isa::RegAdd add;
    add.dst = static_cast<uint8_t>(dice_.between(kFirstDataRegister, kLastDataRegister));
    add.src = static_cast<uint8_t>(dice_.between(kFirstDataRegister, kLastDataRegister));
    add.value = static_cast<int32_t>(dice_.between(-100, 100));
    if (dice_.chance(20))
      out.push_back(add);
  };
  append(frame.before);
  isa::RegSet set;
  set.dst = kIterationRegister;
  if (!nest_.empty())
    out.push_back(set);
  for (uint32_t count : nest_) {
    isa::Loop loop;
    auto part = static_cast<uint32_t>(dice_.chance(30) ? dice_.between(0, count) : 0);
    set.dst = kCountRegister, set.value = static_cast<int32_t>(part);
    if (part > 0)
      out.push_back(set), loop.countReg = kCountRegister;
    loop.count = count - part;
    out.push_back(loop);
    work();
  }
  append(frame.top);
  append(body);
  append(frame.bottom);
  isa::RegAdd next;
  next.dst = next.src = kIterationRegister, next.value = 1;
  if (!nest_.empty())
    out.push_back(next);
  if (barrier)
    out.push_back(isa::Barrier());
  for (size_t i = 0; i < nest_.size(); ++i) {
    work();
    out.push_back(isa::EndLoop());
  }
}

} // namespace manaslu::test
