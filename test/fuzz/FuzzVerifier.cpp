// Fuzz target: what is proved about a program before it runs, and the decoding and costing of a program that passes.
#include "lib/Sim/Machine/Decoded.h"
#include "lib/Sim/Verify.h"
#include "test/fuzz/Packed.h"

using namespace manaslu;

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t maxSize, unsigned seed) { return fuzz::mutatePacked(data, size, maxSize, seed); }

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  auto input = fuzz::unpack({data, size});
  if (!input)
    return 0;
  const Chip &chip = fuzz::chipOf(*input);
  if (sim::verifyForChip(input->program, chip))
    sim::decode(input->program, chip);
  return 0;
}
