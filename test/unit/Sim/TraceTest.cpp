// Parts of the trace writer: the wire format, late patches, bytes in use (docs/Trace.md). Whole traces are decoded in test/e2e/test_trace.py.
#include "lib/Sim/Trace/Occupancy.h"
#include "lib/Sim/Trace/PatchedFile.h"
#include "lib/Sim/Trace/Protobuf.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>

using namespace manaslu;
using namespace manaslu::sim;

namespace {

/// Bytes [low, high) of all 128 partitions, between two times in nanoseconds.
TraceAccess access(bool reads, bool writes, int64_t low, int64_t high, int64_t start, int64_t end) {
  return {isa::Space::Sbuf, 0, 128, low, high, true, reads, writes, start * 1000, end * 1000};
}
TraceAccess write(int64_t low, int64_t high, int64_t start, int64_t end) { return access(false, true, low, high, start, end); }
TraceAccess read(int64_t low, int64_t high, int64_t start, int64_t end) { return access(true, false, low, high, start, end); }

} // namespace

TEST_CASE("messages have the bytes that the format's documentation shows", "[trace]") {
  protobuf::Message message, outer;
  message.number(1, 150);
  CHECK(message.bytes() == "\x08\x96\x01");
  outer.message(3, message);
  CHECK(outer.bytes() == "\x1a\x03\x08\x96\x01");
  message.clear();
  message.bytes(2, "testing");
  CHECK(message.bytes() == "\x12\x07testing");
  message.clear();
  message.fixed(47, 1);
  CHECK(message.bytes() == std::string_view("\xf9\x02\x01\0\0\0\0\0\0\0", 10));
}

TEST_CASE("a patched file holds its patches, before and after they left the buffer, and appears when committed", "[trace]") {
  std::filesystem::path folder = std::filesystem::temp_directory_path() / "manaslu-patched-file-test";
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  std::string path = folder / "file", expected;
  {
    PatchedFile file(path);
    REQUIRE(file.create());
    for (int i = 0; i < 100; ++i) {
      std::string block(100000, static_cast<char>('a' + i % 26));
      file.append(block);
      expected += block;
    }
    for (uint64_t offset : {uint64_t(0), uint64_t(4999999), file.end() - 3}) {
      file.patch(offset, "XYZ");
      expected.replace(offset, 3, "XYZ");
    }
    CHECK(file.end() == expected.size());
    CHECK_FALSE(std::filesystem::exists(path));
    REQUIRE(file.commit());
  }
  std::ifstream stream(path, std::ios::binary);
  CHECK(std::string(std::istreambuf_iterator<char>(stream), {}) == expected);
  {
    PatchedFile dropped(folder / "dropped");
    REQUIRE(dropped.create());
    dropped.append("x");
  }
  CHECK(std::distance(std::filesystem::directory_iterator(folder), {}) == 1);
  PatchedFile nowhere(folder / "none" / "file");
  CHECK(nowhere.create().error().items()[0].code == "MN-IO-002");
  std::filesystem::remove_all(folder);
}

TEST_CASE("bytes are in use from the first write of a value to its last read", "[trace]") {
  using Samples = std::vector<Occupancy::Sample>;
  SECTION("values that nobody reads hold none") {
    Occupancy occupancy(128, 1024);
    occupancy.access(write(0, 64, 0, 10));
    CHECK(occupancy.finish().empty());
  }
  SECTION("a new value begins where all bytes of the old one are written") {
    Occupancy occupancy(128, 1024);
    occupancy.access(write(4, 8, 0, 10));
    occupancy.access(read(4, 8, 20, 30));
    occupancy.access(write(4, 8, 40, 50));
    occupancy.access(read(4, 8, 60, 70));
    CHECK(occupancy.finish() == Samples{{0, 512}, {30, 0}, {40, 512}, {70, 0}});
  }
  SECTION("pieces of a value belong together, and so do sums in place") {
    Occupancy occupancy(128, 1024);
    occupancy.access(write(0, 16, 0, 10));
    occupancy.access(write(16, 32, 10, 20));
    occupancy.access(access(true, true, 0, 32, 20, 30));
    occupancy.access(read(0, 16, 50, 60));
    CHECK(occupancy.finish() == Samples{{0, 128 * 32}, {60, 0}});
  }
  SECTION("what an instruction reads and overwrites counts once") {
    Occupancy occupancy(128, 1024);
    occupancy.access(write(0, 32, 0, 10));
    occupancy.access(read(0, 32, 20, 30));
    occupancy.access(write(0, 32, 20, 30));
    occupancy.access(read(0, 32, 40, 50));
    CHECK(occupancy.finish() == Samples{{0, 4096}, {50, 0}});
  }
}

TEST_CASE("a long run keeps a bounded number of samples, then averages", "[trace]") {
  Occupancy occupancy(128, 1024);
  constexpr int64_t kRounds = 1200000;
  for (int64_t i = 0; i < kRounds; ++i) {
    occupancy.access(write(0, 32, 10 * i, 10 * i + 1));
    occupancy.access(read(0, 32, 10 * i + 2, 10 * i + 5));
  }
  auto samples = occupancy.finish();
  CHECK(samples.size() <= size_t(1) << 18);
  CHECK(samples.back().second == 0);
  CHECK(samples.back().first >= 10 * (kRounds - 1) + 5);
  double integral = 0;
  for (size_t i = 1; i < samples.size(); ++i) {
    REQUIRE(samples[i - 1].first < samples[i].first);
    REQUIRE(samples[i - 1].second <= 4096);
    integral += double(samples[i].first - samples[i - 1].first) * double(samples[i - 1].second);
  }
  // 4096 bytes are in use for half of the time.
  CHECK(integral == Approx(4096.0 * 5 * kRounds).epsilon(0.001));
}
