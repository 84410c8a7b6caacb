// The phases from graph to tile. Each list says what the pass is there for.
#include "dialects/Graph/Transforms/Passes.h"
#include "lib/Conversion/GraphToLinalg/Passes.h"
#include "lib/Conversion/LinalgToTile/LinalgToTile.h"
#include "lib/Pipeline/ForeignLinalg.h"
#include "lib/Pipeline/GeneralizeLinalg.h"
#include "lib/Pipeline/Pipeline.h"

#include <mlir/Dialect/Func/IR/FuncOps.h>
#include <mlir/Transforms/Passes.h>

using namespace mlir;

namespace manaslu::pipeline {

namespace {

/// What the framework's graph holds too much of.
void simplifyGraph(OpPassManager &passes, const Settings &) {
  passes.addPass(createCanonicalizerPass());                             // dead operators, folds of moves
  passes.addPass(createCSEPass());                                       // masks and positions are often written once a layer
  passes.addPass(graph::createNarrowIntegers());                         // the chip has no int64
  passes.addNestedPass<func::FuncOp>(graph::createFoldGraphConstants()); // masks and positions that depend on no input
  passes.addPass(createCanonicalizerPass());                             // what the constants allow
}

/// The types that every operator computes in; from here on they do not change.
void selectTypes(OpPassManager &passes, const Settings &settings) {
  std::set<DType> productTypes;
  if (settings.chip)
    for (auto &[type, passesOfType] : settings.chip->pe.types)
      productTypes.insert(type);
  if (settings.chip) // --auto-cast, --precision
    passes.addNestedPass<func::FuncOp>(graph::createSelectTypesPass(settings.precision, productTypes, settings.chip->name));
  passes.addPass(createCanonicalizerPass()); // pairs of casts
  passes.addPass(createCSEPass());           // one cast of a value with several readers
}

/// Operators with framework meaning to simple ones.
void decomposeGraph(OpPassManager &passes, const Settings &settings) {
  passes.addNestedPass<func::FuncOp>(graph::createDecomposeGraph()); // norms, softmax, attention, biases
  passes.addPass(createCanonicalizerPass());
  passes.addPass(createCSEPass());
  if (settings.parameters)
    passes.addNestedPass<func::FuncOp>(graph::createFoldParametersPass(settings.parameters)); // casts and transposes of weights happen here, once
  passes.addPass(createCanonicalizerPass());
}

/// Whole-tensor operators to loops with scalar bodies.
void graphToLinalg(OpPassManager &passes, const Settings &) { passes.addPass(createConvertGraphToLinalg()); }

/// What foreign modules bring along, and as few tensors in between as possible.
void simplifyLinalg(OpPassManager &passes, const Settings &settings) {
  passes.addNestedPass<func::FuncOp>(createDemoteF64());           // the chip has no f64
  passes.addPass(createCanonicalizerPass());                       // casts of constants, folds of shapes
  passes.addNestedPass<func::FuncOp>(createGeneralizeLinalg());    // one form for all that comes after
  passes.addNestedPass<func::FuncOp>(createFoldLinalgConstants()); // statistics of batch norms, assertions about them
  passes.addNestedPass<func::FuncOp>(createEraseDeadResults());    // the index beside a maximum, for example
  if (settings.parameters)
    passes.addPass(createExternalizeConstants(settings.parameters)); // megabytes leave the text
  passes.addPass(createCanonicalizerPass());
  passes.addPass(createCSEPass());
  passes.addNestedPass<func::FuncOp>(createFuseElementwise()); // one pass over memory instead of several
  passes.addPass(createCanonicalizerPass());
  passes.addPass(createCSEPass());
}

/// Loops over the whole chip: places, tiles, instructions. After this the arithmetic is fixed.
void linalgToTile(OpPassManager &passes, const Settings &settings) { passes.addPass(createConvertLinalgToTilePass(*settings.chip)); }

} // namespace

const std::vector<Phase> &phases() {
  static const std::vector<Phase> table = {
      {"graph-simplify", Stage::Graph, Stage::Graph, "folds, narrows integers, removes what nobody reads", false, simplifyGraph},
      {"graph-types", Stage::Graph, Stage::Graph, "chooses the type that every operator computes in", true, selectTypes},
      {"graph-decompose", Stage::Graph, Stage::Graph, "turns norms, softmax and attention into simple operators, folds parameters", false, decomposeGraph},
      {"graph-to-linalg", Stage::Graph, Stage::Linalg, "turns operators into loops with scalar bodies", false, graphToLinalg},
      {"linalg-simplify", Stage::Linalg, Stage::Linalg, "brings every module into one form and fuses element-wise operations", false, simplifyLinalg},
      {"linalg-to-tile", Stage::Linalg, Stage::Tile, "places values, chooses tiles and instructions", false, linalgToTile},
  };
  return table;
}

} // namespace manaslu::pipeline
