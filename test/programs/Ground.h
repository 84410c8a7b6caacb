// What the generator knows about memory: which bytes are certainly written, and which bytes an operand may touch.
#pragma once

#include "lib/Sim/Operands.h"

#include <array>
#include <vector>

namespace manaslu::test {

/// A rectangle of bytes: memory 0 is SBUF, 1 PSUM, 2 + n region n (one partition). `last` and `high` are exclusive.
struct Box {
  int memory = 0;
  int first = 0, last = 1;
  int64_t low = 0, high = 0;
};

bool overlap(const Box &a, const Box &b);

/// The values that a stream's registers take, one for each iteration of the current loop nest (one without loops). An empty list: not known.
using RegisterValues = std::array<std::vector<uint32_t>, isa::kRegisterCount>;

/// The smallest box around all bytes that the operand touches, over all values of its register.
Box hullOf(const sim::OperandUse &use, const RegisterValues &registers);

/// Written bytes of all memories.
class Ground {
public:
  void addMemory(int partitions, int64_t bytes, bool written);
  int64_t bytesOf(int memory) const { return memories_[static_cast<size_t>(memory)].bytes; }
  int partitionsOf(int memory) const { return memories_[static_cast<size_t>(memory)].partitions; }
  /// Every byte of the box was written.
  bool isWritten(const Box &box) const;
  /// Marks exactly the bytes that the operand writes, for every value of its register.
  void mark(const sim::OperandUse &use, const RegisterValues &registers);

private:
  struct Memory {
    int partitions;
    int64_t bytes;
    std::vector<uint8_t> written;
  };
  std::vector<Memory> memories_;
};

} // namespace manaslu::test
