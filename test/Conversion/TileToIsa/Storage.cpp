// docs/Architecture.md, "From the tile program to instructions", storage: bytes are not used again at once, down to half of SBUF for prefetched constants.
#include "lib/Conversion/TileToIsa/Storage.h"

#include "test/Conversion/TileToIsa/Harness.h"
#include "test/Conversion/TileToIsa/Programs.h"

#include <catch2/catch.hpp>

using namespace manaslu;
using namespace manaslu::test;

/// The least number of positions between the last use of a byte of SBUF and the first one of another buffer there.
static int64_t shortestRest(const std::string &text, const std::string &chipName) {
  TileModule module(text);
  Result<Chip> chip = findChip(chipName);
  REQUIRE(chip);
  Result<tile::Model> model = tile::buildModel(module.function(), {});
  REQUIRE(model);
  Result<tile::StorageStatistics> storage = tile::planStorage(*model, *chip, {});
  REQUIRE(storage);
  std::vector<tile::Interval> live = tile::liveIntervals(*model, tile::positionsOf(*model));
  int64_t least = INT64_MAX;
  for (size_t a = 0; a < live.size(); ++a)
    for (size_t b = 0; b < live.size(); ++b) {
      const tile::Buffer &first = model->buffers[a], &second = model->buffers[b];
      bool used = live[a].end > live[a].start && live[b].end > live[b].start;
      if (used && first.space == tile::Space::Sbuf && second.space == tile::Space::Sbuf && live[a].end <= live[b].start &&
          first.base < second.base + second.stride * second.copies && second.base < first.base + first.stride * first.copies)
        least = std::min(least, live[b].start - live[a].end);
    }
  return least;
}

TEST_CASE("bytes are not used again at once", "[tile-to-isa]") {
  CHECK(shortestRest(chainProgram(40, 4), "mt1") >= 12);
  CHECK(shortestRest(chainProgram(16, 8), "mt2") >= 12);
}
