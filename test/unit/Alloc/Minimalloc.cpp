// The allocator on hard public instances: every placement it returns passes the checker, and the checker finds planted faults (docs/Architecture.md,
// "Storage").
#include <catch2/catch.hpp>

#include "lib/Alloc/Alloc.h"

#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>

using namespace manaslu::alloc;

namespace {

std::filesystem::path dataFolder() {
  for (std::filesystem::path folder = std::filesystem::current_path(); folder != folder.root_path(); folder = folder.parent_path())
    if (std::filesystem::exists(folder / "shared/data/minimalloc"))
      return folder / "shared/data/minimalloc";
  return {};
}

std::vector<Buffer> read(const std::filesystem::path &file) {
  std::ifstream in(file);
  std::string line;
  std::getline(in, line);
  std::vector<Buffer> buffers;
  while (std::getline(in, line)) {
    std::stringstream fields(line);
    std::string id, lower, upper, size;
    std::getline(fields, id, ',');
    std::getline(fields, lower, ',');
    std::getline(fields, upper, ',');
    std::getline(fields, size, ',');
    buffers.push_back({std::stoll(lower), std::stoll(upper), std::stoll(size), 1});
  }
  return buffers;
}

std::vector<Buffer> randomBuffers(int count, uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<Buffer> buffers;
  for (int i = 0; i < count; ++i) {
    int64_t start = random() % (2 * count);
    buffers.push_back({start, start + 1 + static_cast<int64_t>(random() % 20), static_cast<int64_t>(1 + random() % 64) * 8, int64_t(1) << (random() % 6)});
  }
  return buffers;
}

} // namespace

TEST_CASE("five buffers are packed to the lower bound", "[alloc]") {
  std::vector<Buffer> buffers = {{0, 3, 4}, {3, 9, 4}, {0, 9, 4}, {9, 21, 4}, {0, 21, 4}};
  CHECK(load(buffers) == 12);
  auto placement = place(buffers, 12);
  REQUIRE(placement);
  CHECK(placement->height == 12);
  CHECK(checkPlacement(buffers, *placement, 12));
  CHECK_FALSE(place(buffers, 11));
  CHECK(place(buffers, 11).error().items().front().code == "MN-MEM-PLACE");
}

TEST_CASE("hard instances: what is returned fits", "[alloc]") {
  std::filesystem::path folder = dataFolder();
  if (folder.empty())
    return;
  std::string solved;
  int instances = 0;
  for (char name = 'A'; name <= 'K'; ++name) {
    std::vector<Buffer> buffers = read(folder / (std::string(1, name) + ".1048576.csv"));
    ++instances;
    auto placement = place(buffers, 1048576);
    if (placement) {
      solved += name;
      CHECK(checkPlacement(buffers, *placement, 1048576));
    }
    auto relaxed = place(buffers, 1048576 * 3 / 2, {.hillClimb = 0, .search = 0, .searchBuffers = 0});
    REQUIRE(relaxed);
    CHECK(checkPlacement(buffers, *relaxed, 1048576 * 3 / 2));
  }
  CHECK(instances == 11);
  // B and E take about 500 million steps a turn. A new order or test of the search may only add to these.
  for (char name : std::string("ACDFGJK"))
    CHECK(solved.find(name) != std::string::npos);
}

TEST_CASE("random buffers with alignment, below and above the list limit", "[alloc]") {
  for (int count : {1, 7, 60, 300, 5000}) {
    std::vector<Buffer> buffers = randomBuffers(count, 17 + count);
    int64_t bound = load(buffers);
    auto placement = place(buffers, bound * 2 + 64);
    REQUIRE(placement);
    CHECK(placement->height >= bound);
    CHECK(checkPlacement(buffers, *placement, bound * 2 + 64));
    CHECK(place(buffers, bound * 2 + 64)->offsets == placement->offsets);
  }
}

TEST_CASE("the checker finds planted faults", "[alloc]") {
  std::vector<Buffer> buffers = {{0, 4, 16, 8}, {2, 6, 16, 8}, {4, 8, 16, 8}};
  CHECK(checkPlacement(buffers, {{0, 16, 0}, 32}, 32));
  CHECK_FALSE(checkPlacement(buffers, {{0, 8, 0}, 32}, 32));
  CHECK_FALSE(checkPlacement(buffers, {{0, 20, 0}, 36}, 64));
  CHECK_FALSE(checkPlacement(buffers, {{0, 16, 0}, 32}, 31));
  CHECK_FALSE(checkPlacement(buffers, {{0, 16}, 32}, 32));
  CHECK_FALSE(checkPlacement(buffers, {{0, 16, -8}, 32}, 32));
}
