// Tiles: shapes with strides and registers, written or about to be.
#include "test/programs/Placement.h"

#include "lib/Chip/Timing.h"
#include "lib/ISA/Rules.h"

#include <algorithm>

namespace manaslu::test {

namespace {

sim::OperandUse useOf(const isa::TileOperand &tile) { return {tile, sim::Access::Read, false}; }
int quadrantOf(int partitions) { return partitions <= 32 ? 32 : partitions <= 64 ? 64 : 128; }

} // namespace

Placement::Placement(Dice &dice, const Chip &chip, Case &result, Ground &ground) : dice_(dice), chip_(chip), case_(result), ground_(ground) {
  ground_.addMemory(static_cast<int>(chip.partitions), chip.sbufUsableBytes(), false);
  ground_.addMemory(static_cast<int>(chip.partitions), chip.psumBytesPerPartition(), false);
  mild_ = dice_.chance(70);
}

void Placement::next(isa::StreamId stream) {
  stream_ = stream;
  start_ = -1;
  inPsum_ = 0;
  held_.clear();
}

Sizes Placement::spread(int elements) {
  Sizes sizes = {1, 1, 1, 1};
  for (int left = elements, tries = 0; left > 1 && tries < 20; ++tries) {
    int factor = tries == 19 ? left : static_cast<int>(dice_.between(2, std::min(left, 7)));
    if (left % factor)
      continue;
    uint16_t &size = sizes[static_cast<size_t>(dice_.chance(50) ? 3 : dice_.between(0, 3))];
    size = static_cast<uint16_t>(size * factor);
    left /= factor;
  }
  return sizes;
}

uint8_t Placement::somePartition(int partitions) {
  int step = quadrantOf(partitions);
  return static_cast<uint8_t>(step * dice_.between(0, std::max<int64_t>(0, (chip_.partitions - partitions) / step)));
}

Box Placement::boxOf(const isa::TileOperand &tile) const { return hullOf(useOf(tile), schedule_->registersOf(stream_)); }

bool Placement::isFree(const Box &box) const {
  return std::ranges::none_of(held_, [&box](const Box &held) { return overlap(held, box); });
}

/// A tile at offset 0 with strides: contiguous, with gaps, permuted; when read also broadcast or backwards. `apart`: no element lies on another.
isa::TileOperand Placement::shape(isa::Space space, int partitions, const Sizes &sizes, DType type, bool plain, bool apart) {
  isa::TileOperand tile;
  tile.space = space;
  tile.type = type;
  tile.partitions = static_cast<uint8_t>(partitions);
  std::array<size_t, 4> order = {3, 2, 1, 0};
  if (!plain && dice_.chance(25))
    std::swap(order[static_cast<size_t>(dice_.between(0, 3))], order[static_cast<size_t>(dice_.between(0, 3))]);
  int64_t pitch = !plain && dice_.chance(25) ? dice_.between(2, 5) : 1;
  for (size_t dim : order) {
    if (sizes[dim] == 1 && !dice_.chance(10)) {
      tile.dims[dim] = {0, 1};
      continue;
    }
    bool backwards = !plain && dice_.chance(8), broadcast = !plain && !apart && dice_.chance(8);
    tile.dims[dim] = {static_cast<int16_t>(broadcast ? 0 : backwards ? -pitch : pitch), sizes[dim]};
    pitch = pitch * sizes[dim] + (!plain && dice_.chance(10) ? dice_.between(0, 3) : 0);
  }
  return tile;
}

/// Gives the tile a register, or none, and an offset at which it lies within [low, high) of its partitions.
bool Placement::settle(isa::TileOperand &tile, int64_t low, int64_t high) {
  std::vector<uint8_t> addresses = schedule_->addressRegistersOf(stream_);
  for (int attempt = 0; attempt < 3; ++attempt) {
    tile.offset = 0;
    tile.reg = attempt < 2 && !addresses.empty() && dice_.chance(40) ? dice_.pick(addresses) : 0;
    Box hull = boxOf(tile);
    int64_t size = sizeOf(tile.type), first = (std::max<int64_t>(low - hull.low, 0) + size - 1) / size, last = (high - hull.high) / size;
    if (high < hull.high || first > last)
      continue;
    tile.offset = static_cast<uint32_t>(size * dice_.between(first, last));
    return true;
  }
  return false;
}

bool Placement::acceptRead(const isa::TileOperand &tile, bool sbufOnly) {
  bool psum = tile.space == isa::Space::Psum;
  if ((start_ >= 0 && tile.partition != start_) || (psum && (sbufOnly || inPsum_ > 0)))
    return false;
  // What is never executed may read anything.
  if (schedule_->iterations() > 0 && !ground_.isWritten(boxOf(tile)))
    return false;
  start_ = tile.partition;
  inPsum_ += psum;
  held_.push_back(boxOf(tile));
  return true;
}

std::optional<isa::TileOperand> Placement::readWritten(int partitions, const Sizes &sizes, DType type, bool sbufOnly) {
  for (int attempt = 0; attempt < 8 && !areas_.empty(); ++attempt) {
    // Late results are read more often than early ones.
    int64_t newest = static_cast<int64_t>(areas_.size()) - 1;
    const Area &area = areas_[static_cast<size_t>(dice_.chance(50) ? std::max<int64_t>(0, newest - dice_.between(0, 5)) : dice_.between(0, newest))];
    if (area.tile.type != type && !dice_.chance(10))
      continue;
    isa::TileOperand tile = shape(area.tile.space, partitions, sizes, type, attempt > 4, false);
    tile.partition = static_cast<uint8_t>(area.box.first / quadrantOf(partitions) * quadrantOf(partitions));
    if (tile.partition + partitions > area.box.last || !settle(tile, area.box.low, area.box.high))
      continue;
    if (acceptRead(tile, sbufOnly))
      return tile;
  }
  return std::nullopt;
}

std::optional<isa::TileOperand> Placement::readFresh(int partitions, const Sizes &sizes, DType type, bool sbufOnly) {
  for (int attempt = 0; attempt < 12; ++attempt) {
    isa::Space space = !sbufOnly && inPsum_ == 0 && dice_.chance(15) ? isa::Space::Psum : isa::Space::Sbuf;
    isa::TileOperand tile = shape(space, partitions, sizes, type, attempt > 5, false);
    tile.partition = start_ >= 0 ? static_cast<uint8_t>(start_) : somePartition(partitions);
    if (!settle(tile, 0, ground_.bytesOf(space == isa::Space::Psum)))
      continue;
    Box box = boxOf(tile);
    if (isFree(box) && fill(box, type, valuesOf(type)) && acceptRead(tile, sbufOnly))
      return tile;
  }
  return std::nullopt;
}

std::optional<isa::TileOperand> Placement::read(int partitions, const Sizes &sizes, DType type, bool sbufOnly) {
  if (dice_.chance(85))
    if (auto tile = readWritten(partitions, sizes, type, sbufOnly))
      return tile;
  return readFresh(partitions, sizes, type, sbufOnly);
}

std::optional<isa::TileOperand> Placement::readIndex(int partitions, const Sizes &sizes) {
  for (int attempt = 0; attempt < 12; ++attempt) {
    isa::TileOperand tile = shape(isa::Space::Sbuf, partitions, sizes, DType::I32, attempt > 5, false);
    tile.partition = start_ >= 0 ? static_cast<uint8_t>(start_) : somePartition(partitions);
    if (!settle(tile, 0, ground_.bytesOf(0)))
      continue;
    Box box = boxOf(tile);
    if (isFree(box) && fill(box, DType::I32, indexRegion_) && acceptRead(tile, true))
      return tile;
  }
  return std::nullopt;
}

std::optional<isa::TileOperand> Placement::write(isa::Space space, int partitions, const Sizes &sizes, DType type, int64_t within, bool apart) {
  int64_t bytes = ground_.bytesOf(space == isa::Space::Psum);
  for (int attempt = 0; attempt < 8; ++attempt) {
    isa::TileOperand tile = shape(space, partitions, sizes, type, attempt > 3, apart || !dice_.chance(20));
    tile.partition = somePartition(partitions);
    int64_t block = within ? within * dice_.between(0, bytes / within - 1) : 0;
    if (settle(tile, block, within ? block + within : bytes))
      return tile;
  }
  return std::nullopt;
}

std::optional<isa::TileOperand> Placement::accumulator(int partitions, const Sizes &sizes, DType type, int64_t within) {
  std::vector<const Area *> found;
  for (const Area &area : areas_)
    if (area.tile.space == isa::Space::Psum && area.tile.type == type && area.box.last - area.box.first >= partitions && area.tile.reg == 0)
      found.push_back(&area);
  if (found.empty())
    return std::nullopt;
  const Area &area = *dice_.pick(found);
  isa::TileOperand tile = shape(isa::Space::Psum, partitions, sizes, type, true, true);
  tile.partition = static_cast<uint8_t>(area.box.first / quadrantOf(partitions) * quadrantOf(partitions));
  int64_t block = area.box.low / within * within;
  if (tile.partition + partitions > area.box.last || !settle(tile, area.box.low, std::min(area.box.high, block + within)))
    return std::nullopt;
  return schedule_->iterations() == 0 || ground_.isWritten(boxOf(tile)) ? std::optional(tile) : std::nullopt;
}

void Placement::noteWritten(const isa::TileOperand &tile) {
  Area area{tile, boxOf(tile)};
  areas_.push_back(area);
}

//===-- Filling ------------------------------------------------------------===//

/// Writes every byte of the box with elements of the type: by a transfer from `region`, or (values only) by an engine.
bool Placement::fill(const Box &box, DType type, uint16_t region) {
  isa::TileOperand tile;
  tile.space = box.memory == 1 ? isa::Space::Psum : isa::Space::Sbuf;
  tile.type = type;
  tile.partition = static_cast<uint8_t>(box.first);
  tile.partitions = static_cast<uint8_t>(box.last - box.first);
  tile.offset = static_cast<uint32_t>(box.low);
  tile.dims[3] = {1, static_cast<uint16_t>((box.high - box.low) / sizeOf(type))};
  if (region != indexRegion_ && dice_.chance(25) && fillOnCore(tile)) {
    noteWritten(tile);
    return true;
  }
  std::vector<isa::StreamId> rings;
  for (isa::StreamId stream : schedule_->streams())
    if (stream >= isa::StreamId::Dma0)
      rings.push_back(stream);
  isa::DmaLoad load;
  load.dst = tile;
  load.src = pattern(region, tile.partitions, {1, 1, 1, tile.dims[3].size}, type, false);
  if (hullOf({load.src, sim::Access::Read, false}, schedule_->registersOf(stream_)).high > ground_.bytesOf(2 + region))
    return false;
  schedule_->append(dice_.pick(rings), load);
  noteWritten(tile);
  return true;
}

bool Placement::fillOnCore(const isa::TileOperand &tile) {
  isa::Instruction instruction;
  auto value = static_cast<float>(dice_.between(-40, 40)) / 8;
  isa::StreamId stream = isa::StreamId::Ve;
  if (sizeOf(tile.type) == 4 && isInteger(tile.type) && dice_.chance(30)) {
    isa::Random random;
    random.dst = tile, random.seed = static_cast<int64_t>(dice_.bits() >> 1), random.base = dice_.between(0, 1000);
    instruction = random;
  } else if (tile.space == isa::Space::Sbuf && chip_.supports(Engine::Ge, tile.type) && dice_.chance(50)) {
    isa::Iota iota;
    iota.dst = tile, iota.base = static_cast<int32_t>(dice_.between(-20, 20)), iota.partitionStep = static_cast<int32_t>(dice_.between(-3, 3)),
    iota.steps[3] = 1;
    instruction = iota;
    stream = isa::StreamId::Ge;
  } else {
    isa::Memset memset;
    memset.dst = tile, memset.value = value;
    instruction = memset;
  }
  Engine engine = stream == isa::StreamId::Ve ? Engine::Ve : Engine::Ge;
  if (!chip_.supports(engine, tile.type) || std::ranges::find(schedule_->streams(), stream) == schedule_->streams().end())
    return false;
  return schedule_->append(stream, instruction);
}

} // namespace manaslu::test
