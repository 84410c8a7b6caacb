// A sample of the exhaustive proof (test/exhaustive, test/nightly --exhaustive): docs/Numerics.md N2, N5, N10 to N17, N20 to N25, N40, N41, N50 to N58, N60 to
// N64.
#include "test/exhaustive/Sweep.h"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <random>

using namespace manaslu::numerics::exhaustive;

TEST_CASE("N2 N40: a sample of all inputs of all operations gives the oracle's bits within the documented errors", "[numerics][slow]") {
  // About four million of the 2^32 inputs of each operation, other ones in every run; all pairs of the 8-bit types.
  const char *given = std::getenv("MANASLU_SEED");
  Selection selection{1021, given ? std::strtoull(given, nullptr, 10) : std::random_device()()};
  for (const Part &part : allParts()) {
    Finding finding = sweep(part, selection, 2);
    INFO(part.name << ", MANASLU_SEED=" << selection.seed << ": " << finding.mismatches << " of " << finding.checked << " differ; " << finding.mismatch);
    CHECK(finding.checked > 0);
    CHECK(finding.mismatches == 0);
    if (part.limit >= 0) {
      INFO(finding.worstUlps << " ULP at " << finding.worstInput << ", documented " << part.limit);
      CHECK(finding.worstUlps <= part.limit);
    }
  }
}
