// Registers of one stream within one top-level loop: each holds a linear function of the loop variables or the slot of a rotating buffer.
#pragma once

#include "lib/Conversion/TileToIsa/Model.h"

#include <map>

namespace manaslu::tile {

/// Slots of a buffer allocated in `loop`: advances by `step` in each of its iterations, modulo `limit`.
struct Rotation {
  int loop = 0;
  int64_t step = 0, limit = 0;
  auto operator<=>(const Rotation &) const = default;
};

/// Linear function: coefficients by loop, outermost first.
using Linear = std::vector<std::pair<int, int64_t>>;

class Registers {
public:
  explicit Registers(const Model &model) : model_(model) {}

  /// First pass: says what will be asked for.
  void want(const Linear &linear) {
    if (!linear.empty())
      ++wanted_[linear];
  }
  void want(const Rotation &rotation) { rotations_.insert({rotation, 0}); }

  /// Gives out the registers; linear functions beyond the supply are computed from loop counters where they are used. MN-INTERNAL when not even that fits.
  Status assign(mlir::Operation *where);

  /// Second pass. Registers of a function: appends instructions that compute it when it has none of its own. `temporary` numbers the operands of an
  /// instruction.
  uint8_t use(const Linear &linear, int temporary, std::vector<isa::Instruction> &out) const;
  uint8_t use(const Linear &linear, const Rotation &rotation, int temporary, std::vector<isa::Instruction> &out) const;

  /// Register updates around and in a loop.
  void enter(int loop, std::vector<isa::Instruction> &out) const;
  void latch(int loop, std::vector<isa::Instruction> &out) const;
  void leave(int loop, std::vector<isa::Instruction> &out) const;

private:
  static constexpr int kTemporaries = 8;

  const Model &model_;
  std::map<Linear, int64_t> wanted_;
  std::map<Linear, uint8_t> linear_;
  std::map<Rotation, uint8_t> rotations_;
  std::map<int, uint8_t> counters_; ///< loop to the register that counts its iterations
};

} // namespace manaslu::tile
