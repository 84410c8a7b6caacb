// Registration of dialects, passes and phases.
#include "lib/Pipeline/Pipeline.h"
#include "dialects/Graph/Graph.h"
#include "dialects/Graph/Transforms/Passes.h"
#include "dialects/Isa/IsaDialect.h"
#include "dialects/Tile/TileDialect.h"
#include "lib/Conversion/GraphToLinalg/Passes.h"
#include "lib/Conversion/LinalgToTile/LinalgToTile.h"

#include "lib/Pipeline/ForeignLinalg.h"
#include "lib/Pipeline/GeneralizeLinalg.h"

#include <mlir/InitAllDialects.h>
#include <mlir/InitAllExtensions.h>
#include <mlir/InitAllPasses.h>
#include <mlir/Pass/PassRegistry.h>

using namespace mlir;

namespace manaslu::pipeline {

namespace {

constexpr std::string_view kStages[] = {"graph", "linalg", "tile", "isa"};

} // namespace

std::string_view nameOf(Stage stage) { return kStages[static_cast<int>(stage)]; }

std::optional<Stage> stageFromName(std::string_view name) {
  for (int i = 0; i < 4; ++i)
    if (kStages[i] == name)
      return static_cast<Stage>(i);
  return std::nullopt;
}

Stage stageOf(ModuleOp module) {
  bool graph = false, tile = false, isaProgram = false;
  module.walk([&](mlir::Operation *op) {
    graph |= mlir::isa_and_nonnull<graph::GraphDialect>(op->getDialect());
    isaProgram |= mlir::isa<isa::ProgramOp>(op);
    tile |= mlir::isa_and_nonnull<tile::TileDialect>(op->getDialect());
  });
  return isaProgram ? Stage::Isa : graph ? Stage::Graph : tile ? Stage::Tile : Stage::Linalg;
}

void registerDialects(DialectRegistry &registry) {
  // Upstream dialects that foreign linalg modules hold, with the interfaces that folding and tiling ask for.
  registerAllDialects(registry);
  registerAllExtensions(registry);
  registry.insert<graph::GraphDialect, tile::TileDialect, isa::IsaDialect>();
}

void registerPassesAndPipelines() {
  registerAllPasses();
  graph::registerGraphPasses();
  registerGraphToLinalgPasses();
  registerPass([] { return createGeneralizeLinalg(); });
  registerPass([] { return createDemoteF64(); });
  registerPass([] { return createFoldLinalgConstants(); });
  registerPass([] { return createEraseDeadResults(); });
  registerPass([] { return createExternalizeConstants(std::make_shared<ParameterStore>()); });
  // manaslu-opt has no flags of its own: phases run with the defaults of the compiler, for the chip mt1.
  static const Chip chip = *findChip("mt1");
  registerPass([] { return createConvertLinalgToTilePass(chip); });
  for (const Phase &phase : phases())
    PassPipelineRegistration<>("manaslu-" + std::string(phase.name), phase.summary, [&phase](OpPassManager &passes) {
      Settings settings;
      settings.chip = &chip;
      settings.parameters = std::make_shared<ParameterStore>();
      phase.build(passes, settings);
    });
}

} // namespace manaslu::pipeline
