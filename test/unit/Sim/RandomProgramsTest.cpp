// Random programs: docs/Numerics.md N1 and N2 ("a function of the operands' bits and the instruction alone"), docs/ISA.md "How programs run", and the codec's
// and assembler's promises, on whole programs. MANASLU_SEED is the first seed, MANASLU_ROUNDS the number of programs (1000).
#include "lib/ISA/Codec.h"
#include "lib/Sim/Operands.h"
#include "test/programs/Check.h"
#include "test/programs/RandomInstructions.h"
#include "test/programs/Reduce.h"

#include <catch2/catch.hpp>
#include <set>

using namespace manaslu;
using namespace manaslu::test;

TEST_CASE("random programs give the same bytes, times and errors in every way of running them", "[sim][programs]") {
  uint64_t seed = isa::test::testSeed() % (uint64_t(1) << 40);
  const char *rounds = std::getenv("MANASLU_ROUNDS");
  const char *quick = std::getenv("MANASLU_QUICK");
  uint64_t count = rounds ? std::strtoull(rounds, nullptr, 10) : quick && *quick ? 200 : 1000;
  INFO("MANASLU_SEED=" << seed);
  Tally tally = checkPrograms(seed, count);
  INFO(tally.failures);
  CHECK(tally.failed == 0);
  CHECK(tally.programs == count);
  // The mutated ones are of both kinds.
  CHECK((count < 100 || (tally.refused > count / 10 && tally.refused < count)));
}

TEST_CASE("a seed gives the same program, every instruction and type appears", "[sim][programs]") {
  std::set<size_t> kinds, types;
  std::set<isa::StreamId> streams;
  size_t loops = 0, moved = 0, accumulating = 0, stochastic = 0, propagating = 0;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    Case first = generate(seed), second = generate(seed);
    CHECK(first.inputs == second.inputs);
    CHECK(first.program.regions == second.program.regions);
    REQUIRE(first.program.streams.size() == second.program.streams.size());
    for (const auto &[id, code] : first.program.streams) {
      streams.insert(id);
      REQUIRE(code.size() == second.program.streams[id].size());
      for (size_t i = 0; i < code.size(); ++i) {
        REQUIRE(isa::sameBits(code[i], second.program.streams[id][i]));
        kinds.insert(code[i].index());
        loops += std::holds_alternative<isa::Loop>(code[i]);
        if (const auto *matmul = std::get_if<isa::Matmul>(&code[i]))
          accumulating += matmul->accumulate;
        if (const isa::Narrowing *narrowing = isa::narrowingOf(code[i])) {
          stochastic += narrowing->rounding == isa::Rounding::Stochastic;
          propagating += narrowing->overflow == isa::Overflow::Propagate;
        }
        for (const sim::OperandUse &use : sim::operandsOf(code[i])) {
          types.insert(static_cast<size_t>(use.isTile() ? use.tile().type : use.device().type));
          moved += use.isTile() ? use.tile().reg != 0 : use.device().reg != 0;
        }
      }
    }
  }
  CHECK(kinds.size() == std::variant_size_v<isa::Instruction>);
  CHECK(types.size() == kDTypeCount);
  CHECK(streams.size() == isa::kStreamCount);
  CHECK(loops > 100);
  CHECK(moved > 500);
  CHECK(accumulating > 30);
  CHECK(stochastic > 100);
  CHECK(propagating > 100);
}

TEST_CASE("a failing program is reduced to the instruction that fails", "[sim][programs]") {
  // The failure: a program that the machine runs well, and in which ge computes indices.
  auto fails = [](const Case &input) {
    for (const auto &[id, code] : input.program.streams)
      for (const isa::Instruction &each : code)
        if (std::holds_alternative<isa::Iota>(each))
          return runMachine(input).error.empty();
    return false;
  };
  uint64_t seed = 0;
  Case input = generate(seed);
  while (!fails(input) || input.program.instructionCount() < 60)
    input = generate(++seed);
  Case smallest = reduceCase(input, fails);
  CHECK(fails(smallest));
  CHECK(smallest.program.instructionCount() == 2); // and halt
  CHECK(smallest.program.streams.size() == 1);
  isa::Iota iota = std::get<isa::Iota>(smallest.program.streams.begin()->second.front());
  CHECK(iota == isa::Iota());
}
