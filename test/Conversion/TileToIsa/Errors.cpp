// What cannot be lowered is a coded error with the number and the limit.
#include "test/Conversion/TileToIsa/Harness.h"

#include <catch2/catch.hpp>

using namespace manaslu;
using namespace manaslu::test;

namespace {

std::string codeOf(const std::string &body) {
  TileModule module("func.func @f() {\n" + body + "  return\n}\n");
  Result<Chip> chip = findChip("mt1");
  Result<isa::Program> program = tile::lowerToInstructions(module.function(), *chip, testParameters(), {});
  return program ? "" : program.error().items().front().code;
}

std::string memset(const std::string &name, const std::string &space, int64_t elements) {
  std::string buffer = bufferType(space, 128, elements, "f32"), view = "!tile.view<" + space + ", [128, " + std::to_string(elements) + "], f32>";
  return "  %" + name + " = tile.alloc : " + buffer + "\n  %" + name + "v = tile.view %" + name + " strides [1] : " + buffer + " -> " + view +
         "\n  tile.memset %" + name + "v {value = 0.0 : f32} : " + view + "\n";
}

} // namespace

TEST_CASE("a buffer larger than a partition of SBUF", "[tile-to-isa]") { CHECK(codeOf(memset("a", "sbuf", 60000)) == "MN-MEM-SBUF"); }

TEST_CASE("more PSUM at one time than there are banks", "[tile-to-isa]") {
  CHECK(codeOf(memset("a", "psum", 4096)).empty());
  CHECK(codeOf(memset("a", "psum", 4097)) == "MN-MEM-PSUM");
}

TEST_CASE("a stride that no instruction holds", "[tile-to-isa]") {
  CHECK(codeOf("  %a = tile.alloc : !tile.buffer<sbuf, 128 by 40000 by f32>\n"
               "  %v = tile.view %a strides [39999] : !tile.buffer<sbuf, 128 by 40000 by f32> -> !tile.view<sbuf, [128, 2], f32>\n"
               "  tile.memset %v {value = 0.0 : f32} : !tile.view<sbuf, [128, 2], f32>\n") == "MN-MEM-PATTERN");
}
