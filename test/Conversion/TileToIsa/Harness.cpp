// Parses, lowers, runs and compares tile programs.
#include "test/Conversion/TileToIsa/Harness.h"

#include "lib/Interpreter/Interpreter.h"
#include "lib/Numerics/Convert.h"
#include "lib/Sim/Machine.h"

#include <catch2/catch.hpp>
#include <cstring>
#include <mlir/Dialect/Arith/IR/Arith.h>
#include <mlir/Dialect/SCF/IR/SCF.h>
#include <mlir/Parser/Parser.h>
#include <random>

namespace manaslu::test {

TileModule::TileModule(const std::string &text) : context_(std::make_unique<mlir::MLIRContext>()) {
  context_->loadDialect<tile::TileDialect, mlir::func::FuncDialect, mlir::scf::SCFDialect, mlir::arith::ArithDialect>();
  module_ = mlir::parseSourceString<mlir::ModuleOp>(text, mlir::ParserConfig(context_.get()));
  REQUIRE(module_);
}

mlir::func::FuncOp TileModule::function() { return *module_->getOps<mlir::func::FuncOp>().begin(); }

tile::ParameterSource testParameters() {
  static std::vector<float> values = [] {
    std::mt19937 random(5);
    std::vector<float> data(1 << 20);
    for (float &value : data)
      value = static_cast<float>(static_cast<int32_t>(random())) / 2147483648.0f;
    return data;
  }();
  return [](std::string_view name) -> std::optional<tile::ParameterData> {
    if (name.empty() || name.front() != 'p')
      return std::nullopt;
    return tile::ParameterData{DType::F32, {int64_t(values.size())}, reinterpret_cast<const std::byte *>(values.data())};
  };
}

Figures lowerAndCompare(const std::string &text, const tile::LoweringOptions &options, const std::string &chipName) {
  TileModule module(text);
  Figures figures;
  Result<Chip> chip = findChip(chipName);
  REQUIRE(chip);
  Result<isa::Program> program = tile::lowerToInstructions(module.function(), *chip, testParameters(), options, &figures.lowering);
  INFO((program ? "" : program.error().text()));
  REQUIRE(program);
  program->chipJson = toJson(*chip);
  Status verified = isa::verifyProgram(*program);
  INFO(verified.error().text());
  REQUIRE(verified);

  std::mt19937 random(7);
  std::vector<std::vector<std::byte>> storage(program->regions.size());
  std::vector<std::vector<std::byte>> simulated;
  interpreter::Regions regions;
  std::vector<std::span<const std::byte>> inputs;
  std::vector<std::span<std::byte>> outputs;
  simulated.reserve(program->regions.size());
  for (size_t r = 0; r < program->regions.size(); ++r) {
    const isa::Region &region = program->regions[r];
    storage[r].resize(region.bytes);
    if (region.kind == isa::RegionKind::Input) {
      for (size_t i = 0; i < region.bytes; i += sizeOf(region.type)) {
        if (isInteger(region.type))
          storage[r][i] = std::byte(random() % 16);
        else
          numerics::fromF32(region.type, static_cast<float>(static_cast<int32_t>(random())) / 2147483648.0f, storage[r].data() + i);
      }
      inputs.push_back(storage[r]);
    } else if (region.kind == isa::RegionKind::Constant) {
      const isa::ConstantData *data = program->constantOf(static_cast<uint32_t>(r));
      REQUIRE(data);
      std::memcpy(storage[r].data(), data->bytes.data(), region.bytes);
    } else if (region.kind == isa::RegionKind::Output) {
      simulated.emplace_back(region.bytes);
      outputs.push_back(simulated.back());
    }
    regions[region.name] = storage[r];
  }
  Status interpreted = interpreter::interpret(module.function(), regions);
  INFO(interpreted.error().text());
  REQUIRE(interpreted);
  Result<sim::Machine> machine = sim::Machine::create(*program);
  INFO((machine ? "" : machine.error().text()));
  REQUIRE(machine);
  Result<sim::RunResult> run = machine->run(inputs, outputs);
  INFO((run ? "" : run.error().text()));
  REQUIRE(run);
  size_t output = 0;
  for (size_t r = 0; r < program->regions.size(); ++r)
    if (program->regions[r].kind == isa::RegionKind::Output) {
      INFO("output " << program->regions[r].name);
      CHECK(std::memcmp(storage[r].data(), simulated[output].data(), program->regions[r].bytes) == 0);
      ++output;
    }
  figures.timePs = run->timePs;
  figures.pePs = run->busyPs[static_cast<int>(Engine::Pe)];
  figures.dmaPs = run->busyPs[static_cast<int>(Engine::Dma)];
  figures.program = std::move(*program);
  return figures;
}

std::string bufferType(const std::string &space, int64_t partitions, int64_t elements, const std::string &type) {
  return "!tile.buffer<" + space + ", " + std::to_string(partitions) + " by " + std::to_string(elements) + " by " + type + ">";
}

} // namespace manaslu::test
