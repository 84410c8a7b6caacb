// Seeds one after the other.
#include "test/programs/Check.h"

#include "lib/ISA/Assembler.h"
#include "lib/Support/Error.h"
#include "test/programs/Reduce.h"

namespace manaslu::test {

namespace {

constexpr uint64_t kMaxShown = 5;
/// Of a region, in the assembly of a failure: the seed gives all of them.
constexpr uint64_t kMaxDataBytes = 256;

/// Why the case is a failure, or nothing. A valid program must end well; any error must be one of the catalogue.
std::optional<Disagreement> judge(const Case &input, bool isValid, Observed &ended) {
  if (auto disagreement = findDisagreement(input, isValid, ended))
    return disagreement;
  if (ended.error.empty())
    return std::nullopt;
  std::string code = ended.error.substr(std::string_view("error: ").size());
  code = code.substr(0, code.find(':'));
  if (isValid || !findErrorCode(code))
    return Disagreement{"a valid program, or a code of the catalogue", ended.error};
  return std::nullopt;
}

void report(Tally &tally, const Case &input, bool isValid, const Disagreement &why) {
  if (++tally.failed > kMaxShown)
    return;
  auto fails = [&](const Case &smaller) {
    Observed ended;
    auto still = judge(smaller, isValid, ended);
    // A program that was valid may not become one that is refused: that would be another failure.
    bool sameKind = still && still->between == why.between;
    return sameKind && (why.what.find("error: ") != std::string::npos || still->what.find("error: ") == std::string::npos);
  };
  // A refused valid program has nothing to be compared with: every smaller one would be refused for reasons of its own.
  bool reducible = why.between != "a valid program, or a code of the catalogue";
  Case smallest = reducible ? reduceCase(input, fails) : input;
  Observed ended;
  auto left = judge(smallest, isValid, ended);
  tally.failures += "FAILED seed " + std::to_string(input.seed) + (isValid ? "" : " (mutated)") + ": " + why.between + ": " + why.what + "\n" +
                    (left ? "reduced: " + left->what + "\n" : "") + isa::disassemble(smallest.program, kMaxDataBytes) + "\n";
}

} // namespace

Tally checkPrograms(uint64_t first, uint64_t count, const std::function<void(const Tally &)> &progress) {
  Tally tally;
  for (uint64_t seed = first; seed < first + count; ++seed) {
    Observed ended;
    Case valid = generate(seed);
    if (auto why = judge(valid, true, ended))
      report(tally, valid, true, *why);
    tally.executed += ended.outcome.instructions;
    Case broken = std::move(valid);
    std::mt19937_64 random(seed);
    mutate(broken.program, random);
    if (auto why = judge(broken, false, ended))
      report(tally, broken, false, *why);
    tally.refused += !ended.error.empty();
    ++tally.programs;
    if (progress && tally.programs % 100 == 0)
      progress(tally);
  }
  if (progress)
    progress(tally);
  return tally;
}

} // namespace manaslu::test
