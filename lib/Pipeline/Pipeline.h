// The compiler's phases by name, each a commented list of passes, and the registration of everything for tools.
#pragma once

#include <memory>
#include <mlir/IR/BuiltinOps.h>
#include <mlir/IR/DialectRegistry.h>
#include <mlir/Pass/PassManager.h>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dialects/Graph/Precision.h"
#include "lib/Chip/Chip.h"

namespace manaslu {
class ParameterStore;
}

namespace manaslu::pipeline {

/// A form of the program that can be written as .mlir and read again.
enum class Stage { Graph, Linalg, Tile, Isa };

/// "graph", "linalg", "tile", "isa".
std::string_view nameOf(Stage stage);
std::optional<Stage> stageFromName(std::string_view name);

/// The stage of a module, seen from its operations: isa before graph before tile before linalg.
Stage stageOf(mlir::ModuleOp module);

/// What the phases need to know.
struct Settings {
  const Chip *chip = nullptr;
  graph::PrecisionTable precision;            ///< which types operators compute in
  std::shared_ptr<ParameterStore> parameters; ///< values of parameters by name; phases add those that they compute
};

/// A named phase. Phases run in the order of `phases()`; one whose `from` lies before the module's stage is left out.
struct Phase {
  std::string_view name;    ///< "graph-types"; also the pipeline `manaslu-<name>` of manaslu-opt
  Stage from;               ///< the stage it works on
  Stage to;                 ///< the stage after it
  std::string_view summary; ///< one sentence
  bool measured;            ///< types are final after it: the bound is counted here
  void (*build)(mlir::OpPassManager &, const Settings &);
};

/// All phases from graph to tile. The way from tile to instructions is no pass: lib/Conversion/TileToIsa.
const std::vector<Phase> &phases();

/// Every dialect that a module of any stage may hold.
void registerDialects(mlir::DialectRegistry &registry);

/// Every pass, and each phase as a pipeline, for manaslu-opt and pass pipelines in text.
void registerPassesAndPipelines();

} // namespace manaslu::pipeline
