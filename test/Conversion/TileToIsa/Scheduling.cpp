// docs/Architecture.md, "From the tile program to instructions", schedule: chains of several iterations fill each other's gaps, and no bit changes.
#include "test/Conversion/TileToIsa/Harness.h"
#include "test/Conversion/TileToIsa/Programs.h"

#include <catch2/catch.hpp>

using namespace manaslu;
using namespace manaslu::test;

/// Instructions of one kind in all streams.
template <class Kind> static int count(const Figures &figures) {
  int number = 0;
  for (auto &[stream, code] : figures.program.streams)
    for (const isa::Instruction &instruction : code)
      number += std::holds_alternative<Kind>(instruction);
  return number;
}

TEST_CASE("chains through several engines overlap", "[tile-to-isa]") {
  for (int heads : {1, 2, 3, 5, 12, 13}) {
    Figures ordered = lowerAndCompare(softmaxProgram(heads)), plain = lowerAndCompare(softmaxProgram(heads), {.schedule = false});
    CHECK(ordered.timePs <= plain.timePs);
    CHECK(ordered.lowering.psumPeakBanks <= 8);
  }
  Figures ordered = lowerAndCompare(softmaxProgram(12)), plain = lowerAndCompare(softmaxProgram(12), {.schedule = false});
  CHECK(ordered.timePs * 10 < plain.timePs * 7);
}

TEST_CASE("long loops are not unrolled whole", "[tile-to-isa]") {
  CHECK(lowerAndCompare(softmaxProgram(48)).program.instructionCount() == lowerAndCompare(softmaxProgram(96)).program.instructionCount());
}

TEST_CASE("a loop that keeps its busiest engine working stays rolled", "[tile-to-isa]") {
  CHECK(lowerAndCompare(loopProgram(16)).program.instructionCount() == lowerAndCompare(loopProgram(16), {.schedule = false}).program.instructionCount());
}

TEST_CASE("sums that are carried through a loop keep their order", "[tile-to-isa]") {
  for (auto [m, k] : {std::pair(2, 2), std::pair(3, 5), std::pair(4, 1)})
    lowerAndCompare(nestedProgram(m, k));
  lowerAndCompare(hoardProgram(6, 64));
}

TEST_CASE("neighbouring loops are joined unless the second runs ahead of the first", "[tile-to-isa]") {
  auto loops = [](const Figures &figures) { return count<isa::Loop>(figures); };
  CHECK(loops(lowerAndCompare(pairProgram(48, 0))) == 1);
  CHECK(loops(lowerAndCompare(pairProgram(48, 1))) == 2);
  CHECK(loops(lowerAndCompare(pairProgram(48, 48))) == 1);
  CHECK(loops(lowerAndCompare(pairProgram(48, 0), {.schedule = false})) == 2);
}

TEST_CASE("a loop that costs more than it saves is unrolled", "[tile-to-isa]") {
  CHECK(lowerAndCompare(pairProgram(2, 0)).program.instructionCount() < lowerAndCompare(pairProgram(2, 0), {.schedule = false}).program.instructionCount());
}

TEST_CASE("registers go on from where the last loop left them", "[tile-to-isa]") {
  // The same two loops, joined in one program: the second sets fewer registers than the first would again.
  Figures one = lowerAndCompare(pairProgram(48, 0)), two = lowerAndCompare(pairProgram(48, 1));
  CHECK(count<isa::Loop>(two) > count<isa::Loop>(one));
  CHECK(count<isa::RegSet>(two) < 2 * count<isa::RegSet>(one));
}

TEST_CASE("what an inner loop takes back and the outer one adds is one addition", "[tile-to-isa]") {
  Figures figures = lowerAndCompare(nestedProgram(3, 40));
  for (auto &[stream, code] : figures.program.streams)
    for (size_t i = 1; i < code.size(); ++i) {
      auto *a = std::get_if<isa::RegAdd>(&code[i - 1]), *b = std::get_if<isa::RegAdd>(&code[i]);
      CHECK_FALSE((a && b && a->dst == b->dst && a->src == a->dst && b->src == b->dst));
    }
}

TEST_CASE("products of zeros fill the gaps after which pe would start slowly again", "[tile-to-isa]") {
  for (int held : {0, 3}) {
    Figures cold = lowerAndCompare(burstProgram(6, held), {.keepWarm = false}, "mt2"), warm = lowerAndCompare(burstProgram(6, held), {}, "mt2");
    CHECK(cold.lowering.warmingProducts == 0);
    CHECK(warm.lowering.warmingProducts >= 5);
    CHECK(warm.timePs * 10 < cold.timePs * 9);
    CHECK(count<isa::Matmul>(warm) == count<isa::Matmul>(cold) + warm.lowering.warmingProducts);
  }
}

TEST_CASE("gaps in which every bank of PSUM is held are left", "[tile-to-isa]") {
  // All banks are held from the first layer's end at the latest.
  Figures few = lowerAndCompare(burstProgram(6, 7), {}, "mt2"), fewer = lowerAndCompare(burstProgram(3, 7), {}, "mt2");
  CHECK(few.lowering.psumPeakBanks == 8);
  CHECK(few.lowering.warmingProducts == fewer.lowering.warmingProducts);
}

TEST_CASE("a pe that is always at full speed is left alone", "[tile-to-isa]") {
  CHECK(lowerAndCompare(burstProgram(6, 0), {}, "mt1").lowering.warmingProducts == 0);
}
