// What every instruction means: values only, no time, no order, no checks of synchronisation. The machine and the tile interpreter call the same functions.
#pragma once

#include "lib/ISA/Instructions.h"
#include "lib/Support/Error.h"
#include "lib/Support/RangeFunction.h"

#include <array>
#include <cstddef>
#include <cstdint>

namespace manaslu::sim {

/// How an instruction uses an operand.
enum class Access : uint8_t { Read, Write, ReadWrite };

/// A tile operand resolved to host memory: element [i0..i3] of partition p lies at base + p * partitionPitch + sum(i_k * dims[k].stride) * sizeOf(type).
struct View {
  std::byte *base = nullptr;
  int64_t partitionPitch = 0; ///< bytes
  int partitions = 0;
  DType type = DType::F32;
  std::array<isa::TileDim, 4> dims;

  /// Elements of one partition.
  int64_t elements() const { return int64_t(dims[0].size) * dims[1].size * dims[2].size * dims[3].size; }
};

/// A device operand resolved to host memory: element [i0..i4] lies at base + sum(i_k * dims[k].stride).
struct DeviceView {
  std::byte *base = nullptr;
  DType type = DType::F32;
  std::array<isa::DeviceDim, 5> dims;

  int64_t elements() const { return int64_t(dims[0].size) * dims[1].size * dims[2].size * dims[3].size * dims[4].size; }
};

/// Where operands live. An instruction resolves every operand that it reads before those it writes, and reads registers at any time.
class Memory {
public:
  virtual ~Memory() = default;

  /// The operand's storage, its register added. The shape is that of the operand.
  virtual Result<View> tile(const isa::TileOperand &operand, Access access) = 0;
  virtual Result<DeviceView> device(const isa::DeviceOperand &operand, Access access) = 0;

  /// Registers of the instruction's stream; 0 reads zero and ignores writes.
  virtual uint32_t readRegister(uint8_t index) = 0;
  virtual void writeRegister(uint8_t index, uint32_t value) = 0;

  /// Calls `run` on disjoint parts that cover [0, count), each at least `grain` long where possible, perhaps at the same time. The default calls it once.
  virtual void parallel(int64_t count, int64_t grain, RangeFunction run);
};

/// Executes one instruction: reads its operands through `memory`, writes its results. The shapes must fulfil the instruction's rules (lib/Sim/Verify.h).
/// Fails when `memory` does, and with MN-RUN-INDEX when a gathered or scattered index is outside its table.
/// Halt, Wait, Signal, Loop, EndLoop, SemClear and Barrier have no effect on memory; the machine sequences them.
Status execute(const isa::Instruction &instruction, Memory &memory);

} // namespace manaslu::sim
