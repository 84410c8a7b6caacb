// Stochastic rounding of every fp32 number to every type that has it, each with the random word of its own index (docs/Numerics.md N60 to N64).
#include "lib/Numerics/Environment.h"
#include "lib/Numerics/kernels/Table.h"
#include "test/exhaustive/Sweep.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

namespace manaslu::numerics::exhaustive {

namespace {

constexpr uint64_t kPiece = 2048;
constexpr RandomSite kSite = {0x0123456789abcdefu, 11, 5};

void runStochastic(DType type, Overflow overflow, uint64_t first, uint64_t stride, uint64_t count, Finding &finding) {
  auto bytes = static_cast<uint64_t>(sizeOf(type));
  std::array<float, kPiece> x;
  std::array<uint32_t, kPiece> expectedWords, words;
  std::array<std::byte, kPiece * 2> expected, actual;
  FloatEnvironment environment(SubnormalMode::Keep);
  for (uint64_t done = 0; done < count; done += kPiece) {
    uint64_t n = std::min(kPiece, count - done), start = first + done * stride;
    for (uint64_t i = 0; i < n; ++i) {
      x[i] = std::bit_cast<float>(static_cast<uint32_t>(start + i * stride));
      if (i == 0 || stride != 1 || (start + i) % 4 == 0) { // four words of a block at once: the oracle of words is the dearer half
        uint64_t index = start + i * stride;
        std::array<uint32_t, 4> block = philox(kSite.seed, {static_cast<uint32_t>(index >> 2), static_cast<uint32_t>(index >> 34), kSite.site, kSite.step});
        for (uint64_t j = i; j < n && (j == i || (stride == 1 && (start + j) % 4 != 0)); ++j)
          expectedWords[j] = block[(start + j * stride) & 3];
      }
      uint32_t code = 0;
      fromF32Stochastic(type, x[i], expectedWords[i], &code, overflow);
      std::memcpy(expected.data() + i * bytes, &code, bytes);
    }
    for (Variant variant : availableVariants()) {
      const KernelTable &table = kernelsOf(variant);
      table.randomWords(kSite, start, static_cast<int64_t>(stride), words.data(), static_cast<int64_t>(n));
      table.narrowStochastic[static_cast<int>(type)][static_cast<int>(overflow)](x.data(), words.data(), actual.data(), 1, static_cast<int64_t>(n));
      if (std::memcmp(words.data(), expectedWords.data(), n * 4) == 0 && std::memcmp(actual.data(), expected.data(), n * bytes) == 0)
        continue;
      for (uint64_t i = 0; i < n; ++i) {
        uint32_t got = 0, wanted = 0;
        std::memcpy(&got, actual.data() + i * bytes, bytes);
        std::memcpy(&wanted, expected.data() + i * bytes, bytes);
        if (words[i] != expectedWords[i] || got != wanted)
          report(finding, nameOf(variant), std::bit_cast<uint32_t>(x[i]), got, wanted);
      }
    }
    finding.checked += n;
  }
}

} // namespace

std::vector<Part> stochasticParts() {
  std::vector<Part> parts;
  for (DType type : {DType::BF16, DType::F16, DType::F8E4M3, DType::F8E5M2, DType::F8E3M4})
    for (Overflow overflow : {Overflow::Saturate, Overflow::Propagate})
      if (isFp8(type) || overflow == Overflow::Propagate)
        parts.push_back(
            {"stochastic " + std::string(nameOf(type)) + (isFp8(type) && overflow == Overflow::Saturate ? " saturate" : " propagate"), uint64_t{1} << 32, -1,
             [=](uint64_t first, uint64_t stride, uint64_t count, Finding &finding) { runStochastic(type, overflow, first, stride, count, finding); }});
  return parts;
}

} // namespace manaslu::numerics::exhaustive
