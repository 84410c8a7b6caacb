// What an encoded instruction touches: its operands with their direction and the bytes of their patterns.
#pragma once

#include "lib/ISA/Instructions.h"

#include <cstdint>
#include <vector>

namespace manaslu::tile {

/// One operand. Ranges are relative to the register's contribution.
struct Touch {
  int memory = 0;          ///< 0 SBUF, 1 PSUM, 2 + region
  unsigned quadrants = 15; ///< of 32 partitions
  bool writes = false;
  uint8_t reg = 0;
  int64_t scale = 1;                               ///< R[reg] * scale bytes are added
  std::vector<std::pair<int64_t, int64_t>> ranges; ///< half open, ascending
};

/// The operands of an instruction that it uses (a scalar tile beside an immediate is not).
std::vector<Touch> touchesOf(const isa::Instruction &instruction);

} // namespace manaslu::tile
