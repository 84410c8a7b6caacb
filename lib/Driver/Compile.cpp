// compile(): from a model's file to the tile dialect, phase by phase.
#include "dialects/Graph/Graph.h"
#include "lib/Driver/Child.h"
#include "lib/Driver/Compilation.h"
#include "lib/Driver/Diagnostics.h"
#include "lib/Driver/Files.h"
#include "lib/Driver/Import.h"
#include "lib/Driver/MlirInput.h"
#include "lib/Driver/Report.h"
#include "lib/Pipeline/Bound.h"
#include "lib/Pipeline/IndexLimits.h"
#include "lib/Pipeline/SelectedTypes.h"

#include <filesystem>
#include <mlir/IR/Verifier.h>
#include <mlir/Pass/PassManager.h>
#include <thread>

using namespace mlir;

namespace manaslu::driver {

using pipeline::Stage;
namespace fs = std::filesystem;

namespace {

/// Where a module keeps what was measured before its types were lowered.
constexpr llvm::StringLiteral kMeasuresAttribute = "manaslu.measures";

/// "PYTORCH" or "MLIR". Error: MN-IN-TYPE.
Result<std::string> frameworkOf(const CompileOptions &options) {
  if (!options.framework.empty())
    return options.framework;
  std::string suffix = fs::path(options.model).extension().string();
  if (suffix == ".pt2")
    return std::string("PYTORCH");
  if (suffix == ".mlir" || options.model == "-")
    return std::string("MLIR");
  return Error("MN-IN-TYPE", "a model is a .pt2 or .mlir file, this one ends in '" + suffix + "'; --framework names what it is", options.model);
}

const DialectRegistry &registry() {
  static const DialectRegistry *registry = [] {
    auto *made = new DialectRegistry;
    pipeline::registerDialects(*made);
    return made;
  }();
  return *registry;
}

/// How many operations of each kind a module holds, in the order of their names.
std::string operationCounts(ModuleOp module) {
  std::map<std::string, int64_t> counts;
  module.walk([&](mlir::Operation *op) { ++counts[op->getName().getStringRef().str()]; });
  std::string text;
  for (const auto &[name, count] : counts)
    text += (text.empty() ? "" : ", ") + std::to_string(count) + " " + name;
  return text;
}

/// Foreign modules name neither their function nor their inputs; what follows asks for both.
void nameSignature(func::FuncOp function) {
  Builder builder(function.getContext());
  function.setName("main");
  auto isInt64 = [](Type type) { return getElementTypeOrSelf(type).isInteger(64); };
  for (unsigned i = 0; i < function.getNumArguments(); ++i) {
    if (!function.getArgAttr(i, graph::kNameAttribute))
      function.setArgAttr(i, graph::kNameAttribute, builder.getStringAttr("input" + std::to_string(i)));
    if (isInt64(function.getArgumentTypes()[i]) && !function.getArgAttr(i, graph::kHostTypeAttribute))
      function.setArgAttr(i, graph::kHostTypeAttribute, builder.getStringAttr("int64"));
  }
  for (unsigned i = 0; i < function.getNumResults(); ++i) {
    if (!function.getResultAttr(i, graph::kNameAttribute))
      function.setResultAttr(i, graph::kNameAttribute, builder.getStringAttr("output" + std::to_string(i)));
    if (isInt64(function.getResultTypes()[i]) && !function.getResultAttr(i, graph::kHostTypeAttribute))
      function.setResultAttr(i, graph::kHostTypeAttribute, builder.getStringAttr("int64"));
  }
}

} // namespace

Compilation::Compilation(const CompileOptions &options)
    : options_(options), log_(options.verbose, options.progress), begin_(std::chrono::steady_clock::now()),
      context_(registry(), MLIRContext::Threading::DISABLED) {}

Result<CompileResult> Compilation::run() {
  Status done = prepare();
  if (done)
    done = readModel();
  if (done)
    done = stage_ == Stage::Isa ? enterIsa() : runPhases();
  if (done && !finished_)
    done = lower();
  log_.end();
  if (!options_.logfile.empty())
    if (Status written = writeFile(options_.logfile, log_.text()); !written && done)
      done = written;
  if (!done)
    return done.error();
  return finish();
}

Status Compilation::prepare() {
  log_.begin("prepare");
  Result<std::string> framework = frameworkOf(options_);
  if (!framework)
    return framework.error();
  framework_ = *framework;
  Result<Chip> chip = findChip(options_.target);
  if (!chip)
    return chip.error();
  chip_ = std::move(*chip);
  if (Status read = readPrecision(); !read)
    return read;
  name_ = options_.model == "-" ? "model" : fs::path(options_.model).stem().string();
  output_ = !options_.output.empty() ? options_.output : options_.compileTo.empty() ? name_ + ".mnx" : name_ + "." + options_.compileTo + ".mlir";
  if (options_.compileTo.empty() && output_ == "-")
    return Error("MN-USE-002", "a program is not written to standard output; name a file with --output");
  for (const std::string &path : {output_, options_.report, options_.logfile})
    if (!path.empty())
      if (Status writable = checkWritable(path); !writable)
        return writable;
  std::error_code problem;
  existed_ = fs::exists(output_, problem);
  if (!options_.dumpIr.empty()) {
    fs::create_directories(options_.dumpIr, problem);
    if (problem)
      return Error("MN-IO-002", "cannot make the folder: " + problem.message(), options_.dumpIr);
  }
  threadCount_ = options_.threads > 0 ? options_.threads : std::max(1u, std::thread::hardware_concurrency());
  return {};
}

Status Compilation::readPrecision() {
  precision_ = graph::autoCastTable(options_.autoCast, options_.autoCastType);
  if (!options_.calibration.empty() && framework_ != "PYTORCH")
    return Error("MN-USE-002", "--calibration runs the samples through PyTorch: it takes a .pt2, this model is " + framework_);
  if (options_.precision.empty())
    return calibrate();
  if (options_.autoCast != "none")
    return Error("MN-USE-002", "--precision says the type of every operator; leave --auto-cast out");
  Result<std::string> text = readFile(options_.precision);
  if (!text)
    return text.error();
  Result<graph::PrecisionTable> table = graph::parsePrecisionTable(*text, options_.precision);
  if (!table)
    return table.error();
  precision_ = std::move(*table);
  return calibrate();
}

Status Compilation::calibrate() {
  if (options_.calibration.empty())
    return {};
  log_.begin("calibrate");
  Result<std::string> scales = calibratedScales(options_.model, options_.calibration);
  if (!scales)
    return scales.error();
  Result<graph::PrecisionTable> table = graph::parsePrecisionTable("{\"scales\": " + *scales + "}", options_.calibration);
  if (!table)
    return table.error();
  precision_.scales.merge(table->scales); // those of the table stay
  if (options_.precision.empty())         // --auto-cast, whose 8-bit operands have no scales otherwise; a table says what it wants
    for (graph::PrecisionRule &rule : precision_.rules)
      rule.scaling = "tensor";
  return {};
}

/// The Python importer in a child process, or the file itself and the weights beside it.
Status Compilation::importWeightsAndText(std::string &module, std::string &weights) {
  if (framework_ != "PYTORCH") {
    std::string beside = module == "-" ? "" : fs::path(module).replace_extension(".safetensors").string();
    std::error_code ignored;
    if (weights.empty() && fs::is_regular_file(beside, ignored))
      weights = beside;
    return {};
  }
  log_.begin("import");
  Result<PrivateFolder> made = PrivateFolder::make();
  if (!made)
    return made.error();
  folder_.emplace(std::move(*made));
  Result<Imported> imported = importModel(options_.model, folder_->path());
  if (!imported)
    return imported.error();
  module = imported->module, weights = imported->weights;
  importSeconds_ = imported->seconds;
  // Parent and child live at the same time.
  importRss_ = imported->peakRssBytes + ownPeakRssBytes();
  return {};
}

Status Compilation::readModel() {
  std::string module = options_.model, weights = options_.weights;
  if (Status imported = importWeightsAndText(module, weights); !imported)
    return imported;
  log_.begin("parse");
  if (!weights.empty())
    if (Status added = parameters_->addFile(weights); !added)
      return added;
  // Locations in the program must not hold the importer's temporary folder.
  std::string shownName = framework_ == "PYTORCH" ? name_ + ".mlir" : module == "-" ? "standard input" : fs::path(module).filename().string();
  auto parsed = readModule(module, shownName, context_, options_.trusted || framework_ == "PYTORCH");
  if (!parsed)
    return parsed.error();
  module_ = std::move(*parsed);
  if (threadCount_ > 1) {
    // Only now: the trial parse forks, and a fork must not lose threads.
    pool_ = std::make_unique<llvm::DefaultThreadPool>(llvm::hardware_concurrency(threadCount_));
    context_.setThreadPool(*pool_);
  }
  return checkStage();
}

Status Compilation::checkStage() {
  stage_ = pipeline::stageOf(*module_);
  target_ = pipeline::stageFromName(options_.compileTo);
  auto wrong = [&](const std::string &what) {
    return Error("MN-IN-MLIR-STAGE", "holds the stage " + std::string(nameOf(stage_)) + ", " + what, options_.model);
  };
  if (auto wanted = pipeline::stageFromName(options_.compileFrom); wanted && *wanted != stage_)
    return wrong("--compile-from says " + options_.compileFrom);
  if (target_ && *target_ < stage_)
    return wrong("which is past " + options_.compileTo);
  if (stage_ == Stage::Isa)
    return {};
  int functions = 0;
  for (auto function : module_->getOps<func::FuncOp>())
    functions += function.isPublic() && !function.isExternal();
  if (functions != 1)
    return Error("MN-IN-MLIR-PARSE", "has " + std::to_string(functions) + " public functions with a body; a model is one", options_.model);
  if (stage_ == Stage::Tile)
    recallMeasures();
  else
    nameSignature(function());
  return {};
}

func::FuncOp Compilation::function() {
  for (auto function : module_->getOps<func::FuncOp>())
    if (function.isPublic() && !function.isExternal())
      return function;
  return {};
}

Status Compilation::runPhases() {
  pipeline::Settings settings{&chip_, precision_, parameters_};
  // A module that enters as linalg has its final types; one of ours says what its graph was.
  if (stage_ == Stage::Linalg && !module_->getOperation()->getAttr(kMeasuresAttribute))
    measure();
  recallMeasures();
  for (const pipeline::Phase &phase : pipeline::phases()) {
    if (target_ == stage_ && phase.to != stage_)
      break;
    if (phase.from < stage_)
      continue;
    log_.begin(phase.name);
    if (Status status = runPhase(phase, settings); !status)
      return status;
    stage_ = phase.to;
    if (log_.debugs())
      log_.debug("after " + std::string(phase.name) + ": " + operationCounts(*module_));
    if (phase.measured)
      measure();
    if (Status dumped = dump(phase.name, *module_); !dumped)
      return dumped;
  }
  return target_ == stage_ ? writeStage() : Status();
}

Status Compilation::runPhase(const pipeline::Phase &phase, const pipeline::Settings &settings) {
  PassManager passes = PassManager::on<ModuleOp>(&context_);
  // Verifying after every phase, not every pass: half the time, and the phases are the units of blame.
  passes.enableVerifier(false);
  Result<PrivateFolder> folder = PrivateFolder::make();
  if (!folder)
    return folder.error();
  std::string reproducer = folder->path() + "/reproducer.mlir";
  passes.enableCrashReproducerGeneration(reproducer);
  phase.build(passes, settings);
  DiagnosticCollector collector(&context_, "MN-INTERNAL");
  if (succeeded(passes.run(*module_)) && succeeded(mlir::verify(*module_)))
    return {};
  Error error = collector.take("phase " + std::string(phase.name) + " failed without saying why");
  // A refused model is no crash: only an internal error leaves its reproducer behind.
  if (error.exitStatus() == 70) {
    std::string kept = name_ + ".reproducer.mlir";
    std::error_code failed;
    fs::copy_file(reproducer, kept, fs::copy_options::overwrite_existing, failed);
    if (!failed)
      error.add("MN-INTERNAL", "phase " + std::string(phase.name) + "; a reproducer was written, run it with `manaslu-opt --run-reproducer`", kept);
  }
  return error;
}

void Compilation::measure() {
  pipeline::Work work = pipeline::countWork(function(), chip_);
  pipeline::Bound bound = pipeline::boundOf(work, chip_);
  measures_ = {{"precision", work.types},
               {"bound", {{"bound_ns", bound.boundNs}, {"bound_by", bound.by}, {"pe_ns", bound.peNs}, {"se_ns", bound.seNs}, {"memory_ns", bound.memoryNs}}},
               {"compulsory_bytes", static_cast<int64_t>(work.bytes)},
               {"index_limits", pipeline::indexLimits(function())},
               {"value_ranges", pipeline::valueRanges(function())}};
  types_ = pipeline::selectedTypes(function());
  module_->getOperation()->setAttr(kMeasuresAttribute, StringAttr::get(&context_, measures_.dump()));
}

void Compilation::recallMeasures() {
  auto text = module_->getOperation()->getAttrOfType<StringAttr>(kMeasuresAttribute);
  auto kept = text ? nlohmann::ordered_json::parse(text.str(), nullptr, /*allow_exceptions=*/false) : nlohmann::ordered_json();
  if (kept.is_object())
    measures_ = std::move(kept);
}

Result<CompileResult> Compilation::finish() {
  double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count() + options_.importSeconds;
  std::error_code ignored;
  nlohmann::ordered_json report = {{"schema", 1}, {"chip", chip_.name}};
  if (!sha256_.empty()) {
    report["program_sha256"] = sha256_;
    addProgramFigures(report, metadata_);
  }
  report["compile"] = {{"seconds", seconds},
                       {"import_seconds", importSeconds_ + options_.importSeconds},
                       {"peak_rss_bytes", std::max(ownPeakRssBytes(), importRss_)},
                       {"instructions", instructions_},
                       {"program_bytes", sha256_.empty() ? 0 : static_cast<uint64_t>(fs::file_size(output_, ignored))},
                       {"phases", log_.phases()}};
  for (const auto &[key, value] : types_.items())
    report[key] = value;
  std::string text = report.dump(2) + "\n";
  if (!options_.report.empty())
    if (Status written = writeFile(options_.report, text); !written) {
      if (output_ != "-" && !existed_)
        removeFile(output_);
      return written.error();
    }
  return CompileResult{output_, text};
}

} // namespace manaslu::driver

namespace manaslu {

Result<CompileResult> compile(const CompileOptions &options) { return driver::Compilation(options).run(); }

} // namespace manaslu
