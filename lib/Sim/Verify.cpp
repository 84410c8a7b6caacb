// The chip's limits against every instruction of a program.
#include "lib/Sim/Verify.h"

#include "lib/Chip/Timing.h"
#include "lib/ISA/Rules.h"
#include "lib/Sim/Operands.h"

namespace manaslu::sim {

namespace {

constexpr size_t kMaxReports = 20;
/// Bounds on the host's work and scratch memory for one instruction; no chip's memory holds more in a partition.
constexpr uint64_t kMaxRowElements = uint64_t(1) << 24;
constexpr uint64_t kMaxElements = uint64_t(1) << 30;

class ChipChecker {
public:
  ChipChecker(const isa::Program &program, const Chip &chip) : program_(program), chip_(chip) {}

  Status check() {
    checkDeviceMemory();
    for (const auto &[stream, instructions] : program_.streams) {
      checkStream(stream, instructions);
      for (size_t i = 0; i < instructions.size() && error_.items().size() < kMaxReports; ++i) {
        where_ = isa::nameOf(stream) + " instruction " + std::to_string(i) + " (" + std::string(isa::mnemonicOf(instructions[i])) + ")";
        checkInstruction(instructions[i]);
      }
    }
    return error_.empty() ? Status() : Status(error_);
  }

private:
  void fail(const char *code, std::string message) { error_.add(code, std::move(message), where_); }

  void checkDeviceMemory() {
    unsigned __int128 total = 0;
    for (const isa::Region &region : program_.regions)
      total += region.bytes;
    if (total > static_cast<unsigned __int128>(chip_.deviceBytes))
      error_.add("MN-CHIP-MEMORY", "the program's regions take " + std::to_string(static_cast<uint64_t>(total)) + " bytes of device memory; chip " +
                                       chip_.name + " has " + std::to_string(chip_.deviceBytes));
  }

  void checkStream(isa::StreamId stream, const std::vector<isa::Instruction> &instructions) {
    where_ = isa::nameOf(stream);
    bool works = false;
    for (const isa::Instruction &instruction : instructions)
      works |= isa::familyOf(instruction) != isa::StreamFamily::All;
    if (stream == isa::StreamId::Ge && works && !chip_.has(Engine::Ge))
      fail("MN-CHIP-ENGINE", "chip " + chip_.name + " has no ge engine");
    int ring = static_cast<int>(stream) - static_cast<int>(isa::StreamId::Dma0);
    if (ring >= chip_.dmaRings)
      fail("MN-CHIP-ENGINE", "chip " + chip_.name + " has " + std::to_string(chip_.dmaRings) + " DMA rings");
  }

  void checkSemaphore(uint16_t semaphore) {
    if (semaphore != isa::kNoSemaphore && semaphore >= chip_.semaphores)
      fail("MN-CHIP-ENGINE", "semaphore " + std::to_string(semaphore) + " is used; chip " + chip_.name + " has " + std::to_string(chip_.semaphores));
  }

  void checkInstruction(const isa::Instruction &instruction) {
    checkSemaphore(isa::syncOf(instruction).waitSem);
    checkSemaphore(isa::syncOf(instruction).signalSem);
    auto engine = engineOf(instruction);
    for (const OperandUse &use : operandsOf(instruction)) {
      DType type = use.isTile() ? use.tile().type : use.device().type;
      // The operands of pe are checked as a pair; a transpose moves bits of any type.
      if (engine && *engine != Engine::Pe && !chip_.supports(*engine, type))
        fail("MN-CHIP-ENGINE", std::string(nameOf(*engine)) + " of chip " + chip_.name + " has no operands of type " + std::string(nameOf(type)));
      uint64_t row = use.isTile() ? use.tile().elementsPerPartition() : 1, all = use.isTile() ? use.tile().elements() : use.device().elements();
      if (row > kMaxRowElements || (all > kMaxElements && !use.indexed))
        fail("MN-ISA-RULE", "an operand has " + std::to_string(all) + " elements; an instruction takes at most 2^24 per partition and 2^30 in all");
      if (!use.isTile())
        checkRelative(use.device());
    }
    if (const isa::Narrowing *narrowing = isa::narrowingOf(instruction))
      if (narrowing->rounding == isa::Rounding::Stochastic && !chip_.stochasticRounding)
        fail("MN-CHIP-ENGINE", "chip " + chip_.name + " does not round stochastically");
    if (const auto *matmul = std::get_if<isa::Matmul>(&instruction))
      checkMatmul(*matmul);
    if (const auto *transpose = std::get_if<isa::Transpose>(&instruction))
      if (transpose->src.partitions > chip_.pe.rows || transpose->src.elementsPerPartition() > static_cast<uint64_t>(chip_.pe.columns))
        fail("MN-CHIP-ENGINE", "the tile is larger than the array of chip " + chip_.name);
  }

  /// A register moves the pattern, but its span must fit the region: then no later sum can overflow.
  void checkRelative(const isa::DeviceOperand &device) {
    isa::Extent extent = isa::extentOf(device);
    const uint64_t bytes = program_.regions[device.region].bytes;
    if (extent.last - extent.first >= static_cast<__int128>(bytes) || device.offset >= (uint64_t(1) << 62))
      fail("MN-ISA-BOUNDS", "a pattern spans more than region " + program_.regions[device.region].name + " of " + std::to_string(bytes) + " bytes");
  }

  void checkMatmul(const isa::Matmul &in) {
    if (matmulPasses(chip_, in.stationary.type, in.moving.type) == 0)
      fail("MN-CHIP-ENGINE",
           "pe of chip " + chip_.name + " does not multiply " + std::string(nameOf(in.stationary.type)) + " with " + std::string(nameOf(in.moving.type)));
    uint64_t m = in.stationary.elementsPerPartition(), n = in.moving.elementsPerPartition();
    if (in.stationary.partitions > chip_.pe.rows || m > static_cast<uint64_t>(chip_.pe.columns) || n > static_cast<uint64_t>(chip_.pe.movingLimit))
      fail("MN-CHIP-ENGINE", "K = " + std::to_string(in.stationary.partitions) + ", M = " + std::to_string(m) + ", N = " + std::to_string(n) + "; chip " +
                                 chip_.name + " multiplies up to " + std::to_string(chip_.pe.rows) + ", " + std::to_string(chip_.pe.columns) + ", " +
                                 std::to_string(chip_.pe.movingLimit));
  }

  const isa::Program &program_;
  const Chip &chip_;
  std::string where_;
  Error error_;
};

} // namespace

Status verifyForChip(const isa::Program &program, const Chip &chip) {
  isa::MemoryLimits limits;
  limits.partitions = static_cast<uint64_t>(chip.partitions);
  limits.sbufBytes = static_cast<uint64_t>(chip.sbufUsableBytes());
  limits.psumBytes = static_cast<uint64_t>(chip.psumBytesPerPartition());
  limits.psumBankBytes = static_cast<uint64_t>(chip.psumBankBytes);
  if (Status status = isa::verifyForChip(program, limits); !status)
    return status;
  return ChipChecker(program, chip).check();
}

} // namespace manaslu::sim
