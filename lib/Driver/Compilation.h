// One compilation: what it was asked for, what it has so far, and the steps in their order.
#pragma once

#include <chrono>
#include <llvm/Support/ThreadPool.h>
#include <map>
#include <memory>
#include <mlir/Dialect/Func/IR/FuncOps.h>
#include <mlir/IR/OwningOpRef.h>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "dialects/Graph/ParameterStore.h"
#include "lib/Chip/Chip.h"
#include "lib/Conversion/TileToIsa/TileToIsa.h"
#include "lib/Driver/Files.h"
#include "lib/Driver/Log.h"
#include "lib/ISA/Program.h"
#include "lib/Pipeline/Pipeline.h"
#include "manaslu/Driver.h"

namespace manaslu::driver {

/// Runs once. Compile.cpp: the way from a file to the tile dialect. Stages.cpp: instructions, and stages as files.
class Compilation {
public:
  explicit Compilation(const CompileOptions &options);

  /// All of it. On failure no output exists that did not exist before.
  Result<CompileResult> run();

private:
  // The steps.
  Status prepare();
  Status readPrecision();
  /// Adds the scales of --calibration to the table.
  Status calibrate();
  Status readModel();
  Status importWeightsAndText(std::string &module, std::string &weights);
  Status checkStage();
  Status runPhases();
  Status runPhase(const pipeline::Phase &phase, const pipeline::Settings &settings);
  Status lower();
  Status enterIsa();
  Status writeProgram(isa::Program &program);
  Result<CompileResult> finish();

  /// The function of the model.
  mlir::func::FuncOp function();
  /// Counts the bound and what random inputs need, and leaves both in the module for later entries.
  void measure();
  /// Takes back what an earlier compilation measured.
  void recallMeasures();
  /// Adds to a program's metadata what a run reports without compiling again: nothing here depends on time, threads or paths.
  void describeInto(nlohmann::ordered_json &metadata, const tile::LoweringStatistics &memory) const;

  tile::ParameterSource parameterSource() const;
  tile::LoweringOptions loweringOptions() const;

  /// Writes a phase's module into --dump-ir.
  Status dump(std::string_view phase, mlir::ModuleOp module);
  /// Writes the module as the output of --compile-to, with the parameters that it names beside it.
  Status writeStage();
  /// The same for the isa dialect: the constants are those of the program.
  Status writeIsaStage(const isa::Program &program);

  const CompileOptions &options_;
  Log log_;
  std::chrono::steady_clock::time_point begin_;
  std::unique_ptr<llvm::ThreadPoolInterface> pool_;
  mlir::MLIRContext context_;
  std::optional<PrivateFolder> folder_; ///< of the importer; its weights are mapped, so it stays until the end
  std::shared_ptr<ParameterStore> parameters_ = std::make_shared<ParameterStore>();
  mlir::OwningOpRef<mlir::ModuleOp> module_;
  Chip chip_;
  graph::PrecisionTable precision_;
  std::string framework_, name_, output_, sha256_;
  pipeline::Stage stage_ = pipeline::Stage::Graph;
  std::optional<pipeline::Stage> target_;
  nlohmann::ordered_json measures_ = nlohmann::ordered_json::object(); ///< precision, bound, compulsory_bytes, index_limits, value_ranges
  nlohmann::ordered_json types_ = nlohmann::ordered_json::object();    ///< products and lossy casts, for the report
  nlohmann::ordered_json metadata_;                                    ///< of the finished program
  uint64_t instructions_ = 0, importRss_ = 0;
  double importSeconds_ = 0;
  unsigned threadCount_ = 1;
  int dumped_ = 0;
  bool finished_ = false, existed_ = false; ///< the output: written; there before
};

/// A module as text that can be read again: with locations.
std::string textOf(mlir::ModuleOp module);

} // namespace manaslu::driver
