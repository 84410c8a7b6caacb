// The generator's chooser of operands: places in memory that hold written bytes of a type (made if there are none), and places to write to.
#pragma once

#include "test/programs/Schedule.h"

namespace manaslu::test {

using Sizes = std::array<uint16_t, 4>;

/// Operands for one instruction at a time.
class Placement {
public:
  Placement(Dice &dice, const Chip &chip, Case &result, Ground &ground);
  /// Makes the regions that every program has; the schedule is needed from here on.
  void prepare(Schedule &schedule);

  /// Forgets what the previous instruction read. `stream` is that of the next one.
  void next(isa::StreamId stream);

  /// A tile of written elements. All tiles that one instruction reads start at the same partition and at most one lies in PSUM (none when `sbufOnly`).
  std::optional<isa::TileOperand> read(int partitions, const Sizes &sizes, DType type, bool sbufOnly = false);
  /// A tile of int32 values below `kIndexLimit`.
  std::optional<isa::TileOperand> readIndex(int partitions, const Sizes &sizes);
  /// A tile to write to. `within`: bytes of the block that it may not leave; 0: the partition.
  std::optional<isa::TileOperand> write(isa::Space space, int partitions, const Sizes &sizes, DType type, int64_t within = 0, bool apart = false);

  /// Written PSUM within one block of `within` bytes, to add to.
  std::optional<isa::TileOperand> accumulator(int partitions, const Sizes &sizes, DType type, int64_t within);

  /// partitions x sizes elements of a region that holds values of the type, or of any written region.
  std::optional<isa::DeviceOperand> readDevice(int partitions, const Sizes &sizes, DType type);
  std::optional<isa::DeviceOperand> writeDevice(int partitions, const Sizes &sizes, DType type);
  /// A table with at least kIndexLimit rows (`rows`); dims[1..4] are one row.
  std::optional<isa::DeviceOperand> table(const Sizes &sizes, DType type, bool written, bool read, uint32_t &rows);

  /// `elements` spread over four dimensions.
  Sizes spread(int elements);
  /// Notes a tile that was written, as a place to read from later.
  void noteWritten(const isa::TileOperand &tile);

  /// Stores what can be seen of the core and of scratch regions to outputs.
  void storeResults();

  static constexpr int kIndexLimit = 8;

private:
  struct Area {
    isa::TileOperand tile;
    Box box;
  };

  isa::TileOperand shape(isa::Space space, int partitions, const Sizes &sizes, DType type, bool plain, bool apart);
  std::optional<isa::TileOperand> readWritten(int partitions, const Sizes &sizes, DType type, bool sbufOnly);
  std::optional<isa::TileOperand> readFresh(int partitions, const Sizes &sizes, DType type, bool sbufOnly);
  bool fill(const Box &box, DType type, uint16_t region);
  bool fillOnCore(const isa::TileOperand &tile);
  bool settle(isa::TileOperand &tile, int64_t low, int64_t high);
  bool acceptRead(const isa::TileOperand &tile, bool sbufOnly);
  bool isFree(const Box &box) const;
  Box boxOf(const isa::TileOperand &tile) const;
  uint8_t somePartition(int partitions);

  uint16_t addRegion(std::string name, isa::RegionKind kind, DType type, std::vector<int64_t> shape);
  uint16_t valuesOf(DType type);
  uint16_t values(isa::RegionKind kind, const std::string &name, DType type, std::vector<std::byte> bytes);
  std::vector<std::byte> randomBytes(DType type, size_t elements);
  bool settle(isa::DeviceOperand &device);
  isa::DeviceOperand pattern(uint16_t region, int partitions, const Sizes &sizes, DType type, bool apart);

  Dice &dice_;
  const Chip &chip_;
  Case &case_;
  Ground &ground_;
  Schedule *schedule_ = nullptr;
  isa::StreamId stream_ = isa::StreamId::Ve;
  int start_ = -1;        ///< the partition at which the instruction's inputs start
  int inPsum_ = 0;        ///< inputs in PSUM
  std::vector<Box> held_; ///< what the instruction reads: not to be filled with something else now
  std::vector<Area> areas_;
  std::map<DType, uint16_t> valueRegions_;
  uint16_t indexRegion_ = 0;
  std::vector<uint16_t> written_; ///< state and scratch regions
  bool mild_ = true;              ///< no infinities, NaN and subnormals among the inputs
};

} // namespace manaslu::test
