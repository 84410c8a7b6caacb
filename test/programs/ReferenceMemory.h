// Memories of the reference: bytes, and operands as lists of addresses.
#pragma once

#include "test/programs/Case.h"

namespace manaslu::test {

using Bits = std::vector<uint32_t>;

/// Sizes of a tile, partitions first, or of a device pattern.
using Extents = std::array<uint64_t, 5>;
Extents extentsOf(const isa::TileOperand &tile);
Extents extentsOf(const isa::DeviceOperand &device);

/// Thrown by the reference alone: an operand leaves its memory.
struct OutOfBounds {};

/// SBUF, PSUM, regions and the registers of the stream whose turn it is.
struct ReferenceMemory {
  ReferenceMemory(const Case &input, const Chip &chip);

  uint32_t reg(uint8_t index) const { return (*registers)[index]; }
  void setReg(uint8_t index, uint32_t value) {
    if (index != 0)
      (*registers)[index] = value;
  }

  /// The elements of one partition in their order, as raw bits and as fp32 values.
  Bits bits(const isa::TileOperand &tile, int partition) const;
  std::vector<float> values(const isa::TileOperand &tile, int partition) const;
  void setBits(const isa::TileOperand &tile, int partition, const Bits &bits);
  void setValues(const isa::TileOperand &tile, int partition, const std::vector<float> &values, const isa::Narrowing &how = {});
  /// All elements in their order.
  Bits bits(const isa::DeviceOperand &device) const;
  Bits allBits(const isa::TileOperand &tile) const;
  void setBits(const isa::DeviceOperand &device, const Bits &bits);
  void setAllBits(const isa::TileOperand &tile, const Bits &bits);

  /// `value` rounded to `type` as element number `element` of a result with `extents` (N12 to N17, N62 to N64), by the scalar oracles.
  uint32_t narrowed(float value, DType type, const isa::Narrowing &how, const Extents &extents, uint64_t element) const;
  /// Elements of `from` as elements of `to`: unchanged when the types are equal, else through fp32; the first is element number `first` of `extents`.
  Bits converted(const Bits &bits, DType from, DType to, const isa::Narrowing &how, const Extents &extents, uint64_t first = 0) const;

  std::array<uint32_t, 64> *registers = nullptr;
  std::vector<std::vector<std::byte>> regions;

private:
  std::vector<std::byte *> addresses(const isa::TileOperand &tile, int partition) const;
  std::vector<std::byte *> addresses(const isa::DeviceOperand &device) const;

  int64_t sbufBytes_, psumBytes_;
  mutable std::vector<std::byte> sbuf_, psum_;
};

/// One element's bits as fp32, by the scalar oracle.
float valueOf(DType type, uint32_t bits);

} // namespace manaslu::test
