// Registers of one stream within one top-level loop: each holds a linear function of the loop variables or the slot of a rotating buffer.
#pragma once

#include "lib/Conversion/TileToIsa/Model.h"

#include <algorithm>
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

/// What registers are known to hold between top-level loops.
using KnownValues = std::map<uint8_t, uint32_t>;

class Registers {
public:
  explicit Registers(const Model &model) : model_(model) {}

  /// First pass: says what will be asked for. A function may count from any multiple of `unit` up to `room` instead of zero, if the use takes it off its
  /// immediate.
  void want(const Linear &linear, int64_t room, int64_t unit) {
    if (linear.empty())
      return;
    auto [at, fresh] = wanted_.insert({linear, {0, room, unit}});
    ++at->second.uses;
    at->second.room = std::min(at->second.room, room);
    at->second.unit = std::max(at->second.unit, unit); // powers of two
  }
  void want(const Rotation &rotation) { rotations_.insert({rotation, 0}); }

  /// Gives out the registers; linear functions beyond the supply are computed from loop counters where they are used. A function of the loop `around` starts
  /// where its register stands, if all its uses have room for that. MN-INTERNAL when not even the counters fit.
  Status assign(mlir::Operation *where, int around, const KnownValues &known);

  /// Second pass. Registers of a function: appends instructions that compute it when it has none of its own. `temporary` numbers the operands of an
  /// instruction.
  uint8_t use(const Linear &linear, int temporary, std::vector<isa::Instruction> &out) const;
  uint8_t use(const Linear &linear, const Rotation &rotation, int temporary, std::vector<isa::Instruction> &out) const;

  /// The value from which a function's register counts.
  int64_t startOf(const Linear &linear) const;

  /// Register updates around and in a loop.
  void enter(int loop, const KnownValues &known, std::vector<isa::Instruction> &out) const;
  void latch(int loop, std::vector<isa::Instruction> &out) const;
  void leave(int loop, std::vector<isa::Instruction> &out) const;
  /// What the registers hold when the top-level loop has ended.
  void note(KnownValues &known) const;

private:
  static constexpr int kTemporaries = 8;

  const Model &model_;
  struct Want {
    int64_t uses = 0, room = 0, unit = 1;
  };

  std::map<Linear, Want> wanted_;
  std::map<Linear, uint8_t> linear_;
  std::map<Linear, int64_t> starts_; ///< of those that do not count from zero
  std::map<Rotation, uint8_t> rotations_;
  std::map<int, uint8_t> counters_; ///< loop to the register that counts its iterations
};

} // namespace manaslu::tile
