// Streams of instructions with rolled loops and registers from a planned model.
#include "lib/Conversion/TileToIsa/Emit.h"

#include "lib/Conversion/TileToIsa/Registers.h"

#include <llvm/ADT/DenseMap.h>
#include <llvm/ADT/TypeSwitch.h>

#include <algorithm>
#include <memory>
#include <numeric>

using namespace mlir;

namespace manaslu::tile {

std::string locationText(Location location) {
  return llvm::TypeSwitch<LocationAttr, std::string>(location)
      .Case([](FileLineColLoc l) { return l.getFilename().str() + ":" + std::to_string(l.getLine()); })
      .Case([](NameLoc l) {
        std::string inner = locationText(l.getChildLoc());
        return l.getName().str() + (inner.empty() ? "" : " at " + inner);
      })
      .Case([](CallSiteLoc l) { return locationText(l.getCallee()); })
      .Case([](FusedLoc l) {
        std::string text;
        for (Location part : l.getLocations())
          if (std::string one = locationText(part); !one.empty() && text.find(one) == std::string::npos)
            text += (text.empty() ? "" : ", ") + one;
        return text;
      })
      .Default([](LocationAttr) { return std::string(); });
}

namespace {

Linear linearOf(llvm::ArrayRef<Term> terms, int64_t divisor = 1) {
  Linear linear;
  for (const Term &term : terms)
    if (term.bytes)
      linear.push_back({term.loop, term.bytes / divisor});
  return linear;
}

/// A device offset as register * scale: the scale takes the common divisor and the sign.
int64_t scaleOf(llvm::ArrayRef<Term> terms) {
  int64_t divisor = 0;
  bool negative = true;
  for (const Term &term : terms) {
    divisor = std::gcd(divisor, term.bytes);
    negative &= term.bytes <= 0;
  }
  return negative ? -divisor : divisor;
}

class StreamEmitter {
public:
  StreamEmitter(const Model &model, const SyncPlan &plan, isa::StreamId stream, llvm::ArrayRef<OrderTag> leafOrder, llvm::ArrayRef<int64_t> loopSizes)
      : model_(model), plan_(plan), stream_(stream), leafOrder_(leafOrder), loopSizes_(loopSizes), uses_(model.loops.size()) {
    for (const Leaf &leaf : model.leaves)
      if (leaf.stream == stream)
        for (int loop = leaf.loop; loop >= 0 && !uses_[loop]; loop = model.loops[loop].parent)
          uses_[loop] = true;
  }

  void run() {
    credits();
    items(model_.body, nullptr);
    push(isa::Halt{});
  }

  std::vector<isa::Instruction> out;
  std::vector<OrderTag> order;
  std::vector<isa::DebugEntry> debug;
  Error error;

private:
  void push(isa::Instruction instruction, OrderTag tag = {}) {
    order.resize(out.size());
    out.push_back(std::move(instruction));
    order.push_back(tag);
  }

  /// Increments that stand for iterations before the first.
  void credits() {
    for (auto &[channel, count] : plan_.credits) {
      if (plan_.signaller.at(channel) != stream_)
        continue;
      isa::Signal signal;
      signal.sync.signalSem = static_cast<uint16_t>(channel);
      if (count > 1)
        push(isa::Loop{.count = static_cast<uint32_t>(count)});
      push(signal);
      if (count > 1)
        push(isa::EndLoop{});
    }
  }

  void items(const std::vector<Item> &list, const Registers *registers) {
    for (const Item &item : list) {
      if (!item.isLoop) {
        if (model_.leaves[item.index].stream == stream_)
          leaf(item.index, registers);
      } else if (uses_[item.index]) {
        loop(item.index, registers);
      }
    }
  }

  void loop(int index, const Registers *outer) {
    std::unique_ptr<Registers> own;
    if (!outer) {
      own = std::make_unique<Registers>(model_);
      collect(index, *own);
      if (Status status = own->assign(anyOperation(index), index, known_); !status)
        return error.append(status.error());
    }
    const Registers &registers = outer ? *outer : *own;
    if (auto waits = plan_.loopWaits.find({stream_, index}); waits != plan_.loopWaits.end())
      for (const SemaphoreWait &wait : waits->second) {
        isa::Wait instruction;
        setWait(instruction.sync, wait, &registers, 0);
        push(instruction);
      }
    registers.enter(index, known_, out);
    order.resize(out.size());
    push(isa::Loop{.count = static_cast<uint32_t>(model_.loops[index].trips)}, {-1, loopSizes_[index]});
    items(model_.loops[index].body, &registers);
    registers.latch(index, out);
    push(isa::EndLoop{});
    registers.leave(index, out);
    if (own)
      own->note(known_);
  }

  /// What the leaves and waits of this stream ask of registers.
  void collect(int index, Registers &registers) {
    if (auto waits = plan_.loopWaits.find({stream_, index}); waits != plan_.loopWaits.end())
      for (const SemaphoreWait &wait : waits->second)
        registers.want(linearOf(wait.terms), waitValue(wait), 1);
    for (const Item &item : model_.loops[index].body) {
      if (item.isLoop) {
        if (uses_[item.index])
          collect(item.index, registers);
        continue;
      }
      const Leaf &leaf = model_.leaves[item.index];
      if (leaf.stream != stream_)
        continue;
      for (const SemaphoreWait &wait : plan_.leafWaits[item.index])
        registers.want(linearOf(wait.terms), waitValue(wait), 1);
      for (const Access &access : leaf.accesses) {
        registers.want(linearOf(access.terms, divisorOf(access)), roomOf(access), elementBytes(access.viewType().getElementType()));
        if (std::optional<Rotation> rotation = rotationOf(access))
          registers.want(*rotation);
      }
    }
  }

  Operation *anyOperation(int index) const {
    const Item &item = model_.loops[index].body.front();
    return item.isLoop ? anyOperation(item.index) : model_.leaves[item.index].operation;
  }

  int64_t divisorOf(const Access &access) const { return model_.buffers[access.buffer].region >= 0 && !access.terms.empty() ? scaleOf(access.terms) : 1; }

  /// Bytes that the immediate of an address can leave to its register; none of a device address, whose register is limited by its scale.
  int64_t roomOf(const Access &access) { return model_.buffers[access.buffer].region < 0 ? placeOf(access).offset : 0; }

  int64_t waitValue(const SemaphoreWait &wait) const {
    auto credit = plan_.credits.find(wait.channel);
    return wait.value + (credit == plan_.credits.end() ? 0 : credit->second);
  }

  std::optional<Rotation> rotationOf(const Access &access) const {
    const Buffer &buffer = model_.buffers[access.buffer];
    if (buffer.copies == 1)
      return std::nullopt;
    return Rotation{buffer.loop, buffer.stride, buffer.stride * buffer.copies};
  }

  void setWait(isa::Sync &sync, const SemaphoreWait &wait, const Registers *registers, int temporary) {
    sync.waitSem = static_cast<uint16_t>(wait.channel);
    int64_t value = waitValue(wait);
    if (Linear linear = linearOf(wait.terms); !linear.empty()) {
      sync.waitReg = registers->use(linear, temporary, out);
      value -= registers->startOf(linear);
    }
    sync.waitValue = static_cast<uint32_t>(value);
  }

  void leaf(int index, const Registers *registers) {
    const Leaf &leaf = model_.leaves[index];
    llvm::ArrayRef<SemaphoreWait> waits = plan_.leafWaits[index];
    uint32_t first = static_cast<uint32_t>(out.size());
    for (const SemaphoreWait &wait : waits.drop_back(waits.empty() ? 0 : 1)) {
      isa::Wait instruction;
      setWait(instruction.sync, wait, registers, 0);
      push(instruction);
    }
    isa::Sync sync;
    if (!waits.empty())
      setWait(sync, waits.back(), registers, 0);
    sync.signalSem = static_cast<uint16_t>(leaf.channel);
    int temporary = 1;
    auto access = [&](Value view) -> const Access & { return *llvm::find_if(leaf.accesses, [&](const Access &a) { return a.operand() == view; }); };
    auto tile = [&](Value view) { return tileOf(access(view), registers, temporary++); };
    auto device = [&](Value view) { return deviceOf(access(view), registers, temporary++); };
    Result<isa::Instruction> instruction = translate(leaf.operation, {tile, device});
    if (!instruction)
      return error.append(instruction.error());
    isa::syncOf(*instruction) = sync;
    push(*instruction, leafOrder_[index]);
    if (debug.empty() || debug.back().tileOp != static_cast<uint32_t>(leaf.number))
      debug.push_back({stream_, first, static_cast<uint32_t>(leaf.number), text(leaf.operation->getLoc())});
  }

  /// The operand without its register.
  isa::TileOperand placeOf(const Access &access) {
    Result<isa::TileOperand> operand = tileOperand(access.view, 0, model_.buffers[access.buffer].base + access.shift);
    if (!operand) {
      error.append(operand.error());
      return {};
    }
    operand->partition = static_cast<uint8_t>(access.partition);
    operand->partitions = static_cast<uint8_t>(access.partitions);
    if (access.cutDimension > 0)
      operand->dims[5 - access.viewType().getSizes().size() + access.cutDimension - 1].size = static_cast<uint16_t>(access.cutSize);
    return *operand;
  }

  isa::TileOperand tileOf(const Access &access, const Registers *registers, int temporary) {
    isa::TileOperand operand = placeOf(access);
    Linear linear = linearOf(access.terms);
    if (std::optional<Rotation> rotation = rotationOf(access))
      operand.reg = registers->use(linear, *rotation, temporary, out);
    else if (!linear.empty())
      operand.reg = registers->use(linear, temporary, out);
    if (!linear.empty())
      operand.offset -= static_cast<uint32_t>(registers->startOf(linear));
    return operand;
  }

  isa::DeviceOperand deviceOf(const Access &access, const Registers *registers, int temporary) {
    Result<isa::DeviceOperand> operand = deviceOperand(access.view, static_cast<uint16_t>(model_.buffers[access.buffer].region), access.shift);
    if (!operand) {
      error.append(operand.error());
      return {};
    }
    if (access.cutDimension >= 0)
      operand->dims[5 - access.viewType().getSizes().size() + access.cutDimension].size = static_cast<uint32_t>(access.cutSize);
    if (access.terms.empty())
      return *operand;
    int64_t scale = scaleOf(access.terms);
    Linear linear = linearOf(access.terms, scale);
    int64_t most = 0;
    for (auto [loop, coefficient] : linear)
      most = coefficient < 0 ? INT64_MAX / 2 : most + coefficient * model_.loops[loop].trips;
    if (most > UINT32_MAX || scale != static_cast<int32_t>(scale))
      error.add("MN-MEM-PATTERN", "a device address runs up in one loop and down in another, or over more than 4 GiB", describe(access.view));
    else if (!linear.empty())
      operand->reg = registers->use(linear, temporary, out), operand->scale = static_cast<int32_t>(scale);
    return *operand;
  }

  const std::string &text(Location location) {
    auto [entry, fresh] = texts_.insert({location, {}});
    if (fresh)
      entry->second = locationText(location);
    return entry->second;
  }

  const Model &model_;
  const SyncPlan &plan_;
  isa::StreamId stream_;
  llvm::ArrayRef<OrderTag> leafOrder_;
  llvm::ArrayRef<int64_t> loopSizes_;
  std::vector<bool> uses_;
  KnownValues known_;
  llvm::DenseMap<Location, std::string> texts_;
};

/// Numbers leaves in the order of execution. Returns the instructions executed by the list.
int64_t numberLeaves(const Model &model, const std::vector<Item> &items, int64_t next, std::vector<OrderTag> &leaves, std::vector<int64_t> &sizes) {
  int64_t begin = next;
  for (const Item &item : items) {
    if (!item.isLoop) {
      leaves[item.index] = {next++, -1};
      continue;
    }
    sizes[item.index] = numberLeaves(model, model.loops[item.index].body, next, leaves, sizes);
    next += sizes[item.index] * model.loops[item.index].trips;
  }
  return next - begin;
}

} // namespace

Result<Emission> emitStreams(const Model &model, const SyncPlan &plan) {
  std::vector<OrderTag> leafOrder(model.leaves.size());
  std::vector<int64_t> loopSizes(model.loops.size());
  numberLeaves(model, model.body, 0, leafOrder, loopSizes);
  std::vector<bool> used(isa::kStreamCount);
  for (const Leaf &leaf : model.leaves)
    used[static_cast<int>(leaf.stream)] = true;
  Emission emission;
  for (int s = 0; s < isa::kStreamCount; ++s) {
    if (!used[s])
      continue;
    auto stream = static_cast<isa::StreamId>(s);
    StreamEmitter emitter(model, plan, stream, leafOrder, loopSizes);
    emitter.run();
    if (!emitter.error.empty())
      return emitter.error;
    emission.debug.insert(emission.debug.end(), emitter.debug.begin(), emitter.debug.end());
    emission.streams[stream] = std::move(emitter.out);
    emission.order[stream] = std::move(emitter.order);
  }
  return emission;
}

} // namespace manaslu::tile
