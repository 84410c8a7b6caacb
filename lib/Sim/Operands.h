// Which operands an instruction reads and writes: the one list from which bounds, races, uninitialised reads, dependences and energy are taken.
#pragma once

#include "lib/Chip/Chip.h"
#include "lib/Sim/Execute.h"

#include <optional>
#include <variant>
#include <vector>

namespace manaslu::sim {

/// One operand with its use. `indexed`: a table whose rows are named at run time; the operand then spans `rows` rows of dims[0].
struct OperandUse {
  std::variant<isa::TileOperand, isa::DeviceOperand> operand;
  Access access = Access::Read;
  bool indexed = false;

  bool isTile() const { return operand.index() == 0; }
  const isa::TileOperand &tile() const { return std::get<0>(operand); }
  const isa::DeviceOperand &device() const { return std::get<1>(operand); }
};

/// The operands that the instruction touches, reads before writes; scalar tiles only where they are used. An accumulating result is ReadWrite.
/// For an indexed table dims[0].size is the number of rows that the instruction may touch.
std::vector<OperandUse> operandsOf(const isa::Instruction &instruction);

/// The engine whose time the instruction takes; nothing for control instructions.
std::optional<Engine> engineOf(const isa::Instruction &instruction);

} // namespace manaslu::sim
