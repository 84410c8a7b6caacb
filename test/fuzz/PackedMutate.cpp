// Mutation of packed programs.
#include "test/fuzz/Packed.h"

#include "test/programs/Generator.h"

#include <cstring>

extern "C" size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t maxSize);

namespace manaslu::fuzz {

namespace {

using Code = std::vector<isa::Instruction>;

Code &pickCode(isa::Program &program, std::mt19937_64 &random) {
  return std::next(program.streams.begin(), static_cast<long>(random() % program.streams.size()))->second;
}

/// One change to the order of instructions.
void rearrange(isa::Program &program, std::mt19937_64 &random) {
  Code &from = pickCode(program, random), &to = pickCode(program, random);
  if (from.empty())
    return;
  size_t at = random() % from.size();
  isa::Instruction instruction = from[at];
  if (random() % 2)
    from.erase(from.begin() + static_cast<ptrdiff_t>(at));
  if (random() % 2)
    to.insert(to.begin() + static_cast<ptrdiff_t>(random() % (to.size() + 1)), instruction);
}

} // namespace

size_t mutatePacked(uint8_t *data, size_t size, size_t maxSize, unsigned seed) {
  std::mt19937_64 random(seed);
  std::optional<test::Case> input = random() % 8 ? unpack({data, size}) : std::nullopt;
  if (!input || input->program.streams.empty())
    return LLVMFuzzerMutate(data, size, maxSize);
  for (uint64_t changes = 1 + random() % 4; changes > 0; --changes) {
    bool hasCode = true;
    for (const auto &[id, code] : input->program.streams)
      hasCode &= !code.empty();
    if (hasCode && random() % 3)
      test::mutate(input->program, random);
    else
      rearrange(input->program, random);
  }
  std::vector<uint8_t> bytes = pack(random() % 32 ? data[0] : static_cast<uint8_t>(random()), input->program);
  size_t kept = std::min(bytes.size(), maxSize);
  std::memcpy(data, bytes.data(), kept);
  return kept;
}

} // namespace manaslu::fuzz
