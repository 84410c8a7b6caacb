// Work of engines and transfers of rings: values, order, time, energy.
#include "lib/Sim/Machine/Scheduler.h"

namespace manaslu::sim {

namespace {

/// Accesses added between two searches for those that nobody can conflict with any more.
constexpr uint64_t kForgetInterval = 4096;

void addCounts(EnergyCounts &to, const EnergyCounts &from) {
  to.macs += from.macs;
  to.veOps += from.veOps;
  to.seOps += from.seOps;
  to.geOps += from.geOps;
  to.sbufBytes += from.sbufBytes;
  to.psumBytes += from.psumBytes;
  to.deviceBytes += from.deviceBytes;
  to.accumulates += from.accumulates;
  to.dmaBlocks += from.dmaBlocks;
}

} // namespace

Status Scheduler::executeValues(Stream &stream, const DecodedInstruction &in, Timeline timeline, uint32_t epoch) {
  memory_.use(&stream.registers);
  stream.atClear = false;
  if (Status status = memory_.place(*stream.code, in, stream.registers, placed_); !status)
    return status;
  if (Status status = checkOrder(stream, in, timeline, epoch); !status)
    return status;
  account(in);
  if (!options_.values)
    return {};
  if (const auto *matmul = std::get_if<isa::Matmul>(in.instruction)) {
    deferMatmul(stream, *matmul);
    return {};
  }
  listTouched(stream, in);
  if (conflictsWithMatmuls())
    computeMatmuls();
  for (uint32_t i = 0; i < in.operandCount; ++i) {
    const DecodedOperand &operand = stream.code->operands[in.firstOperand + i];
    if (operand.access == Access::Write && operand.footprint.dense)
      loads_.overwrite(Box(placed_[i]));
    else
      loads_.settle(Box(placed_[i]));
  }
  if (in.isImmediate) {
    if (Status computed = deferred_.drain(); !computed)
      return computed;
    return execute(*in.instruction, memory_);
  }
  if (const auto *load = std::get_if<isa::DmaLoad>(in.instruction))
    if (in.canStayPending && memory_.isFixed(load->src.region) &&
        loads_.add(memory_.viewOf(load->dst, stream.registers), Box(placed_.back()), memory_.viewOf(load->src, stream.registers)))
      return {};
  deferred_.add(*in.instruction, stream.registers, touched_);
  return {};
}

/// The instruction's accesses to memory that somebody writes.
void Scheduler::listTouched(const Stream &stream, const DecodedInstruction &in) {
  touched_.clear();
  for (uint32_t i = 0; i < in.operandCount; ++i) {
    const DecodedOperand &operand = stream.code->operands[in.firstOperand + i];
    if (operand.logged)
      touched_.push_back({Box(placed_[i]), operand.access != Access::Read});
  }
}

/// Nobody can tell when a matmul is computed, as long as its result is there when it is read and its operands are while it is: unordered accesses are errors,
/// and ordered ones come here.
void Scheduler::deferMatmul(const Stream &stream, const isa::Matmul &matmul) {
  touched_.clear();
  MatmulChain::Operands operands{memory_.viewOf(matmul.stationary, stream.registers), memory_.viewOf(matmul.moving, stream.registers),
                                 memory_.viewOf(matmul.acc, stream.registers), matmul.accumulate};
  size_t number = 0;
  for (View *view : {&operands.stationary, &operands.moving}) {
    Box box(placed_[number++]);
    if (auto elsewhere = loads_.find(*view, box))
      *view = *elsewhere;
    else
      touched_.push_back({box, false});
  }
  if (matmuls_->size() > 0 && !matmuls_->isContinuedBy(operands))
    computeMatmuls();
  if (matmuls_->size() == 0) {
    matmulsTouch_.clear();
    matmulsTouch_.push_back({Box(placed_[2]), true});
  }
  matmulsTouch_.insert(matmulsTouch_.end(), touched_.begin(), touched_.end());
  matmuls_->add(operands);
}

void Scheduler::computeMatmuls() {
  if (matmuls_->size() > 0)
    deferred_.add(matmuls_, matmulsTouch_);
}

bool Scheduler::conflictsWithMatmuls() const {
  if (matmuls_->size() == 0)
    return false;
  for (const Deferred::Touched &mine : touched_)
    for (const Deferred::Touched &other : matmulsTouch_)
      if (mine.conflictsWith(other))
        return true;
  return false;
}

Status Scheduler::checkOrder(Stream &stream, const DecodedInstruction &in, Timeline timeline, uint32_t epoch) {
  for (uint32_t i = 0; i < in.operandCount; ++i) {
    const DecodedOperand &operand = stream.code->operands[in.firstOperand + i];
    bool writes = operand.access != Access::Read;
    int memory = operand.footprint.memory;
    if (memory < 2) {
      int64_t &peak = memory == 0 ? result_.sbufPeakBytesPerPartition : result_.psumPeakBanks;
      peak = std::max(peak, memory == 0 ? placed_[i].high() : (placed_[i].high() - 1) / chip_.psumBankBytes + 1);
    }
    if (!operand.logged)
      continue;
    // Rows of a transfer are moved in no particular order: its own source and target must be apart.
    if (in.role == Role::Transfer && writes)
      for (uint32_t j = 0; j < i; ++j)
        if (overlap(placed_[j], placed_[i]))
          return Error("MN-RUN-RACE", "the transfer's source and target share bytes of " + memory_.nameOfMemory(memory));
    LoggedAccess access{placed_[i], timeline, epoch, stream.pc, static_cast<uint8_t>(stream.index), writes};
    AccessLog::Accessor accessor{stream.knowledge, timeline, stream.timeline};
    if (auto other = logs_[static_cast<size_t>(memory)].add(access, accessor))
      return race(stream, placed_[i], writes, *other);
    if (++additions_ % kForgetInterval == 0)
      forgetOldAccesses();
  }
  return {};
}

void Scheduler::forgetOldAccesses() {
  // What every stream that still runs knows; a stream knows all of its own past.
  size_t size = kFirstChain + chains_.size();
  Knowledge known;
  for (Timeline timeline = 0; timeline < size; ++timeline) {
    uint32_t least = UINT32_MAX;
    for (const Stream &stream : streams_)
      if (stream.state != StreamState::Halted && stream.timeline != timeline)
        least = std::min(least, stream.knowledge.of(timeline));
    known.learn(timeline, least);
  }
  for (AccessLog &log : logs_)
    log.forget(known);
}

void Scheduler::account(const DecodedInstruction &in) {
  addCounts(result_.counts, in.cost.energy);
  result_.deviceReadBytes += in.cost.deviceReadBytes;
  result_.deviceWriteBytes += in.cost.deviceWriteBytes;
}

/// When the instruction can start: not before `now`, nor before an unfinished instruction of the same engine has written what this one touches, nor before
/// a matmul's stationary operand is loaded.
int64_t Scheduler::startOf(Stream &stream, const DecodedInstruction &in, int64_t now) const {
  if (!options_.clock)
    return now;
  int64_t start = now;
  std::erase_if(stream.pending, [now](const PendingWrite &write) { return write.completion <= now; });
  for (uint32_t i = 0; i < in.operandCount; ++i)
    for (const PendingWrite &write : stream.pending) {
      const DecodedOperand &operand = stream.code->operands[in.firstOperand + i];
      bool accumulatesInPlace = in.accumulates && write.accumulates && operand.access == Access::ReadWrite && covers(write.placed, placed_[i]);
      if (write.completion > start && !accumulatesInPlace && overlap(write.placed, placed_[i]))
        start = write.completion;
    }
  if (in.cost.loadPs > 0)
    start = std::max(start, std::max(stream.gate, stream.previousStart) + in.cost.loadPs);
  return start;
}

/// On chips with shared ports the time at which the other engine lets go of them, if it holds one at `now`.
std::optional<int64_t> Scheduler::portFreeAt(const Stream &stream, const DecodedInstruction &in, int64_t now) const {
  int64_t free = now;
  Engine engine = stream.code->engine;
  auto wait = [&](const std::array<int64_t, kEngineCount> &busyUntil, Engine other) { free = std::max(free, busyUntil[static_cast<int>(other)]); };
  if (chip_.sbufPortShared && in.usesSbuf && engine == Engine::Ve)
    wait(sbufBusyUntil_, Engine::Ge);
  if (chip_.sbufPortShared && in.usesSbuf && engine == Engine::Ge)
    wait(sbufBusyUntil_, Engine::Ve);
  if (chip_.psumPortShared && in.usesPsum && engine == Engine::Ve)
    wait(psumBusyUntil_, Engine::Se);
  if (chip_.psumPortShared && in.usesPsum && engine == Engine::Se)
    wait(psumBusyUntil_, Engine::Ve);
  return free > now ? std::optional<int64_t>(free) : std::nullopt;
}

int64_t Scheduler::issueWork(Stream &stream, const DecodedInstruction &in, int64_t start) {
  int64_t occupancy = ticks(in.cost.occupancyPs);
  Engine engine = stream.code->engine;
  if (engine == Engine::Pe && chip_.pe.warmUpBusyNs > 0 && options_.clock) {
    if (start - peIdleSince_ > chip_.pe.warmUpGapNs * 1000)
      peWarm_ = 0;
    if (peWarm_ < chip_.pe.warmUpBusyNs * 1000)
      occupancy *= chip_.pe.warmUpFactor;
    peWarm_ += occupancy;
    peIdleSince_ = start + occupancy;
  }
  int64_t end = start + occupancy, completion = end + ticks(in.cost.drainPs);
  auto index = static_cast<size_t>(engine);
  if (in.usesSbuf)
    sbufBusyUntil_[index] = end;
  if (in.usesPsum)
    psumBusyUntil_[index] = end;
  result_.busyPs[index] += occupancy;
  if (in.isTranspose)
    result_.transposePs += occupancy;
  // The operands are placed again: other streams may have run since the values were computed.
  for (uint32_t i = 0; i < in.operandCount; ++i) {
    const DecodedOperand &operand = stream.code->operands[in.firstOperand + i];
    if (operand.access == Access::Read || !options_.clock)
      continue;
    int64_t shift = static_cast<int64_t>(stream.registers[operand.footprint.reg]) * operand.footprint.scale;
    stream.pending.push_back({{&operand.footprint, shift}, completion, operand.access == Access::ReadWrite || operand.bank > 0});
  }
  stream.previousStart = start;
  stream.gate = 0;
  stream.lastCompletion = std::max(stream.lastCompletion, completion);
  TraceMark mark = 0;
  if (options_.trace) {
    mark = options_.trace->work({stream.code->id, stream.pc, start, end});
    traceAccesses(stream, in, start, end);
  }
  signal(stream, in, stream.timeline, stream.epoch, completion, mark);
  return end;
}

/// A chain whose latest transfer the ring knows to have completed, or a new one.
Timeline Scheduler::chainFor(Stream &stream, const DecodedInstruction &in) {
  uint16_t semaphore = in.sync->signalSem;
  auto known = [&](size_t chain) { return stream.knowledge.of(kFirstChain + static_cast<Timeline>(chain)) >= chains_[chain]; };
  if (semaphore != isa::kNoSemaphore) {
    int hint = chainHint_[semaphore];
    if (hint >= 0 && known(static_cast<size_t>(hint)))
      return kFirstChain + static_cast<Timeline>(hint);
  }
  size_t chain = 0;
  while (chain < chains_.size() && !known(chain))
    ++chain;
  if (chain == chains_.size())
    chains_.push_back(0);
  if (semaphore != isa::kNoSemaphore)
    chainHint_[semaphore] = static_cast<int>(chain);
  return kFirstChain + static_cast<Timeline>(chain);
}

int64_t Scheduler::issueTransfer(Stream &stream, const DecodedInstruction &in, int64_t now, Timeline timeline, uint32_t epoch) {
  int64_t completion = now;
  pieces_.clear();
  if (options_.clock) {
    int64_t arrival = now + chip_.dmaLatencyNs * 1000, pieces = transferPieces(chip_, in.cost.transfer);
    int ring = static_cast<int>(stream.code->id) - static_cast<int>(isa::StreamId::Dma0);
    for (int64_t piece = 0; piece < pieces; ++piece) {
      // Rings begin at different movers, so that small transfers of several rings do not meet.
      int64_t &free = movers_[static_cast<size_t>((piece + ring) % chip_.dmaMovers)];
      int64_t begin = std::max(free, arrival);
      free = begin + rowsOfPiece(chip_, in.cost.transfer, piece) * in.cost.rowPs;
      completion = std::max(completion, free);
      if (options_.trace)
        pieces_.push_back({static_cast<int>((piece + ring) % chip_.dmaMovers), begin, free});
      if (moverBusy_.empty() || moverBusy_.back() != std::pair(begin, free))
        moverBusy_.emplace_back(begin, free);
    }
  }
  stream.lastCompletion = std::max(stream.lastCompletion, completion);
  stream.outstanding.emplace_back(timeline, epoch);
  int64_t end = now + ticks(in.cost.occupancyPs);
  TraceMark mark = 0;
  if (options_.trace) {
    mark = options_.trace->transfer({stream.code->id, stream.pc, now, end}, pieces_);
    traceAccesses(stream, in, pieces_.front().startPs, completion);
  }
  signal(stream, in, timeline, epoch, completion, mark);
  return end;
}

void Scheduler::traceAccesses(const Stream &stream, const DecodedInstruction &in, int64_t start, int64_t end) const {
  for (uint32_t i = 0; i < in.operandCount; ++i) {
    const DecodedOperand &operand = stream.code->operands[in.firstOperand + i];
    const Footprint &shape = operand.footprint;
    if (shape.isDevice())
      continue;
    int64_t shift = static_cast<int64_t>(stream.registers[shape.reg]) * shape.scale;
    options_.trace->access({shape.memory == 0 ? isa::Space::Sbuf : isa::Space::Psum, shape.firstPartition, shape.lastPartition, shape.low + shift,
                            shape.high + shift, shape.dense, operand.access != Access::Write, operand.access != Access::Read, start, end});
  }
}

int64_t Scheduler::transferBusyTime() {
  std::sort(moverBusy_.begin(), moverBusy_.end());
  int64_t total = 0, reach = 0;
  for (auto [begin, end] : moverBusy_) {
    total += std::max<int64_t>(0, end - std::max(begin, reach));
    reach = std::max(reach, end);
  }
  return total;
}

} // namespace manaslu::sim
