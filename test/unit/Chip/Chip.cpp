// Chip files: presets as in the hardware page, and the schema check ("every problem reported with the key's path").
#include "lib/Chip/Chip.h"

#include <catch2/catch.hpp>

using namespace manaslu;

namespace {

std::string replaced(std::string text, const std::string &from, const std::string &to) {
  size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

std::string preset(const char *name) { return toJson(*findChip(name)); }

} // namespace

TEST_CASE("presets hold the hardware page's geometry", "[chip]") {
  CHECK(presetNames() == std::vector<std::string>{"mt1", "mt2", "mi1"});
  CHECK(findChip("mt1")->sbufUsableBytes() == 180224);
  CHECK(findChip("mt2")->sbufUsableBytes() == 212992);
  CHECK(findChip("mi1")->sbufUsableBytes() == 63488);
  CHECK(findChip("mt1")->psumBytesPerPartition() == 16384);
  CHECK(findChip("mt1")->has(Engine::Ge));
  CHECK_FALSE(findChip("mi1")->has(Engine::Ge));
  CHECK_FALSE(findChip("mi1")->supports(Engine::Pe, DType::F32));
  CHECK(findChip("mt2")->pe.types.at(DType::F8E4M3).passes == 0.5);
}

TEST_CASE("a chip written is the chip read", "[chip]") {
  for (const std::string &name : presetNames()) {
    std::string text = preset(name.c_str());
    auto again = parseChip(text, "again");
    REQUIRE(again);
    CHECK(toJson(*again) == text);
  }
}

TEST_CASE("all problems of a chip file come at once, with the key's path", "[chip]") {
  std::string text = replaced(preset("mt1"), "\"bytes_per_partition\": 196608", "\"bytes_per_partition\": -5");
  text = replaced(text, "\"latency_ns\": 618", "\"latencyy_ns\": 618");
  text = replaced(text, "\"banks\": 8", "\"banks\": \"8\"");
  auto chip = parseChip(text, "bad.json");
  REQUIRE_FALSE(chip);
  std::string message = chip.error().text();
  CHECK(chip.error().items().size() == 4);
  CHECK(message.find("`sbuf.bytes_per_partition` is -5; wants an integer from 1024") != std::string::npos);
  CHECK(message.find("`dma.latency_ns` is missing") != std::string::npos);
  CHECK(message.find("`dma.latencyy_ns` is not a key") != std::string::npos);
  CHECK(message.find("`psum.banks`") != std::string::npos);
  for (const Diagnostic &item : chip.error().items())
    CHECK(item.code == "MN-CHIP-001");
  CHECK(chip.error().exitStatus() == 6);
}

TEST_CASE("fitted names at most six constants of the file, and only numbers", "[chip]") {
  CHECK(findChip("mt1")->fitted.size() <= 6);
  std::string text = replaced(preset("mt1"), "\"dma.row_ns\"", "\"dma.rows\"");
  auto chip = parseChip(text, "bad.json");
  REQUIRE_FALSE(chip);
  CHECK(chip.error().text().find("key `fitted` names `dma.rows`, which is no number of this file") != std::string::npos);
  CHECK_FALSE(parseChip(replaced(preset("mt1"), "\"dma.row_ns\"", "7"), "bad.json"));
}

TEST_CASE("damaged chip files are errors, never crashes", "[chip]") {
  std::string text = preset("mt2");
  for (size_t length = 0; length < text.size() - 2; length += 7)
    CHECK_FALSE(parseChip(std::string_view(text).substr(0, length), "cut"));
  CHECK_FALSE(parseChip(std::string(100000, '['), "deep"));
  CHECK_FALSE(parseChip(std::string(2 << 20, ' '), "large"));
  CHECK_FALSE(parseChip("{\"schema\":1,\"schema\":1}", "twice"));
  CHECK_FALSE(parseChip(replaced(text, "\"cores\": 8", "\"cores\": 1e400"), "huge"));
}

TEST_CASE("chips are found by name or by a .json path", "[chip]") {
  CHECK(findChip("mt3").error().items()[0].code == "MN-CHIP-002");
  CHECK(findChip("nowhere.json").error().items()[0].code == "MN-IO-001");
  CHECK(chipFileReference().find("| `dma.row_ns` |") != std::string::npos);
}
