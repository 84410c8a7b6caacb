// Storage of a core and its checks of bounds and written bytes.
#include "lib/Sim/Machine/CoreMemory.h"

#include <algorithm>
#include <cstring>
#include <functional>

namespace manaslu::sim {

namespace {

/// A pitch of 64 bytes modulo 4096: the partitions of one column fall into different cache sets.
int64_t pitchFor(int64_t bytes) { return (bytes + 4095) / 4096 * 4096 + 64; }

/// Bytes of the host bound to a region.
struct Bound {
  const std::byte *begin, *end;
  bool isOutput;
  const std::string *name;
};

/// An output shares bytes with another output or an input: what the program reads would depend on when it writes. Inputs may share.
void checkApart(std::vector<Bound> bounds, Error &error) {
  std::sort(bounds.begin(), bounds.end(), [](const Bound &a, const Bound &b) { return std::less<>()(a.begin, b.begin); });
  const Bound *farthest = nullptr, *farthestOutput = nullptr;
  for (const Bound &bound : bounds) {
    const Bound *other = bound.isOutput ? farthest : farthestOutput;
    if (other && std::less<>()(bound.begin, other->end))
      error.add("MN-RUN-INPUT", "the memory of " + *bound.name + " and that of " + *other->name + " overlap");
    if (!farthest || std::less<>()(farthest->end, bound.end))
      farthest = &bound;
    if (bound.isOutput && (!farthestOutput || std::less<>()(farthestOutput->end, bound.end)))
      farthestOutput = &bound;
  }
}

std::string number(__int128 value) {
  if (value > INT64_MAX || value < INT64_MIN)
    return value < 0 ? "below -2^63" : "above 2^63";
  return std::to_string(static_cast<int64_t>(value));
}

} // namespace

CoreMemory::CoreMemory(const isa::Program &program, const Chip &chip)
    : program_(program), sbufBytes_(chip.sbufUsableBytes()), psumBytes_(chip.psumBytesPerPartition()), sbufPitch_(pitchFor(sbufBytes_)),
      psumPitch_(pitchFor(psumBytes_)), sbuf_(static_cast<size_t>(chip.partitions * sbufPitch_)), psum_(static_cast<size_t>(chip.partitions * psumPitch_)),
      sbufWritten_(chip.partitions, sbufBytes_), psumWritten_(chip.partitions, psumBytes_) {}

Result<std::unique_ptr<CoreMemory>> CoreMemory::create(const isa::Program &program, const Chip &chip) {
  std::unique_ptr<CoreMemory> memory(new CoreMemory(program, chip));
  if (Status status = memory->allocate(); !status)
    return status.error();
  return memory;
}

Status CoreMemory::allocate() {
  if (sbuf_.failed() || psum_.failed() || sbufWritten_.failed() || psumWritten_.failed())
    return Error("MN-RUN-MEMORY", "the host has no " + std::to_string(sbuf_.size() + psum_.size()) + " bytes for SBUF and PSUM");
  constexpr size_t kMostPopulated = size_t(64) << 20; // a chip file may say anything
  for (Pages *pages : {&sbuf_, &psum_})
    if (pages->size() <= kMostPopulated)
      pages->populate();
  regions_.resize(program_.regions.size());
  for (uint32_t i = 0; i < program_.regions.size(); ++i) {
    const isa::Region &region = program_.regions[i];
    RegionStorage &storage = regions_[i];
    storage.checksWritten = region.kind == isa::RegionKind::Output || region.kind == isa::RegionKind::Scratch;
    if (storage.checksWritten)
      storage.written = WrittenMap(1, static_cast<int64_t>(region.bytes));
    if (storage.written.failed())
      return Error("MN-RUN-MEMORY", "the host has no memory to watch region " + region.name + " of " + std::to_string(region.bytes) + " bytes");
    const isa::ConstantData *data = program_.constantOf(i);
    bool owned =
        region.kind == isa::RegionKind::State || region.kind == isa::RegionKind::Scratch || (region.kind == isa::RegionKind::Constant && data && data->fill);
    if (owned) {
      storage.pages = Pages(region.bytes);
      if (region.kind == isa::RegionKind::State)
        storage.before = Pages(region.bytes);
      if (storage.pages.failed() || storage.before.failed())
        return Error("MN-RUN-MEMORY", "the host has no " + std::to_string(region.bytes) + " bytes for region " + region.name);
      storage.data = storage.pages.data();
    }
    if (region.kind != isa::RegionKind::Constant)
      continue;
    if (!data || (!data->fill && data->bytes.size() != region.bytes))
      return Error("MN-SHAPE-BYTES", "constant region " + region.name + " has no data of " + std::to_string(region.bytes) + " bytes");
    if (data->fill)
      data->fill(0, {storage.data, region.bytes});
    else // Programs cannot write constants: the verifier refuses such operands.
      storage.data = const_cast<std::byte *>(data->bytes.data());
  }
  resetState();
  return {};
}

void CoreMemory::resetState() {
  for (uint32_t i = 0; i < regions_.size(); ++i) {
    if (program_.regions[i].kind != isa::RegionKind::State)
      continue;
    std::span<std::byte> to(regions_[i].data, program_.regions[i].bytes);
    const isa::ConstantData *data = program_.constantOf(i);
    if (data && data->fill)
      data->fill(0, to);
    else if (data && data->bytes.size() == to.size())
      std::memcpy(to.data(), data->bytes.data(), to.size());
    else
      std::memset(to.data(), 0, to.size());
  }
}

std::span<std::byte> CoreMemory::state(uint32_t region) {
  if (region >= regions_.size() || program_.regions[region].kind != isa::RegionKind::State)
    return {};
  return {regions_[region].data, program_.regions[region].bytes};
}

Status CoreMemory::begin(std::span<const std::span<const std::byte>> inputs, std::span<const std::span<std::byte>> outputs) {
  Error error;
  std::vector<Bound> bounds;
  size_t nextInput = 0, nextOutput = 0;
  for (size_t i = 0; i < regions_.size(); ++i) {
    const isa::Region &region = program_.regions[i];
    RegionStorage &storage = regions_[i];
    bool isInput = region.kind == isa::RegionKind::Input, isOutput = region.kind == isa::RegionKind::Output;
    if (isInput || isOutput) {
      size_t &next = isInput ? nextInput : nextOutput;
      size_t count = isInput ? inputs.size() : outputs.size();
      size_t bytes = next < count ? (isInput ? inputs[next].size() : outputs[next].size()) : 0;
      if (next >= count || bytes != region.bytes)
        error.add("MN-RUN-INPUT", std::string(isInput ? "input " : "output ") + region.name + " wants " + std::to_string(region.bytes) + " bytes, got " +
                                      (next < count ? std::to_string(bytes) : std::string("nothing")));
      else // Inputs are never written: the verifier refuses such operands.
        storage.data = isInput ? const_cast<std::byte *>(inputs[next].data()) : outputs[next].data();
      if (next < count && bytes > 0)
        bounds.push_back({storage.data, storage.data + bytes, isOutput, &region.name});
      ++next;
    }
  }
  if (nextInput < inputs.size() || nextOutput < outputs.size())
    error.add("MN-RUN-INPUT", "the program has " + std::to_string(nextInput) + " inputs and " + std::to_string(nextOutput) + " outputs, got " +
                                  std::to_string(inputs.size()) + " and " + std::to_string(outputs.size()));
  if (error.empty())
    checkApart(std::move(bounds), error);
  forget();
  return error.empty() ? Status() : Status(error);
}

void CoreMemory::beginUnbound() { forget(); }

void CoreMemory::forget() {
  for (size_t i = 0; i < regions_.size(); ++i) {
    RegionStorage &storage = regions_[i];
    if (storage.checksWritten)
      storage.written.clear();
    if (program_.regions[i].kind == isa::RegionKind::State)
      std::memcpy(storage.before.data(), storage.data, program_.regions[i].bytes);
  }
  sbufWritten_.clear();
  psumWritten_.clear();
}

void CoreMemory::rollBack() {
  for (size_t i = 0; i < regions_.size(); ++i)
    if (program_.regions[i].kind == isa::RegionKind::State)
      std::memcpy(regions_[i].data, regions_[i].before.data(), program_.regions[i].bytes);
}

Status CoreMemory::checkOutputs() {
  for (size_t i = 0; i < regions_.size(); ++i) {
    const isa::Region &region = program_.regions[i];
    if (region.kind != isa::RegionKind::Output || region.bytes == 0)
      continue;
    Footprint whole;
    whole.lasting = false;
    whole.pattern.push(1, static_cast<int64_t>(region.bytes));
    whole.high = static_cast<int64_t>(region.bytes);
    if (auto hole = regions_[i].written.firstHole({&whole, 0}))
      return Error("MN-RUN-UNINIT", "the program ended without writing byte " + std::to_string(hole->byte) + " of output " + region.name);
  }
  return {};
}

std::string CoreMemory::nameOfMemory(int memory) const {
  if (memory < 2)
    return memory == 0 ? "sbuf" : "psum";
  return "region " + program_.regions[static_cast<size_t>(memory - 2)].name;
}

WrittenMap *CoreMemory::writtenOf(int memory) {
  if (memory < 2)
    return memory == 0 ? &sbufWritten_ : &psumWritten_;
  return &regions_[static_cast<size_t>(memory - 2)].written;
}

Status CoreMemory::place(const DecodedStream &stream, const DecodedInstruction &instruction, const std::array<uint32_t, 64> &registers,
                         std::vector<Placed> &placed) {
  placed.clear();
  indexed_ = false;
  for (uint32_t i = 0; i < instruction.operandCount; ++i) {
    const DecodedOperand &operand = stream.operands[instruction.firstOperand + i];
    const Footprint &shape = operand.footprint;
    __int128 shift = static_cast<__int128>(registers[shape.reg]) * shape.scale;
    if (shape.low + shift < 0 || shape.high + shift > operand.limit || shift % shape.elementBytes != 0)
      return Error("MN-RUN-BOUNDS", "with register " + std::to_string(shape.reg) + " = " + std::to_string(registers[shape.reg]) +
                                        " an operand reaches from byte " + number(shape.low + shift) + " to " + number(shape.high + shift - 1) + "; " +
                                        nameOfMemory(shape.memory) + " has bytes 0 to " + std::to_string(operand.limit - 1) +
                                        ", and addresses are whole elements of " + std::to_string(shape.elementBytes) + " bytes");
    Placed at{&shape, static_cast<int64_t>(shift)};
    if (operand.bank && at.low() / operand.bank != (at.high() - 1) / operand.bank)
      return Error("MN-RUN-BOUNDS", "the result reaches from byte " + std::to_string(at.low()) + " to " + std::to_string(at.high() - 1) +
                                        " of psum, across banks of " + std::to_string(operand.bank) + " bytes");
    placed.push_back(at);
    indexed_ |= operand.indexed;
    if (!operand.checksWritten || operand.indexed)
      continue;
    WrittenMap *written = writtenOf(shape.memory);
    if (operand.access != Access::Write)
      if (auto hole = written->firstHole(at))
        return Error("MN-RUN-UNINIT", "reads byte " + std::to_string(hole->byte) +
                                          (shape.isDevice() ? "" : " of partition " + std::to_string(hole->partition)) + " of " + nameOfMemory(shape.memory) +
                                          ", which nothing has written");
    if (operand.access != Access::Read)
      written->mark(at);
  }
  return {};
}

Status CoreMemory::checkRow(const isa::DeviceOperand &operand, int64_t shift, Access access) {
  Footprint shape = footprintOf({operand, access, false});
  shape.lasting = false;
  const isa::Region &region = program_.regions[operand.region];
  if (static_cast<__int128>(shape.low) + shift < 0 || static_cast<__int128>(shape.high) + shift > static_cast<__int128>(region.bytes))
    return Error("MN-RUN-BOUNDS", "a row reaches from byte " + number(static_cast<__int128>(shape.low) + shift) + "; region " + region.name + " has " +
                                      std::to_string(region.bytes) + " bytes");
  RegionStorage &storage = regions_[operand.region];
  if (!storage.checksWritten)
    return {};
  Placed at{&shape, shift};
  if (access != Access::Write)
    if (auto hole = storage.written.firstHole(at))
      return Error("MN-RUN-UNINIT", "reads byte " + std::to_string(hole->byte) + " of region " + region.name + ", which nothing has written");
  if (access != Access::Read)
    storage.written.mark(at);
  return {};
}

View CoreMemory::viewOf(const isa::TileOperand &operand, const std::array<uint32_t, 64> &registers) const {
  bool psum = operand.space == isa::Space::Psum;
  View view;
  view.partitionPitch = psum ? psumPitch_ : sbufPitch_;
  view.base = (psum ? psum_ : sbuf_).data() + operand.partition * view.partitionPitch + operand.offset + registers[operand.reg];
  view.partitions = operand.partitions;
  view.type = operand.type;
  view.dims = operand.dims;
  return view;
}

namespace {
int64_t shiftOf(const isa::DeviceOperand &operand, const std::array<uint32_t, 64> &registers) {
  return static_cast<int64_t>(static_cast<uint64_t>(registers[operand.reg]) * static_cast<uint64_t>(static_cast<int64_t>(operand.scale)));
}
} // namespace

DeviceView CoreMemory::viewOf(const isa::DeviceOperand &operand, const std::array<uint32_t, 64> &registers) const {
  DeviceView view;
  view.base = regions_[operand.region].data + static_cast<int64_t>(operand.offset) + shiftOf(operand, registers);
  view.type = operand.type;
  view.dims = operand.dims;
  return view;
}

Result<View> CoreMemory::tile(const isa::TileOperand &operand, Access) { return viewOf(operand, *registers_); }

Result<DeviceView> CoreMemory::device(const isa::DeviceOperand &operand, Access access) {
  if (indexed_)
    if (Status status = checkRow(operand, shiftOf(operand, *registers_), access); !status)
      return status.error();
  return viewOf(operand, *registers_);
}

void CoreMemory::writeRegister(uint8_t index, uint32_t value) {
  if (index != 0)
    (*registers_)[index] = value;
}

void CoreMemory::parallel(int64_t count, int64_t grain, RangeFunction run) {
  if (pool_)
    pool_->parallel(count, anySize_ ? 1 : grain, run);
  else
    Memory::parallel(count, grain, run);
}

} // namespace manaslu::sim
