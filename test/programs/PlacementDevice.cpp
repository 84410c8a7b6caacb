// Device memory: regions with values of every type, patterns over them, outputs.
#include "test/programs/Placement.h"

#include "lib/Numerics/Convert.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace manaslu::test {

namespace {

/// Bytes of a region with values.
constexpr size_t kValueBytes = 2048;

std::vector<std::byte> bytesOf(const std::vector<uint32_t> &words) {
  std::vector<std::byte> bytes(words.size() * 4);
  std::memcpy(bytes.data(), words.data(), bytes.size());
  return bytes;
}

} // namespace

uint16_t Placement::addRegion(std::string name, isa::RegionKind kind, DType type, std::vector<int64_t> shape) {
  isa::Region region{std::move(name), kind, type, std::move(shape), "", static_cast<uint64_t>(sizeOf(type))};
  for (int64_t size : region.shape)
    region.bytes *= static_cast<uint64_t>(size);
  bool bound = kind == isa::RegionKind::Input || kind == isa::RegionKind::Output;
  region.hostType = bound ? "uint8" : "";
  ground_.addMemory(1, static_cast<int64_t>(region.bytes), kind != isa::RegionKind::Scratch && kind != isa::RegionKind::Output);
  case_.program.regions.push_back(std::move(region));
  return static_cast<uint16_t>(case_.program.regions.size() - 1);
}

uint16_t Placement::values(isa::RegionKind kind, const std::string &name, DType type, std::vector<std::byte> bytes) {
  uint16_t region = addRegion(name, kind, type, {static_cast<int64_t>(bytes.size()) / sizeOf(type)});
  if (kind == isa::RegionKind::Input)
    case_.inputs.push_back(std::move(bytes));
  else
    case_.program.addConstant(region, std::move(bytes));
  return region;
}

/// Mostly numbers of moderate size, whose sums and products stay finite; some bits of any kind unless the program is a mild one.
std::vector<std::byte> Placement::randomBytes(DType type, size_t elements) {
  auto size = static_cast<size_t>(sizeOf(type));
  std::vector<std::byte> bytes(elements * size);
  for (size_t i = 0; i < elements; ++i) {
    std::byte *at = bytes.data() + i * size;
    uint64_t bits = dice_.bits();
    if (!mild_ && dice_.chance(15)) {
      // Special values have many ones or zeros in a row.
      uint64_t word = dice_.chance(50) ? bits : dice_.chance(50) ? ~uint64_t(0) << (bits % (8 * size)) : uint64_t(1) << (bits % (8 * size));
      std::memcpy(at, &word, size);
    } else {
      auto value = static_cast<float>(static_cast<int32_t>(bits >> 32) >> (dice_.chance(50) ? 10 : 24)) / static_cast<float>(uint64_t(1) << (bits % 20));
      numerics::fromF32(type, value, at);
    }
  }
  return bytes;
}

uint16_t Placement::valuesOf(DType type) {
  auto found = valueRegions_.find(type);
  if (found != valueRegions_.end())
    return found->second;
  isa::RegionKind kind = dice_.chance(70) ? isa::RegionKind::Input : isa::RegionKind::Constant;
  return valueRegions_[type] = values(kind, "values_" + std::string(nameOf(type)), type, randomBytes(type, kValueBytes / static_cast<size_t>(sizeOf(type))));
}

void Placement::prepare(Schedule &schedule) {
  schedule_ = &schedule;
  std::vector<uint32_t> offsets, indices;
  for (int i = 0; i < 16; ++i)
    offsets.push_back(4 * static_cast<uint32_t>(dice_.between(0, 15)));
  for (int i = 0; i < 256; ++i)
    indices.push_back(static_cast<uint32_t>(dice_.between(0, kIndexLimit - 1)));
  schedule.setOffsets(values(isa::RegionKind::Input, "offsets", DType::I32, bytesOf(offsets)), offsets);
  indexRegion_ = values(isa::RegionKind::Input, "indices", DType::I32, bytesOf(indices));
  for (int64_t i = dice_.between(1, 2); i > 0; --i) {
    auto type = static_cast<DType>(dice_.between(0, kDTypeCount - 1));
    uint16_t region = addRegion("state_" + std::to_string(i), isa::RegionKind::State, type, {static_cast<int64_t>(kValueBytes) / sizeOf(type)});
    written_.push_back(region);
    if (dice_.chance(50))
      case_.program.addConstant(region, randomBytes(type, kValueBytes / static_cast<size_t>(sizeOf(type))));
  }
  written_.push_back(addRegion("scratch", isa::RegionKind::Scratch, DType::U8, {static_cast<int64_t>(kValueBytes)}));
}

/// partitions x sizes elements: rows and elements side by side where there is room, else rows over each other; `apart`: never.
isa::DeviceOperand Placement::pattern(uint16_t region, int partitions, const Sizes &sizes, DType type, bool apart) {
  isa::DeviceOperand device;
  device.region = region;
  device.type = type;
  int64_t pitch = sizeOf(type), bytes = ground_.bytesOf(2 + region);
  if (dice_.chance(10))
    pitch *= dice_.between(1, 3);
  for (size_t i = 4; i > 0; --i) {
    device.dims[i] = {!apart && dice_.chance(4) ? 0 : pitch, sizes[i - 1]};
    pitch *= sizes[i - 1];
  }
  pitch += dice_.chance(20) ? sizeOf(type) * dice_.between(0, 3) : 0;
  if (!apart && pitch * partitions > bytes)
    pitch = sizeOf(type) * dice_.between(0, std::max<int64_t>(0, (bytes - pitch) / std::max(partitions, 1) / sizeOf(type)));
  device.dims[0] = {pitch, static_cast<uint32_t>(partitions)};
  return device;
}

/// A register, or none, and an offset at which the pattern lies within its region.
bool Placement::settle(isa::DeviceOperand &device) {
  std::vector<uint8_t> addresses = schedule_->addressRegistersOf(stream_);
  int64_t bytes = ground_.bytesOf(2 + device.region);
  for (int attempt = 0; attempt < 3; ++attempt) {
    device.offset = 0;
    device.reg = attempt < 2 && !addresses.empty() && dice_.chance(40) ? dice_.pick(addresses) : 0;
    device.scale = device.reg ? static_cast<int32_t>(dice_.between(-2, 4)) : 0;
    Box hull = hullOf({device, sim::Access::Read, false}, schedule_->registersOf(stream_));
    int64_t size = sizeOf(device.type), first = (std::max<int64_t>(-hull.low, 0) + size - 1) / size, last = (bytes - hull.high) / size;
    if (bytes < hull.high || first > last)
      continue;
    device.offset = static_cast<uint64_t>(size * dice_.between(first, last));
    return true;
  }
  return false;
}

std::optional<isa::DeviceOperand> Placement::readDevice(int partitions, const Sizes &sizes, DType type) {
  for (int attempt = 0; attempt < 6; ++attempt) {
    isa::DeviceOperand device = pattern(dice_.chance(60) ? valuesOf(type) : dice_.pick(written_), partitions, sizes, type, false);
    if (!settle(device))
      continue;
    Box box = hullOf({device, sim::Access::Read, false}, schedule_->registersOf(stream_));
    if (schedule_->iterations() == 0 || ground_.isWritten(box))
      return device;
  }
  return std::nullopt;
}

std::optional<isa::DeviceOperand> Placement::writeDevice(int partitions, const Sizes &sizes, DType type) {
  isa::DeviceOperand device = pattern(dice_.pick(written_), partitions, sizes, type, true);
  return settle(device) ? std::optional(device) : std::nullopt;
}

std::optional<isa::DeviceOperand> Placement::table(const Sizes &sizes, DType type, bool written, bool read, uint32_t &rows) {
  rows = static_cast<uint32_t>(dice_.between(kIndexLimit, kIndexLimit + 8));
  uint16_t region = written || dice_.chance(30) ? dice_.pick(written_) : valuesOf(type);
  isa::DeviceOperand device = pattern(region, static_cast<int>(rows), sizes, type, written);
  if (!settle(device))
    return std::nullopt;
  Box box = hullOf({device, sim::Access::Read, false}, schedule_->registersOf(stream_));
  if (read && schedule_->iterations() > 0 && !ground_.isWritten(box))
    return std::nullopt;
  device.dims[0].size = static_cast<uint32_t>(dice_.between(1, rows));
  return device;
}

//===-- Results ------------------------------------------------------------===//

void Placement::storeResults() {
  std::vector<isa::StreamId> rings;
  for (isa::StreamId stream : schedule_->streams())
    if (stream >= isa::StreamId::Dma0)
      rings.push_back(stream);
  int stores = 0;
  // Latest first: what was overwritten is stored as what it became.
  for (auto area = areas_.rbegin(); area != areas_.rend() && stores < 20; ++area) {
    if (!ground_.isWritten(area->box))
      continue;
    isa::DmaStore store;
    store.src.space = area->tile.space, store.src.type = DType::U8;
    store.src.partition = static_cast<uint8_t>(area->box.first), store.src.partitions = static_cast<uint8_t>(area->box.last - area->box.first);
    store.src.offset = static_cast<uint32_t>(area->box.low), store.src.dims[3] = {1, static_cast<uint16_t>(area->box.high - area->box.low)};
    int64_t width = store.src.dims[3].size;
    store.dst.region = addRegion("out_" + std::to_string(stores++), isa::RegionKind::Output, DType::U8, {store.src.partitions, width});
    store.dst.type = DType::U8;
    store.dst.dims[3] = {width, store.src.partitions}, store.dst.dims[4] = {1, static_cast<uint32_t>(width)};
    schedule_->append(dice_.pick(rings), store);
  }
  for (uint16_t region : written_)
    for (int64_t low = 0, found = 0; low + 64 <= static_cast<int64_t>(kValueBytes) && case_.program.regions[region].kind == isa::RegionKind::Scratch;
         low += 64) {
      if (!ground_.isWritten({2 + region, 0, 1, low, low + 64}) || ++found > 5)
        continue;
      isa::DmaCopy copy;
      copy.src.region = region, copy.src.type = copy.dst.type = DType::U8, copy.src.offset = static_cast<uint64_t>(low);
      copy.src.dims[4] = copy.dst.dims[4] = {1, 64};
      copy.dst.region = addRegion("scratch_out_" + std::to_string(low), isa::RegionKind::Output, DType::U8, {64});
      schedule_->append(dice_.pick(rings), copy);
    }
  // The registers that programs computed with.
  for (isa::StreamId stream : schedule_->streams()) {
    isa::RegStoreDevice store;
    store.src = static_cast<uint8_t>(dice_.between(kFirstDataRegister, kLastDataRegister));
    store.target.type = DType::I32;
    store.target.region = addRegion("register_of_" + isa::nameOf(stream), isa::RegionKind::Output, DType::U8, {4});
    schedule_->append(stream, store);
  }
}

} // namespace manaslu::test
