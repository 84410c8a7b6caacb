// Fuzz target: the machine on any program that it accepts, with little fuel: a result or a code, never an access outside.
#include "test/fuzz/Packed.h"
#include "test/programs/Compare.h"

#include <cstdlib>

using namespace manaslu;

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t maxSize, unsigned seed) { return fuzz::mutatePacked(data, size, maxSize, seed); }

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  auto input = fuzz::unpack({data, size});
  if (!input)
    return 0;
  test::Observed seen = test::runMachine(*input, {.clock = size % 3 != 0, .fuel = 5000, .chip = &fuzz::chipOf(*input)});
  std::string_view text = seen.error;
  constexpr std::string_view kPrefix = "error: ";
  if (!text.empty() && (!text.starts_with(kPrefix) || !findErrorCode(text.substr(kPrefix.size(), text.find(':', kPrefix.size()) - kPrefix.size()))))
    std::abort();
  return 0;
}
