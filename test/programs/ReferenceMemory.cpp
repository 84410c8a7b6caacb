// Addresses of operands by plain enumeration.
#include "test/programs/ReferenceMemory.h"

#include "lib/Numerics/Random.h"

#include <cstring>

namespace manaslu::test {

namespace {

/// Offsets of all elements of a pattern in row-major order.
template <class Dims> std::vector<__int128> offsets(const Dims &dims, int64_t unit) {
  std::vector<__int128> list = {0};
  for (const auto &dim : dims) {
    std::vector<__int128> next;
    for (__int128 start : list)
      for (uint64_t i = 0; i < dim.size; ++i)
        next.push_back(start + static_cast<__int128>(dim.stride) * unit * static_cast<__int128>(i));
    list = std::move(next);
  }
  return list;
}

/// The addresses of `list` shifted by `start` within `bytes` bytes from `base`.
std::vector<std::byte *> within(const std::vector<__int128> &list, __int128 start, std::byte *base, int64_t bytes, int size) {
  std::vector<std::byte *> result;
  for (__int128 offset : list) {
    if (start + offset < 0 || start + offset + size > bytes)
      throw OutOfBounds();
    result.push_back(base + static_cast<int64_t>(start + offset));
  }
  return result;
}

Bits load(const std::vector<std::byte *> &addresses, int size) {
  Bits bits;
  for (const std::byte *address : addresses)
    std::memcpy(&bits.emplace_back(0), address, static_cast<size_t>(size));
  return bits;
}

void store(const std::vector<std::byte *> &addresses, int size, const Bits &bits) {
  for (size_t i = 0; i < addresses.size(); ++i)
    std::memcpy(addresses[i], &bits[i], static_cast<size_t>(size));
}

} // namespace

ReferenceMemory::ReferenceMemory(const Case &input, const Chip &chip)
    : sbufBytes_(chip.sbufUsableBytes()), psumBytes_(chip.psumBytesPerPartition()), sbuf_(static_cast<size_t>(chip.partitions * sbufBytes_)),
      psum_(static_cast<size_t>(chip.partitions * psumBytes_)) {
  size_t next = 0;
  for (uint32_t i = 0; i < input.program.regions.size(); ++i) {
    const isa::Region &region = input.program.regions[i];
    const isa::ConstantData *data = input.program.constantOf(i);
    if (region.kind == isa::RegionKind::Input)
      regions.push_back(input.inputs[next++]);
    else if (data)
      regions.emplace_back(data->bytes.begin(), data->bytes.end());
    else
      regions.emplace_back(region.bytes);
  }
}

std::vector<std::byte *> ReferenceMemory::addresses(const isa::TileOperand &tile, int partition) const {
  bool psum = tile.space == isa::Space::Psum;
  int64_t bytes = psum ? psumBytes_ : sbufBytes_;
  std::byte *base = (psum ? psum_ : sbuf_).data() + (tile.partition + partition) * bytes;
  int size = sizeOf(tile.type);
  return within(offsets(tile.dims, size), static_cast<__int128>(tile.offset) + reg(tile.reg), base, bytes, size);
}

std::vector<std::byte *> ReferenceMemory::addresses(const isa::DeviceOperand &device) const {
  auto &region = const_cast<std::vector<std::byte> &>(regions[device.region]);
  __int128 start = static_cast<__int128>(device.offset) + static_cast<__int128>(reg(device.reg)) * device.scale;
  return within(offsets(device.dims, 1), start, region.data(), static_cast<int64_t>(region.size()), sizeOf(device.type));
}

Bits ReferenceMemory::bits(const isa::TileOperand &tile, int partition) const { return load(addresses(tile, partition), sizeOf(tile.type)); }
Bits ReferenceMemory::bits(const isa::DeviceOperand &device) const { return load(addresses(device), sizeOf(device.type)); }
void ReferenceMemory::setBits(const isa::TileOperand &tile, int partition, const Bits &bits) { store(addresses(tile, partition), sizeOf(tile.type), bits); }
void ReferenceMemory::setBits(const isa::DeviceOperand &device, const Bits &bits) { store(addresses(device), sizeOf(device.type), bits); }

std::vector<float> ReferenceMemory::values(const isa::TileOperand &tile, int partition) const {
  std::vector<float> values;
  for (uint32_t each : bits(tile, partition))
    values.push_back(valueOf(tile.type, each));
  return values;
}

void ReferenceMemory::setValues(const isa::TileOperand &tile, int partition, const std::vector<float> &values, const isa::Narrowing &how) {
  Bits bits;
  uint64_t element = static_cast<uint64_t>(partition) * tile.elementsPerPartition();
  for (float value : values)
    bits.push_back(narrowed(value, tile.type, how, extentsOf(tile), element++));
  setBits(tile, partition, bits);
}

Bits ReferenceMemory::allBits(const isa::TileOperand &tile) const {
  Bits all;
  for (int p = 0; p < tile.partitions; ++p) {
    Bits row = bits(tile, p);
    all.insert(all.end(), row.begin(), row.end());
  }
  return all;
}

void ReferenceMemory::setAllBits(const isa::TileOperand &tile, const Bits &bits) {
  auto width = static_cast<ptrdiff_t>(tile.elementsPerPartition());
  for (int p = 0; p < tile.partitions; ++p)
    setBits(tile, p, Bits(bits.begin() + p * width, bits.begin() + (p + 1) * width));
}

float valueOf(DType type, uint32_t bits) { return numerics::toF32(type, &bits); }

Extents extentsOf(const isa::TileOperand &tile) { return {tile.partitions, tile.dims[0].size, tile.dims[1].size, tile.dims[2].size, tile.dims[3].size}; }

Extents extentsOf(const isa::DeviceOperand &device) {
  return {device.dims[0].size, device.dims[1].size, device.dims[2].size, device.dims[3].size, device.dims[4].size};
}

namespace {

uint64_t modular(int32_t value) { return static_cast<uint64_t>(int64_t{value}); }

/// The index in the whole tensor (N63) of element number `element` in row-major order.
uint64_t tensorIndex(const isa::Narrowing &how, uint32_t base, const Extents &extents, uint64_t element) {
  uint64_t index = how.base + base * modular(how.baseScale);
  for (size_t k = extents.size(); k-- > 0; element /= extents[k])
    index += element % extents[k] * modular(how.strides[k]);
  return index;
}

} // namespace

uint32_t ReferenceMemory::narrowed(float value, DType type, const isa::Narrowing &how, const Extents &extents, uint64_t element) const {
  uint32_t bits = 0;
  auto overflow = how.overflow == isa::Overflow::Saturate ? numerics::Overflow::Saturate : numerics::Overflow::Propagate;
  if (how.rounding == isa::Rounding::Nearest) {
    numerics::fromF32(type, value, &bits, overflow);
    return bits;
  }
  numerics::RandomSite site{how.seed, how.site, reg(how.stepReg)};
  numerics::fromF32Stochastic(type, value, numerics::randomWord(site, tensorIndex(how, reg(how.baseReg), extents, element)), &bits, overflow);
  return bits;
}

Bits ReferenceMemory::converted(const Bits &bits, DType from, DType to, const isa::Narrowing &how, const Extents &extents, uint64_t first) const {
  Bits result = bits;
  if (from != to)
    for (size_t i = 0; i < result.size(); ++i)
      result[i] = narrowed(valueOf(from, bits[i]), to, how, extents, first + i);
  return result;
}

} // namespace manaslu::test
