// Fuzz target: what is proved about a program before it runs, and the decoding and costing of a program that passes.
#include "lib/Sim/Machine/Decoded.h"
#include "lib/Sim/Verify.h"
#include "test/fuzz/Packed.h"

#include <map>

using namespace manaslu;

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t maxSize, unsigned seed) { return fuzz::mutatePacked(data, size, maxSize, seed); }

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static std::map<std::string, Chip> chips;
  auto input = fuzz::unpack({data, size});
  if (!input)
    return 0;
  const std::string &json = input->program.chipJson;
  auto chip = chips.find(json);
  if (chip == chips.end())
    chip = chips.emplace(json, *parseChip(json, "template")).first;
  if (sim::verifyForChip(input->program, chip->second))
    sim::decode(input->program, chip->second);
  return 0;
}
