// Boxes of operands and written bytes.
#include "test/programs/Ground.h"

#include "lib/ISA/Rules.h"

#include <algorithm>
#include <cstring>

namespace manaslu::test {

bool overlap(const Box &a, const Box &b) { return a.memory == b.memory && a.first < b.last && b.first < a.last && a.low < b.high && b.low < a.high; }

namespace {

int memoryOf(const sim::OperandUse &use) {
  if (!use.isTile())
    return 2 + use.device().region;
  return use.tile().space == isa::Space::Psum ? 1 : 0;
}

/// The bytes that the operand's register adds, in each iteration.
std::vector<int64_t> shiftsOf(const sim::OperandUse &use, const RegisterValues &registers) {
  uint8_t reg = use.isTile() ? use.tile().reg : use.device().reg;
  int64_t scale = use.isTile() ? 1 : use.device().scale;
  std::vector<int64_t> shifts;
  if (reg == 0)
    return {0};
  for (uint32_t value : registers[reg])
    shifts.push_back(static_cast<int64_t>(value) * scale);
  return shifts;
}

} // namespace

Box hullOf(const sim::OperandUse &use, const RegisterValues &registers) {
  Box box;
  box.memory = memoryOf(use);
  isa::Extent extent = use.isTile() ? isa::extentOf(use.tile()) : isa::extentOf(use.device());
  if (use.isTile()) {
    box.first = use.tile().partition;
    box.last = box.first + use.tile().partitions;
  }
  auto [least, greatest] = std::ranges::minmax(shiftsOf(use, registers));
  box.low = static_cast<int64_t>(extent.first) + least;
  box.high = static_cast<int64_t>(extent.last) + 1 + greatest;
  return box;
}

void Ground::addMemory(int partitions, int64_t bytes, bool written) {
  memories_.push_back({partitions, bytes, std::vector<uint8_t>(static_cast<size_t>(partitions * bytes), written)});
}

bool Ground::isWritten(const Box &box) const {
  const Memory &memory = memories_[static_cast<size_t>(box.memory)];
  if (box.low < 0 || box.high > memory.bytes || box.last > memory.partitions)
    return false;
  for (int64_t row = box.first; row < box.last; ++row)
    if (std::memchr(memory.written.data() + row * memory.bytes + box.low, 0, static_cast<size_t>(box.high - box.low)))
      return false;
  return true;
}

namespace {

template <class Dims> void walk(const Dims &dims, size_t level, int64_t at, int64_t unit, int64_t size, uint8_t *row) {
  if (level == dims.size()) {
    std::memset(row + at, 1, static_cast<size_t>(size));
    return;
  }
  for (int64_t i = 0; i < static_cast<int64_t>(dims[level].size); ++i)
    walk(dims, level + 1, at + i * dims[level].stride * unit, unit, size, row);
}

} // namespace

void Ground::mark(const sim::OperandUse &use, const RegisterValues &registers) {
  Memory &memory = memories_[static_cast<size_t>(memoryOf(use))];
  Box box = hullOf(use, registers);
  for (int64_t shift : shiftsOf(use, registers))
    for (int64_t row = box.first; row < box.last; ++row) {
      uint8_t *bytes = memory.written.data() + row * memory.bytes;
      if (use.isTile())
        walk(use.tile().dims, 0, use.tile().offset + shift, sizeOf(use.tile().type), sizeOf(use.tile().type), bytes);
      else
        walk(use.device().dims, 0, static_cast<int64_t>(use.device().offset) + shift, 1, sizeOf(use.device().type), bytes);
    }
}

} // namespace manaslu::test
