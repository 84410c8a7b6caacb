// Fuzz target: the assembler on any text. What it accepts keeps its instructions through disassembly.
#include "lib/ISA/Assembler.h"
#include "lib/ISA/Codec.h"

#include <cstdlib>

using namespace manaslu;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  auto program = isa::assemble({reinterpret_cast<const char *>(data), size}, "fuzz");
  if (!program)
    return 0;
  std::string text = isa::disassemble(*program, uint64_t(1) << 20);
  auto again = isa::assemble(text, "fuzz");
  if (!again || isa::disassemble(*again, uint64_t(1) << 20) != text)
    std::abort();
  for (const auto &[id, code] : program->streams)
    for (size_t i = 0; i < code.size(); ++i)
      if (!isa::sameBits(code[i], again->streams[id][i]))
        std::abort();
  return 0;
}
