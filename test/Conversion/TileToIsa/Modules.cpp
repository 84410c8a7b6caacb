// The last stage can be written as a module of the isa dialect and entered again (docs/Architecture.md, "isa").
#include "lib/Target/IsaProgram.h"
#include "test/Conversion/TileToIsa/Harness.h"
#include "test/Conversion/TileToIsa/Programs.h"

#include <catch2/catch.hpp>
#include <llvm/Support/raw_ostream.h>
#include <mlir/Parser/Parser.h>

using namespace manaslu;

TEST_CASE("a program goes through the text of the isa dialect unchanged", "[target]") {
  isa::Program program = test::lowerAndCompare(test::loopProgram(7)).program;
  mlir::MLIRContext context;
  std::string text;
  llvm::raw_string_ostream out(text);
  mlir::OpPrintingFlags flags;
  flags.enableDebugInfo();
  target::toModule(program, &context)->print(out, flags);
  auto module = mlir::parseSourceString<mlir::ModuleOp>(text, mlir::ParserConfig(&context));
  REQUIRE(module);
  Result<isa::Program> back = target::fromModule(*module);
  REQUIRE(back);
  CHECK(back->name == program.name);
  CHECK(back->chipJson == program.chipJson);
  CHECK(back->regions == program.regions);
  CHECK(back->streams == program.streams);
  CHECK(back->debug == program.debug);
}

TEST_CASE("a module without a program is a coded error", "[target]") {
  mlir::MLIRContext context;
  auto module = mlir::ModuleOp::create(mlir::UnknownLoc::get(&context));
  Result<isa::Program> program = target::fromModule(module);
  REQUIRE_FALSE(program);
  CHECK(program.error().items().front().code == "MN-ISA-MODULE");
  module->erase();
}
