// The parts instructions are made of that have a struct written by hand: synchronisation, access patterns, streams.
#pragma once

#include "lib/Support/DType.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace manaslu::isa {

/// Where a tile lies.
enum class Space : uint8_t { Sbuf = 0, Psum = 1 };

/// "sbuf" or "psum".
std::string_view nameOf(Space space);
std::optional<Space> spaceFromName(std::string_view name);

/// The semaphore number that means "none".
inline constexpr uint16_t kNoSemaphore = 256;
inline constexpr int kSemaphoreCount = 256;
/// Registers of a stream; R0 reads zero.
inline constexpr int kRegisterCount = 64;
/// Deepest nest of loops within a stream.
inline constexpr int kMaxLoopDepth = 8;

/// Which stream an instruction may stand in.
enum class StreamFamily : uint8_t { All, Pe, Ve, Se, Ge, Dma };

/// A stream of a core: pe, ve, se, ge, then dma0 .. dma15.
enum class StreamId : uint8_t { Pe = 0, Ve = 1, Se = 2, Ge = 3, Dma0 = 4 };
inline constexpr int kDmaRingCount = 16;
inline constexpr int kStreamCount = 4 + kDmaRingCount;

/// The stream of DMA ring `ring` (0 .. 15).
constexpr StreamId dmaStream(int ring) { return static_cast<StreamId>(static_cast<int>(StreamId::Dma0) + ring); }
constexpr StreamFamily familyOf(StreamId id) { return id >= StreamId::Dma0 ? StreamFamily::Dma : static_cast<StreamFamily>(static_cast<int>(id) + 1); }
/// Whether an instruction of `family` may stand in stream `id`.
constexpr bool allowedIn(StreamFamily family, StreamId id) { return family == StreamFamily::All || family == familyOf(id); }

/// "pe", "ve", "se", "ge", "dma0" .. "dma15".
std::string nameOf(StreamId id);
std::optional<StreamId> streamFromName(std::string_view name);

/// The header of every instruction: it starts when semaphore `waitSem` >= waitValue + R[waitReg] (unsigned 32 bit) and increments `signalSem` by one when it
/// completes.
struct Sync {
  uint16_t waitSem = kNoSemaphore;
  uint8_t waitReg = 0;
  uint32_t waitValue = 0;
  uint16_t signalSem = kNoSemaphore;

  template <class Self, class F> static void fields(Self &self, F &&fn) {
    fn("waitSem", self.waitSem);
    fn("signalSem", self.signalSem);
    fn("waitReg", self.waitReg);
    fn("waitValue", self.waitValue);
  }
  bool operator==(const Sync &) const = default;
};

/// One free dimension of a tile, in elements.
struct TileDim {
  int16_t stride = 0;
  uint16_t size = 1;

  template <class Self, class F> static void fields(Self &self, F &&fn) {
    fn("stride", self.stride);
    fn("size", self.size);
  }
  bool operator==(const TileDim &) const = default;
};

/// An access pattern in SBUF or PSUM (3 words).
struct TileOperand {
  Space space = Space::Sbuf;
  DType type = DType::F32;
  uint8_t partition = 0;                            ///< first partition
  uint8_t partitions = 1;                           ///< 1 .. 128
  uint32_t offset = 0;                              ///< bytes within the partition, 24 bits
  uint8_t reg = 0;                                  ///< R[reg] bytes are added to offset
  std::array<TileDim, 4> dims = {{{}, {}, {}, {}}}; ///< outermost first; unused outer ones are {0, 1}

  template <class Self, class F> static void fields(Self &self, F &&fn) {
    fn("space", self.space);
    fn("type", self.type);
    fn("partition", self.partition);
    fn("partitions", self.partitions);
    fn("offset", self.offset);
    fn("reg", self.reg);
    fn("dims", self.dims);
  }
  bool operator==(const TileOperand &) const = default;

  /// Elements of one partition.
  constexpr uint64_t elementsPerPartition() const { return uint64_t(dims[0].size) * dims[1].size * dims[2].size * dims[3].size; }
  constexpr uint64_t elements() const { return partitions * elementsPerPartition(); }
};

/// One dimension of a device pattern: stride in bytes.
struct DeviceDim {
  int64_t stride = 0;
  uint32_t size = 1;

  template <class Self, class F> static void fields(Self &self, F &&fn) {
    fn("stride", self.stride);
    fn("size", self.size);
  }
  bool operator==(const DeviceDim &) const = default;
};

/// An access pattern in a device memory region (10 words).
struct DeviceOperand {
  uint16_t region = 0; ///< index in the program's region table
  DType type = DType::F32;
  uint64_t offset = 0; ///< bytes from the region's start, below 2^63
  uint8_t reg = 0;     ///< R[reg] * scale bytes are added
  int32_t scale = 0;
  std::array<DeviceDim, 5> dims = {{{}, {}, {}, {}, {}}}; ///< outermost first; unused outer ones are {0, 1}

  template <class Self, class F> static void fields(Self &self, F &&fn) {
    fn("region", self.region);
    fn("type", self.type);
    fn("offset", self.offset);
    fn("reg", self.reg);
    fn("scale", self.scale);
    fn("dims", self.dims);
  }
  bool operator==(const DeviceOperand &) const = default;

  /// Elements, saturating at 2^64 - 1 (five sizes of 32 bits may overflow).
  constexpr uint64_t elements() const {
    unsigned __int128 product = 1;
    for (const DeviceDim &dim : dims) {
      product *= dim.size;
      if (product > ~uint64_t(0))
        return ~uint64_t(0);
    }
    return static_cast<uint64_t>(product);
  }
};

/// How an fp32 result is rounded to a narrower type.
enum class Rounding : uint8_t { Nearest = 0, Stochastic = 1 };
/// What a result beyond the range of an fp8 type becomes: the largest number, or infinity (f8e4m3: NaN).
enum class Overflow : uint8_t { Saturate = 0, Propagate = 1 };

/// "nearest" or "stochastic"; "saturate" or "propagate".
std::string_view nameOf(Rounding rounding);
std::string_view nameOf(Overflow overflow);

/// How fp32 results become elements of the destination (6 words). Stochastic rounding draws the random word of an element by its index in the whole tensor,
/// base + R[baseReg] * baseScale + sum(i_k * strides[k]) modulo 2^64, so that bits do not depend on how the tensor is cut into tiles.
struct Narrowing {
  Rounding rounding = Rounding::Nearest;
  Overflow overflow = Overflow::Saturate;
  uint8_t stepReg = 0; ///< R[stepReg] counts the executions of this site
  uint8_t baseReg = 0;
  uint32_t site = 0; ///< number of the rounding site
  uint64_t seed = 0;
  uint64_t base = 0; ///< index of the first element in the whole tensor
  int32_t baseScale = 0;
  std::array<int32_t, 5> strides = {}; ///< indices: partition, then the free dimensions, outermost first

  template <class Self, class F> static void fields(Self &self, F &&fn) {
    fn("rounding", self.rounding);
    fn("overflow", self.overflow);
    fn("stepReg", self.stepReg);
    fn("baseReg", self.baseReg);
    fn("site", self.site);
    fn("seed", self.seed);
    fn("base", self.base);
    fn("baseScale", self.baseScale);
    fn("strides", self.strides);
  }
  bool operator==(const Narrowing &) const = default;
};

/// Where one value of an instruction or operand lies: bits low .. low + width - 1 of 64-bit word `word` (within an operand: counted from its first word).
/// A composite operand has width 64 * words and low 0.
struct FieldLayout {
  std::string_view name;
  uint8_t word;
  uint8_t low;
  uint16_t width;
  int64_t minimum; ///< least and greatest legal value; both 0 for fp32, operands and values without limits
  int64_t maximum;
  bool optional; ///< may be left out in text, and is when it has its initial value
};

} // namespace manaslu::isa
