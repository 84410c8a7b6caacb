// The memories of a core: storage of operands, and the checks that need no order: bounds and values that nobody wrote.
#pragma once

#include "lib/Chip/Chip.h"
#include "lib/ISA/Program.h"
#include "lib/Sim/Machine/Decoded.h"
#include "lib/Sim/Machine/Pages.h"
#include "lib/Sim/Machine/TaskPool.h"
#include "lib/Sim/Machine/WrittenMap.h"

namespace manaslu::sim {

class CoreMemory final : public Memory {
public:
  /// Storage for everything but inputs and outputs. MN-RUN-MEMORY when the host lacks the memory.
  static Result<std::unique_ptr<CoreMemory>> create(const isa::Program &program, const Chip &chip);

  /// Binds inputs and outputs, forgets what was written, keeps copies of the state. MN-RUN-INPUT when sizes differ.
  Status begin(std::span<const std::span<const std::byte>> inputs, std::span<const std::span<std::byte>> outputs);
  /// The same for a run without values: nothing is bound.
  void beginUnbound();
  /// Every output byte was written, or MN-RUN-UNINIT.
  Status checkOutputs();
  /// State regions as they were before begin().
  void rollBack();
  void resetState();
  std::span<std::byte> state(uint32_t region);

  /// Places the operands of an instruction (registers added) into `placed`, checking bounds and written bytes: MN-RUN-BOUNDS, MN-RUN-UNINIT.
  /// The messages' place is the caller's to add.
  Status place(const DecodedStream &stream, const DecodedInstruction &instruction, const std::array<uint32_t, 64> &registers, std::vector<Placed> &placed);

  /// Sets the registers that operands and instructions see, and the threads to share work with, in parts of any size with `anySize`.
  void use(std::array<uint32_t, 64> *registers) { registers_ = registers; }
  void use(TaskPool *pool, bool anySize) { pool_ = pool, anySize_ = anySize; }

  /// The operands' bytes, without any check.
  View viewOf(const isa::TileOperand &operand, const std::array<uint32_t, 64> &registers) const;
  DeviceView viewOf(const isa::DeviceOperand &operand, const std::array<uint32_t, 64> &registers) const;
  std::byte *sbuf(int partition, int64_t byte) const { return sbuf_.data() + partition * sbufPitch_ + byte; }
  /// Nothing writes the region during a run.
  bool isFixed(uint32_t region) const {
    return program_.regions[region].kind == isa::RegionKind::Constant || program_.regions[region].kind == isa::RegionKind::Input;
  }
  /// Of SBUF or PSUM.
  int64_t partitionBytes(isa::Space space) const { return space == isa::Space::Psum ? psumBytes_ : sbufBytes_; }

  Result<View> tile(const isa::TileOperand &operand, Access access) override;
  Result<DeviceView> device(const isa::DeviceOperand &operand, Access access) override;
  uint32_t readRegister(uint8_t index) override { return (*registers_)[index]; }
  void writeRegister(uint8_t index, uint32_t value) override;
  void parallel(int64_t count, int64_t grain, RangeFunction run) override;

  /// "sbuf", "psum" or "region NAME".
  std::string nameOfMemory(int memory) const;

private:
  CoreMemory(const isa::Program &program, const Chip &chip);
  Status allocate();
  void forget();
  WrittenMap *writtenOf(int memory);
  Status checkRow(const isa::DeviceOperand &operand, int64_t shift, Access access);

  struct RegionStorage {
    std::byte *data = nullptr;
    Pages pages;  ///< of state, scratch and constants made on the fly
    Pages before; ///< of state: the contents at begin()
    WrittenMap written;
    bool checksWritten = false;
  };

  const isa::Program &program_;
  int64_t sbufBytes_, psumBytes_; ///< of a partition
  int64_t sbufPitch_, psumPitch_;
  Pages sbuf_, psum_;
  WrittenMap sbufWritten_, psumWritten_;
  std::vector<RegionStorage> regions_;
  std::array<uint32_t, 64> *registers_ = nullptr;
  TaskPool *pool_ = nullptr;
  bool anySize_ = false;
  bool indexed_ = false; ///< the current instruction names rows of a table at run time
};

} // namespace manaslu::sim
