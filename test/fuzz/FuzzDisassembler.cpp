// Fuzz target: the disassembler's text of any decodable program assembles to the same instructions.
#include "lib/ISA/Assembler.h"
#include "lib/ISA/Codec.h"
#include "test/fuzz/Packed.h"

#include <cstdlib>

using namespace manaslu;

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t maxSize, unsigned seed) { return fuzz::mutatePacked(data, size, maxSize, seed); }

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  auto input = fuzz::unpack({data, size});
  if (!input)
    return 0;
  auto again = isa::assemble(isa::disassemble(input->program, 0), "fuzz");
  if (!again || again->streams.size() != input->program.streams.size())
    std::abort();
  for (const auto &[id, code] : input->program.streams) {
    const std::vector<isa::Instruction> &other = again->streams[id];
    if (other.size() != code.size())
      std::abort();
    for (size_t i = 0; i < code.size(); ++i)
      if (!isa::sameBits(code[i], other[i]))
        std::abort();
  }
  return 0;
}
