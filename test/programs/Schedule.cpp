// Segments, their registers, and who must wait for whom.
#include "test/programs/Schedule.h"

#include <algorithm>

namespace manaslu::test {

Schedule::Schedule(Dice &dice, isa::Program &program, Ground &ground, std::vector<isa::StreamId> streams)
    : dice_(dice), program_(program), ground_(ground), streams_(std::move(streams)) {
  for (uint16_t i = 0; i < isa::kSemaphoreCount; ++i)
    freeSemaphores_.push_back(i);
  for (isa::StreamId stream : streams_)
    program_.streams[stream];
}

void Schedule::setOffsets(uint16_t region, std::vector<uint32_t> values) {
  offsetsRegion_ = region;
  offsets_ = std::move(values);
}

uint16_t Schedule::freshSemaphore() {
  uint16_t &chosen = dice_.pick(freeSemaphores_);
  uint16_t semaphore = chosen;
  chosen = freeSemaphores_.back();
  freeSemaphores_.pop_back();
  return semaphore;
}

uint16_t Schedule::channelOf(isa::StreamId stream) {
  auto found = channels_.find(stream);
  return found != channels_.end() ? found->second : channels_[stream] = freshSemaphore();
}

//===-- Segments -----------------------------------------------------------===//

void Schedule::begin(std::vector<uint32_t> nest) {
  nest_ = std::move(nest);
  iterations_ = 1;
  for (uint32_t count : nest_)
    iterations_ *= count;
  entries_.clear();
  registers_.clear();
  frames_.clear();
  waitedHere_.clear();
  waitRegisters_.clear();
  signallers_.clear();
  credits_.clear();
  sealed_.clear();
  for (isa::StreamId stream : streams_)
    setUpAddresses(stream);
}

/// A few address registers: set or loaded before the loops, then stepped, rotated, or computed from the iteration.
void Schedule::setUpAddresses(isa::StreamId stream) {
  RegisterValues &values = registers_[stream];
  Frame &frame = frames_[stream];
  values[0] = {0};
  uint32_t count = std::max<uint32_t>(iterations_, 1);
  auto registers = static_cast<uint8_t>(dice_.between(0, 3));
  for (uint8_t r = 1; r <= registers; ++r) {
    uint32_t value = 4 * static_cast<uint32_t>(dice_.between(0, 15));
    auto kind = dice_.between(0, nest_.empty() ? 1 : 4);
    isa::RegSet set;
    set.dst = r, set.value = static_cast<int32_t>(value);
    std::vector<uint32_t> list(count, value);
    if (kind == 1 && !offsets_.empty()) {
      auto at = static_cast<size_t>(dice_.between(0, static_cast<int64_t>(offsets_.size()) - 1));
      isa::RegLoadDevice load;
      load.dst = r, load.source.region = offsetsRegion_, load.source.type = DType::I32, load.source.offset = 4 * at;
      frame.before.push_back(load);
      list.assign(count, offsets_[at]);
    } else if (kind == 4) {
      isa::RegMul multiply;
      multiply.dst = r, multiply.src = kIterationRegister, multiply.value = static_cast<int32_t>(4 * dice_.between(0, 8));
      frame.top.push_back(multiply);
      for (uint32_t i = 0; i < count; ++i)
        list[i] = i * static_cast<uint32_t>(multiply.value);
    } else if (kind == 3) {
      isa::RegRotate rotate;
      rotate.dst = r, rotate.limit = value + 4 * static_cast<uint32_t>(dice_.between(1, 8));
      rotate.step = 4 * static_cast<uint32_t>(dice_.between(0, rotate.limit / 4));
      frame.before.push_back(set);
      frame.bottom.push_back(rotate);
      for (uint32_t i = 1; i < count; ++i) {
        list[i] = list[i - 1] + rotate.step;
        list[i] -= list[i] >= rotate.limit ? rotate.limit : 0;
      }
    } else {
      isa::RegAdd add;
      add.dst = add.src = r, add.value = static_cast<int32_t>(4 * dice_.between(-static_cast<int64_t>(value / 4 / count), 8));
      frame.before.push_back(set);
      if (kind == 2)
        frame.bottom.push_back(add);
      for (uint32_t i = 1; kind == 2 && i < count; ++i)
        list[i] = list[i - 1] + static_cast<uint32_t>(add.value);
    }
    values[r] = std::move(list);
  }
}

std::vector<uint8_t> Schedule::addressRegistersOf(isa::StreamId stream) const {
  std::vector<uint8_t> list;
  for (uint8_t r = 1; r <= kAddressRegisters; ++r)
    if (!registers_.at(stream)[r].empty())
      list.push_back(r);
  return list;
}

bool Schedule::conflict(const Entry &a, const Entry &b) {
  for (const Access &x : a.accesses)
    for (const Access &y : b.accesses)
      if ((x.writes || y.writes) && overlap(x.box, y.box))
        return true;
  return false;
}

bool Schedule::append(isa::StreamId stream, isa::Instruction instruction) {
  Entry entry{stream, std::move(instruction), {}, false, entries_.size(), {}, {}};
  entry.isTransfer = isa::familyOf(entry.instruction) == isa::StreamFamily::Dma;
  std::vector<sim::OperandUse> uses = sim::operandsOf(entry.instruction);
  for (const sim::OperandUse &use : uses)
    entry.accesses.push_back({hullOf(use, registers_[stream]), use.access != sim::Access::Read});
  for (const Access &to : entry.accesses)
    for (const Access &from : entry.accesses)
      if (entry.isTransfer && to.writes && &to != &from && overlap(to.box, from.box))
        return false;
  // Bytes that a register moves are all written only when the segment has ended.
  for (const sim::OperandUse &use : uses) {
    uint8_t reg = use.isTile() ? use.tile().reg : use.device().reg;
    if (use.access != sim::Access::Read && !use.indexed && reg == 0 && iterations_ > 0)
      ground_.mark(use, registers_[stream]);
  }
  push(std::move(entry));
  return true;
}

void Schedule::push(Entry entry) {
  size_t index = entries_.size();
  for (size_t i = 0; i < index; ++i)
    if (!inLine(entries_[i], entry.stream) && conflict(entries_[i], entry))
      entry.needs.push_back({i, false});
  for (const Past &past : past_)
    for (const Access &mine : entry.accesses)
      if (!(past.stream == entry.stream && !past.isTransfer) && (mine.writes || past.access.writes) && overlap(mine.box, past.access.box))
        entry.past[past.semaphore] = std::max(entry.past[past.semaphore], past.value);
  for (const Need &need : entry.needs)
    if (auto own = sealed_.find(isa::syncOf(entries_[entries_[need.entry].signaller].instruction).signalSem); own != sealed_.end())
      own->second = true;
  bool isTransfer = entry.isTransfer;
  entries_.push_back(std::move(entry));
  if (isTransfer)
    chooseSignal(index);
}

/// A transfer has a semaphore of its own, shares one with transfers that nobody waits for yet, or is followed by a `signal` that stands for it.
void Schedule::chooseSignal(size_t index) {
  uint16_t &signal = isa::syncOf(entries_[index].instruction).signalSem;
  for (const auto &[semaphore, isSealed] : sealed_)
    if (!isSealed && nest_.empty() && dice_.chance(30)) {
      signal = semaphore;
      return;
    }
  if (freeSemaphores_.size() > 24 && dice_.chance(75)) {
    signal = freshSemaphore();
    sealed_[signal] = false;
    return;
  }
  isa::Signal behind;
  behind.sync.signalSem = channelOf(entries_[index].stream);
  entries_[index].signaller = index + 1;
  entries_.push_back({entries_[index].stream, behind, {}, false, index + 1, {}, {}});
}

//===-- Closing a segment --------------------------------------------------===//

/// In a loop an instruction also waits for what follows it in the iteration before; a transfer for its own previous run, so that increments keep their order.
void Schedule::needPrevious() {
  for (size_t j = 0; j < entries_.size(); ++j)
    for (size_t i = j; i < entries_.size(); ++i)
      if ((i == j && entries_[j].isTransfer) || (!inLine(entries_[i], entries_[j].stream) && conflict(entries_[i], entries_[j])))
        entries_[j].needs.push_back({i, true});
}

/// Every instruction that somebody waits for, now or in a later segment, increments its stream's semaphore; some do without need.
void Schedule::signalEverything() {
  std::map<isa::StreamId, size_t> last;
  auto signal = [this](size_t index) {
    Entry &entry = entries_[index];
    uint16_t &number = isa::syncOf(entry.instruction).signalSem;
    if (!entry.isTransfer && number == isa::kNoSemaphore)
      number = channelOf(entry.stream);
  };
  for (size_t i = 0; i < entries_.size(); ++i) {
    for (const Need &need : entries_[i].needs)
      signal(entries_[need.entry].signaller);
    if (!entries_[i].isTransfer)
      last[entries_[i].stream] = i;
    if (!entries_[i].isTransfer && dice_.chance(20))
      signal(i);
  }
  for (const auto &[stream, index] : last)
    signal(index);
}

/// Numbers the increments of each semaphore within an iteration, and finds how many must be there before the first one for the waits on previous iterations.
void Schedule::countSignals() {
  for (size_t i = 0; i < entries_.size(); ++i)
    if (uint16_t number = isa::syncOf(entries_[i].instruction).signalSem; number != isa::kNoSemaphore)
      signallers_[number].push_back(i);
  for (const Entry &entry : entries_)
    for (const Need &need : entry.needs) {
      size_t signaller = entries_[need.entry].signaller;
      uint16_t number = isa::syncOf(entries_[signaller].instruction).signalSem;
      const std::vector<size_t> &list = signallers_[number];
      auto after = static_cast<uint32_t>(std::ranges::find(list, signaller) - list.begin()) + 1, size = static_cast<uint32_t>(list.size());
      if (need.previous && size > after + counts_[number])
        credits_[number] = std::max(credits_[number], size - after - counts_[number]);
    }
  for (const auto &[number, credit] : credits_) {
    isa::Signal signal;
    signal.sync.signalSem = number;
    std::vector<isa::Instruction> &before = frames_[entries_[signallers_[number].front()].stream].before;
    before.insert(before.end(), credit, signal);
    counts_[number] += credit;
  }
}

void Schedule::finish(bool barrier) {
  barrier = barrier && iterations_ > 0;
  if (iterations_ > 1 && !barrier)
    needPrevious();
  signalEverything();
  countSignals();
  for (isa::StreamId stream : streams_)
    if (barrier || std::ranges::any_of(entries_, [stream](const Entry &entry) { return entry.stream == stream; }))
      emit(stream, barrier);
  if (iterations_ > 0)
    remember();
  if (barrier)
    past_.clear();
}

/// What later segments have to know.
void Schedule::remember() {
  for (const auto &[number, list] : signallers_)
    counts_[number] += static_cast<uint32_t>(list.size()) * iterations_;
  for (auto &[stream, waits] : waitedHere_)
    for (const auto &[semaphore, value] : waits)
      waited_[stream][semaphore] = std::max(waited_[stream][semaphore], value);
  for (const Entry &entry : entries_) {
    // An engine completes in order: its last increment stands for all. A transfer's own increments are those of its signaller.
    uint16_t number = entry.isTransfer ? isa::syncOf(entries_[entry.signaller].instruction).signalSem : channelOf(entry.stream);
    for (const Access &access : entry.accesses)
      past_.push_back({access, entry.stream, entry.isTransfer, number, counts_[number]});
    for (const sim::OperandUse &use : sim::operandsOf(entry.instruction))
      if (use.access != sim::Access::Read && !use.indexed)
        ground_.mark(use, registers_[entry.stream]);
  }
}

void Schedule::clearSemaphores() {
  auto everywhere = [this](const isa::Instruction &instruction) {
    for (isa::StreamId stream : streams_)
      program_.streams[stream].push_back(instruction);
  };
  everywhere(isa::Barrier());
  for (uint16_t number = 0; number < isa::kSemaphoreCount; ++number)
    if (counts_[number] > 0 && dice_.chance(50)) {
      isa::SemClear clear;
      clear.semaphore = number;
      program_.streams[dice_.pick(streams_)].push_back(clear);
      counts_[number] = 0;
      for (isa::StreamId stream : streams_)
        waited_[stream].erase(number);
      bool isChannel = std::ranges::any_of(channels_, [number](const auto &channel) { return channel.second == number; });
      if (!isChannel)
        freeSemaphores_.push_back(number);
    }
  everywhere(isa::Barrier());
  past_.clear();
}

void Schedule::halt() {
  for (isa::StreamId stream : streams_)
    program_.streams[stream].push_back(isa::Halt());
}

} // namespace manaslu::test
