// Registers of one stream within one top-level loop.
#include "lib/Conversion/TileToIsa/Registers.h"

#include <algorithm>

namespace manaslu::tile {

namespace {

/// Arithmetic of registers is modulo 2^32.
int32_t modulo(int64_t value) { return static_cast<int32_t>(static_cast<uint32_t>(value)); }

uint8_t temporaryRegister(int temporary) { return static_cast<uint8_t>(isa::kRegisterCount - 1 - temporary); }

} // namespace

Status Registers::assign(mlir::Operation *where) {
  int supply = isa::kRegisterCount - 1 - kTemporaries, next = 1;
  std::vector<std::pair<int64_t, const Linear *>> byUse;
  for (auto &[linear, uses] : wanted_)
    byUse.push_back({-uses, &linear});
  std::stable_sort(byUse.begin(), byUse.end(), [](auto &a, auto &b) { return a.first < b.first; });
  std::map<int, uint8_t> counters;
  for (auto &[linear, uses] : wanted_)
    for (auto [loop, coefficient] : linear)
      counters.insert({loop, 0});
  bool enough = rotations_.size() + wanted_.size() <= static_cast<size_t>(supply);
  size_t reserved = enough ? 0 : counters.size();
  if (rotations_.size() + reserved > static_cast<size_t>(supply))
    return Error("MN-INTERNAL",
                 "rotating buffers of one loop need " + std::to_string(rotations_.size() + reserved) + " registers, a stream has " + std::to_string(supply),
                 describe(where));
  for (auto &[rotation, reg] : rotations_)
    reg = static_cast<uint8_t>(next++);
  if (!enough) {
    counters_ = counters;
    for (auto &[loop, reg] : counters_)
      reg = static_cast<uint8_t>(next++);
  }
  for (auto &[uses, linear] : byUse)
    if (next <= supply)
      linear_[*linear] = static_cast<uint8_t>(next++);
  return {};
}

uint8_t Registers::use(const Linear &linear, int temporary, std::vector<isa::Instruction> &out) const {
  if (linear.empty())
    return 0;
  if (auto own = linear_.find(linear); own != linear_.end())
    return own->second;
  uint8_t sum = temporaryRegister(temporary), product = temporaryRegister(kTemporaries - 1);
  bool first = true;
  for (auto [loop, coefficient] : linear) {
    out.push_back(isa::RegMul{.dst = first ? sum : product, .src = counters_.at(loop), .value = modulo(coefficient)});
    if (!first)
      out.push_back(isa::RegAddReg{.dst = sum, .a = sum, .b = product});
    first = false;
  }
  return sum;
}

uint8_t Registers::use(const Linear &linear, const Rotation &rotation, int temporary, std::vector<isa::Instruction> &out) const {
  uint8_t slot = rotations_.at(rotation);
  if (linear.empty())
    return slot;
  uint8_t base = use(linear, temporary, out), sum = temporaryRegister(temporary);
  out.push_back(isa::RegAddReg{.dst = sum, .a = base, .b = slot});
  return sum;
}

void Registers::enter(int loop, std::vector<isa::Instruction> &out) const {
  for (auto &[linear, reg] : linear_)
    if (linear.front().first == loop)
      out.push_back(isa::RegSet{.dst = reg, .value = 0});
  if (auto counter = counters_.find(loop); counter != counters_.end())
    out.push_back(isa::RegSet{.dst = counter->second, .value = 0});
  // Slots go on rotating from one run of an inner loop to the next.
  if (model_.loops[loop].parent < 0)
    for (auto &[rotation, reg] : rotations_)
      out.push_back(isa::RegSet{.dst = reg, .value = 0});
}

void Registers::latch(int loop, std::vector<isa::Instruction> &out) const {
  for (auto &[linear, reg] : linear_)
    for (auto [own, coefficient] : linear)
      if (own == loop)
        out.push_back(isa::RegAdd{.dst = reg, .src = reg, .value = modulo(coefficient)});
  for (auto &[rotation, reg] : rotations_)
    if (rotation.loop == loop)
      out.push_back(isa::RegRotate{.dst = reg, .step = static_cast<uint32_t>(rotation.step), .limit = static_cast<uint32_t>(rotation.limit)});
  if (auto counter = counters_.find(loop); counter != counters_.end())
    out.push_back(isa::RegAdd{.dst = counter->second, .src = counter->second, .value = 1});
}

void Registers::leave(int loop, std::vector<isa::Instruction> &out) const {
  for (auto &[linear, reg] : linear_)
    for (size_t i = 1; i < linear.size(); ++i)
      if (linear[i].first == loop)
        out.push_back(isa::RegAdd{.dst = reg, .src = reg, .value = modulo(-linear[i].second * model_.loops[loop].trips)});
}

} // namespace manaslu::tile
