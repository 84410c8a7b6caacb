// Registers of one stream within one top-level loop.
#include "lib/Conversion/TileToIsa/Registers.h"

#include <algorithm>

namespace manaslu::tile {

namespace {

/// Arithmetic of registers is modulo 2^32.
int32_t modulo(int64_t value) { return static_cast<int32_t>(static_cast<uint32_t>(value)); }

/// Adds to a register; an addition to it that stands among the register updates just before takes this one in.
void advance(uint8_t reg, int64_t by, std::vector<isa::Instruction> &out) {
  for (size_t i = out.size(); i-- > 0;) {
    auto *add = std::get_if<isa::RegAdd>(&out[i]);
    if (add ? add->dst != add->src : !std::holds_alternative<isa::RegRotate>(out[i]))
      break;
    if (!add || add->dst != reg)
      continue;
    add->value = modulo(add->value + by);
    if (add->value == 0)
      out.erase(out.begin() + static_cast<std::ptrdiff_t>(i));
    return;
  }
  out.push_back(isa::RegAdd{.dst = reg, .src = reg, .value = modulo(by)});
}

uint8_t temporaryRegister(int temporary) { return static_cast<uint8_t>(isa::kRegisterCount - 1 - temporary); }

} // namespace

Status Registers::assign(mlir::Operation *where, int around, const KnownValues &known) {
  int supply = isa::kRegisterCount - 1 - kTemporaries;
  std::vector<std::pair<int64_t, const Linear *>> byUse;
  for (auto &[linear, want] : wanted_)
    byUse.push_back({-want.uses, &linear});
  std::stable_sort(byUse.begin(), byUse.end(), [](auto &a, auto &b) { return a.first < b.first; });
  std::map<int, uint8_t> counters;
  for (auto &[linear, want] : wanted_)
    for (auto [loop, coefficient] : linear)
      counters.insert({loop, 0});
  bool enough = rotations_.size() + wanted_.size() <= static_cast<size_t>(supply);
  size_t reserved = enough ? 0 : counters.size();
  if (rotations_.size() + reserved > static_cast<size_t>(supply))
    return Error("MN-INTERNAL",
                 "rotating buffers of one loop need " + std::to_string(rotations_.size() + reserved) + " registers, a stream has " + std::to_string(supply),
                 describe(where));
  std::vector<bool> taken(supply + 1);
  taken[0] = true;
  // The first free register whose value serves, or 0.
  auto find = [&](auto &&serves) {
    for (int reg = 1; reg <= supply; ++reg)
      if (auto value = known.find(static_cast<uint8_t>(reg)); !taken[reg] && value != known.end() && serves(value->second)) {
        taken[reg] = true;
        return static_cast<uint8_t>(reg);
      }
    return uint8_t{0};
  };
  auto any = [&] {
    auto reg = std::find(taken.begin(), taken.end(), false) - taken.begin();
    taken[reg] = true;
    return static_cast<uint8_t>(reg);
  };
  for (auto &[rotation, reg] : rotations_)
    reg = find([](uint32_t value) { return value == 0; });
  for (auto &[uses, linear] : byUse)
    if (const Want &want = wanted_.at(*linear); enough && linear->front().first == around)
      if (uint8_t reg = find([&](uint32_t value) { return value <= want.room && value % want.unit == 0; })) {
        linear_[*linear] = reg;
        starts_[*linear] = known.at(reg);
      }
  for (auto &[rotation, reg] : rotations_)
    if (!reg)
      reg = any();
  if (!enough) {
    counters_ = counters;
    for (auto &[loop, reg] : counters_)
      reg = any();
  }
  for (auto &[uses, linear] : byUse)
    if (!linear_.count(*linear) && std::find(taken.begin(), taken.end(), false) != taken.end())
      linear_[*linear] = any();
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

int64_t Registers::startOf(const Linear &linear) const {
  auto start = starts_.find(linear);
  return start == starts_.end() ? 0 : start->second;
}

void Registers::enter(int loop, const KnownValues &known, std::vector<isa::Instruction> &out) const {
  for (auto &[linear, reg] : linear_)
    if (linear.front().first == loop && !starts_.count(linear))
      out.push_back(isa::RegSet{.dst = reg, .value = 0});
  if (auto counter = counters_.find(loop); counter != counters_.end())
    out.push_back(isa::RegSet{.dst = counter->second, .value = 0});
  // Slots go on rotating from one run of an inner loop to the next.
  if (model_.loops[loop].parent < 0)
    for (auto &[rotation, reg] : rotations_)
      if (auto value = known.find(reg); value == known.end() || value->second != 0)
        out.push_back(isa::RegSet{.dst = reg, .value = 0});
}

void Registers::note(KnownValues &known) const {
  for (auto &[loop, reg] : counters_)
    known.erase(reg);
  for (auto &[linear, reg] : linear_)
    known[reg] = static_cast<uint32_t>(startOf(linear) + linear.front().second * model_.loops[linear.front().first].trips);
  for (auto &[rotation, reg] : rotations_) {
    int64_t slots = rotation.limit / rotation.step, turns = 1;
    for (int loop = rotation.loop; loop >= 0; loop = model_.loops[loop].parent)
      turns = turns * (model_.loops[loop].trips % slots) % slots;
    known[reg] = static_cast<uint32_t>(turns * rotation.step);
  }
}

void Registers::latch(int loop, std::vector<isa::Instruction> &out) const {
  for (auto &[linear, reg] : linear_)
    for (auto [own, coefficient] : linear)
      if (own == loop)
        advance(reg, coefficient, out);
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
        advance(reg, -linear[i].second * model_.loops[loop].trips, out);
}

} // namespace manaslu::tile
