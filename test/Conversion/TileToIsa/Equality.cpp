// What follows the tile program changes no bit: streams, addresses, prefetch, rotation, semaphores and encoding (docs/Architecture.md, "The tile program").
#include "test/Conversion/TileToIsa/Harness.h"
#include "test/Conversion/TileToIsa/Programs.h"

#include <catch2/catch.hpp>

using namespace manaslu;
using namespace manaslu::test;

TEST_CASE("a linear layer in straight line", "[tile-to-isa]") {
  Figures figures = lowerAndCompare(linearProgram());
  CHECK(figures.lowering.psumPeakBanks == 1);
  CHECK(figures.lowering.sbufPeakBytesPerPartition >= 128 + 256 + 4 + 256);
}

TEST_CASE("a loop with rotating buffers overlaps and keeps its bits", "[tile-to-isa]") {
  for (int blocks : {1, 2, 3, 7, 16}) {
    lowerAndCompare(loopProgram(blocks));
    lowerAndCompare(loopProgram(blocks), {.rotation = 1, .loadRotation = 1, .loopTransferParts = 1});
    lowerAndCompare(loopProgram(blocks), {.rotation = 3, .loadRotation = 5, .loopTransferParts = 4});
  }
  Figures rotating = lowerAndCompare(loopProgram(16)), single = lowerAndCompare(loopProgram(16), {.rotation = 1, .loadRotation = 1, .loopTransferParts = 1});
  CHECK(rotating.timePs < single.timePs);
}

TEST_CASE("program size does not follow trip counts", "[tile-to-isa]") {
  CHECK(lowerAndCompare(loopProgram(16)).program.instructionCount() == lowerAndCompare(loopProgram(40)).program.instructionCount());
}

TEST_CASE("nested loops with accumulation", "[tile-to-isa]") {
  for (auto [m, k] : {std::pair(2, 2), std::pair(3, 5), std::pair(5, 3), std::pair(1, 4), std::pair(4, 1)})
    lowerAndCompare(nestedProgram(m, k));
  lowerAndCompare(nestedProgram(3, 3), {.rotation = 1, .loadRotation = 1, .loopTransferParts = 1});
}

TEST_CASE("constants run ahead and change no bit", "[tile-to-isa]") {
  Figures ahead = lowerAndCompare(chainProgram(16, 8)), late = lowerAndCompare(chainProgram(16, 8), {.prefetch = false});
  CHECK(ahead.timePs <= late.timePs);
  CHECK(ahead.timePs < ahead.dmaPs + ahead.dmaPs / 10);
}

TEST_CASE("what does not fit SBUF goes to device scratch and comes back", "[tile-to-isa]") {
  CHECK(lowerAndCompare(hoardProgram(6, 4096)).lowering.spillBytes == 0);
  Figures figures = lowerAndCompare(hoardProgram(24, 4096));
  CHECK(figures.lowering.spillBytes > 0);
  CHECK(figures.lowering.sbufPeakBytesPerPartition <= 180224);
}
