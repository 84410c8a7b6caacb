// compile(): from a model's file to a program's file, phase by phase.
#include "dialects/Graph/Graph.h"
#include "dialects/Graph/ParameterStore.h"
#include "lib/Chip/Chip.h"
#include "lib/Conversion/TileToIsa/TileToIsa.h"
#include "lib/Driver/Binding.h"
#include "lib/Driver/Child.h"
#include "lib/Driver/Diagnostics.h"
#include "lib/Driver/Files.h"
#include "lib/Driver/Import.h"
#include "lib/Driver/Log.h"
#include "lib/Driver/Metrics.h"
#include "lib/Driver/MlirInput.h"
#include "lib/Driver/Report.h"
#include "lib/ISA/Checksum.h"
#include "lib/ISA/Program.h"
#include "lib/Pipeline/Bound.h"
#include "lib/Pipeline/IndexLimits.h"
#include "lib/Pipeline/Pipeline.h"
#include "manaslu/Driver.h"

#include <filesystem>
#include <llvm/Support/ThreadPool.h>
#include <llvm/Support/raw_ostream.h>
#include <mlir/IR/Verifier.h>
#include <mlir/Pass/PassManager.h>
#include <thread>

using namespace mlir;

namespace manaslu {

using namespace driver;
using pipeline::Stage;
namespace fs = std::filesystem;

namespace {

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

std::string textOf(ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream out(text);
  module.print(out, OpPrintingFlags().enableDebugInfo(/*enable=*/true, /*prettyForm=*/false));
  out << "\n";
  return text;
}

/// One compilation.
class Compilation {
public:
  explicit Compilation(const CompileOptions &options)
      : options_(options), log_(options.verbose, options.progress), begin_(std::chrono::steady_clock::now()), context_(registry(), MLIRContext::Threading::DISABLED) {}

  Result<CompileResult> run() {
    Status done = prepare();
    if (done)
      done = readModel();
    if (done)
      done = runPhases();
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

private:
  static const DialectRegistry &registry() {
    static const DialectRegistry *registry = [] {
      auto *made = new DialectRegistry;
      pipeline::registerDialects(*made);
      return made;
    }();
    return *registry;
  }

  Status prepare() {
    log_.begin("prepare");
    Result<std::string> framework = frameworkOf(options_);
    if (!framework)
      return framework.error();
    framework_ = *framework;
    Result<Chip> chip = findChip(options_.target);
    if (!chip)
      return chip.error();
    chip_ = std::move(*chip);
    std::string stem = options_.model == "-" ? "model" : fs::path(options_.model).stem().string();
    name_ = stem;
    output_ = !options_.output.empty() ? options_.output : options_.compileTo.empty() ? stem + ".mnx" : stem + "." + options_.compileTo + ".mlir";
    if (options_.compileTo.empty() && output_ == "-")
      return Error("MN-USE-002", "a program is not written to standard output; name a file with --output");
    for (const std::string &path : {output_, options_.report, options_.logfile})
      if (!path.empty())
        if (Status writable = checkWritable(path); !writable)
          return writable;
    std::error_code ignored;
    existed_ = fs::exists(output_, ignored);
    if (!options_.dumpIr.empty()) {
      std::error_code problem;
      fs::create_directories(options_.dumpIr, problem);
      if (problem)
        return Error("MN-IO-002", "cannot make the folder: " + problem.message(), options_.dumpIr);
    }
    // A thread pool only speeds passes up; one thread keeps none.
    unsigned threads = options_.threads > 0 ? options_.threads : std::max(1u, std::thread::hardware_concurrency());
    if (threads > 1)
      threadCount_ = threads;
    return {};
  }

  Status readModel() {
    std::string module = options_.model, weights = options_.weights;
    bool trusted = options_.trusted;
    if (framework_ == "PYTORCH") {
      log_.begin("import");
      Result<PrivateFolder> made = PrivateFolder::make();
      if (!made)
        return made.error();
      // The weights are mapped until the program is written, so the folder lives as long as the compilation.
      folder_.emplace(std::move(*made));
      Result<Imported> imported = importModel(options_.model, folder_->path());
      if (!imported)
        return imported.error();
      module = imported->module, weights = imported->weights, trusted = true;
      importSeconds_ = imported->seconds;
      importRss_ = imported->peakRssBytes + ownPeakRssBytes();
    } else if (weights.empty() && module != "-") {
      std::string beside = fs::path(module).replace_extension(".safetensors").string();
      std::error_code ignored;
      if (fs::is_regular_file(beside, ignored))
        weights = beside;
    }
    log_.begin("parse");
    if (!weights.empty()) {
      if (Status added = parameters_->addFile(weights); !added)
        return added;
    }
    auto parsed = readModule(module, context_, trusted);
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

  Status checkStage() {
    stage_ = pipeline::stageOf(*module_);
    if (auto wanted = pipeline::stageFromName(options_.compileFrom); wanted && *wanted != stage_)
      return Error("MN-IN-MLIR-STAGE", "holds the stage " + std::string(nameOf(stage_)) + ", --compile-from says " + options_.compileFrom, options_.model);
    target_ = pipeline::stageFromName(options_.compileTo);
    if (target_ && *target_ < stage_)
      return Error("MN-IN-MLIR-STAGE", "holds the stage " + std::string(nameOf(stage_)) + ", which is past " + options_.compileTo, options_.model);
    int functions = 0;
    for (auto function : module_->getOps<func::FuncOp>())
      functions += function.isPublic() && !function.isExternal();
    if (functions != 1)
      return Error("MN-IN-MLIR-PARSE", "has " + std::to_string(functions) + " public functions with a body; a model is one", options_.model);
    if (stage_ != Stage::Tile)
      nameSignature(function());
    return {};
  }

  /// Foreign modules name neither their function nor their inputs; what follows asks for both.
  static void nameSignature(func::FuncOp function) {
    Builder builder(function.getContext());
    function.setName("main");
    for (unsigned i = 0; i < function.getNumArguments(); ++i) {
      if (!function.getArgAttr(i, graph::kNameAttribute))
        function.setArgAttr(i, graph::kNameAttribute, builder.getStringAttr("input" + std::to_string(i)));
      if (getElementTypeOrSelf(function.getArgumentTypes()[i]).isInteger(64) && !function.getArgAttr(i, graph::kHostTypeAttribute))
        function.setArgAttr(i, graph::kHostTypeAttribute, builder.getStringAttr("int64"));
    }
    for (unsigned i = 0; i < function.getNumResults(); ++i) {
      if (!function.getResultAttr(i, graph::kNameAttribute))
        function.setResultAttr(i, graph::kNameAttribute, builder.getStringAttr("output" + std::to_string(i)));
      if (getElementTypeOrSelf(function.getResultTypes()[i]).isInteger(64) && !function.getResultAttr(i, graph::kHostTypeAttribute))
        function.setResultAttr(i, graph::kHostTypeAttribute, builder.getStringAttr("int64"));
    }
  }

  func::FuncOp function() {
    for (auto function : module_->getOps<func::FuncOp>())
      if (function.isPublic() && !function.isExternal())
        return function;
    return {};
  }

  Status runPhases() {
    pipeline::Settings settings{&chip_, options_.autoCast, options_.autoCastType, parameters_};
    measure();
    for (const pipeline::Phase &phase : pipeline::phases()) {
      if (target_ == stage_ && phase.to != stage_)
        break;
      if (phase.from < stage_)
        continue;
      log_.begin(phase.name);
      if (Status status = runPhase(phase, settings); !status)
        return status;
      stage_ = phase.to;
      if (Status dumped = dump(phase.name, textWanted() ? textOf(*module_) : ""); !dumped)
        return dumped;
      if (phase.measured)
        measure();
    }
    if (target_ && *target_ == stage_ && stage_ != Stage::Isa)
      return writeStage(textOf(*module_));
    return {};
  }

  Status runPhase(const pipeline::Phase &phase, const pipeline::Settings &settings) {
    PassManager passes = PassManager::on<ModuleOp>(&context_);
    // Verifying after every phase, not every pass: half the time, and the phases are the units of blame.
    passes.enableVerifier(false);
    std::string reproducer = name_ + ".reproducer.mlir";
    std::error_code ignored;
    bool existed = fs::exists(reproducer, ignored);
    if (!existed)
      passes.enableCrashReproducerGeneration(reproducer);
    phase.build(passes, settings);
    DiagnosticCollector collector(&context_, "MN-INTERNAL");
    if (succeeded(passes.run(*module_)) && succeeded(mlir::verify(*module_)))
      return {};
    Error error = collector.take("phase " + std::string(phase.name) + " failed without saying why");
    // A refused model is no crash: only an internal error leaves its reproducer behind.
    if (error.exitStatus() != 70 && !existed)
      fs::remove(reproducer, ignored);
    else if (!existed)
      error.add("MN-INTERNAL", "phase " + std::string(phase.name) + "; a reproducer was written, run it with `manaslu-opt --run-reproducer`", reproducer);
    return error;
  }

  /// The bound and what random inputs need, from the graph after type selection (or from linalg where that is what entered).
  void measure() {
    if (stage_ != Stage::Graph && stage_ != Stage::Linalg)
      return;
    work_ = pipeline::countWork(function(), chip_);
    limits_ = pipeline::indexLimits(function());
  }

  Status lower() {
    log_.begin("tile-to-isa");
    std::string tileText = options_.strip && !textWanted() ? "" : textOf(*module_);
    tile::LoweringStatistics statistics;
    Result<isa::Program> lowered = tile::lowerToInstructions(function(), chip_, parameterSource(), loweringOptions(), &statistics);
    if (!lowered)
      return lowered.error();
    for (const auto &[step, seconds] : statistics.seconds)
      log_.info("tile-to-isa, " + step + ": " + shortNumber(seconds) + " s");
    isa::Program &program = *lowered;
    program.name = name_;
    program.chipJson = toJson(chip_);
    program.tileProgram = options_.strip ? "" : std::move(tileText);
    for (isa::Region &region : program.regions)
      if (region.kind == isa::RegionKind::Input || region.kind == isa::RegionKind::Output || region.kind == isa::RegionKind::State)
        region.hostType = nameOf(hostTypeOf(region));
    describeInto(program.metadata, statistics);
    instructions_ = program.instructionCount();
    log_.begin("write");
    if (Status saved = isa::save(program, output_); !saved)
      return saved;
    finished_ = true;
    Result<std::string> hash = isa::sha256OfFile(output_);
    if (!hash)
      return hash.error();
    sha256_ = *hash;
    metadata_ = program.metadata;
    return {};
  }

  tile::ParameterSource parameterSource() const {
    return [this](std::string_view name) -> std::optional<tile::ParameterData> {
      const Parameter *parameter = parameters_->find(name);
      if (!parameter)
        return std::nullopt;
      return tile::ParameterData{parameter->type, parameter->shape, parameter->data};
    };
  }

  /// Level 1 gives plain programs that are easy to read, 3 keeps more transfers in flight where SBUF has room. No level changes a bit of the results.
  tile::LoweringOptions loweringOptions() const {
    tile::LoweringOptions lowering;
    lowering.threads = static_cast<int>(threadCount_);
    if (options_.optlevel == 1) {
      lowering.prefetch = false;
      lowering.rotation = lowering.loadRotation = lowering.loopTransferParts = 1;
    } else if (options_.optlevel == 3) {
      lowering.rotation = 3;
      lowering.loadRotation = 4;
    }
    return lowering;
  }

  /// What a run reports of the program without compiling it again: nothing here depends on time, threads or paths.
  void describeInto(nlohmann::ordered_json &metadata, const tile::LoweringStatistics &memory) const {
    pipeline::Bound bound = pipeline::boundOf(work_, chip_);
    metadata["compiler"] = "manaslu " + std::string(version());
    metadata["auto_cast"] = options_.autoCast;
    metadata["precision"] = work_.types;
    metadata["bound"] = {{"bound_ns", bound.boundNs}, {"bound_by", bound.by}, {"pe_ns", bound.peNs}, {"se_ns", bound.seNs}, {"memory_ns", bound.memoryNs}};
    metadata["compulsory_bytes"] = static_cast<int64_t>(work_.bytes);
    metadata["index_limits"] = limits_;
    metadata["memory"] = {{"sbuf_peak_bytes_per_partition", memory.sbufPeakBytesPerPartition}, {"psum_peak_banks", memory.psumPeakBanks}, {"device_bytes", memory.deviceBytes}, {"spill_bytes", memory.spillBytes}};
  }

  bool textWanted() const { return !options_.dumpIr.empty(); }

  Status dump(std::string_view phase, const std::string &text) {
    if (options_.dumpIr.empty())
      return {};
    std::string number = std::to_string(dumped_++);
    return writeFile(options_.dumpIr + "/" + (number.size() < 2 ? "0" : "") + number + "-" + std::string(phase) + ".mlir", text);
  }

  Status writeStage(const std::string &text) {
    finished_ = true;
    return writeFile(output_, text);
  }

  Result<CompileResult> finish();

  const CompileOptions &options_;
  Log log_;
  std::chrono::steady_clock::time_point begin_;
  std::unique_ptr<llvm::ThreadPoolInterface> pool_;
  MLIRContext context_;
  std::optional<PrivateFolder> folder_;
  std::shared_ptr<ParameterStore> parameters_ = std::make_shared<ParameterStore>();
  OwningOpRef<ModuleOp> module_;
  Chip chip_;
  std::string framework_, name_, output_, sha256_;
  Stage stage_ = Stage::Graph;
  std::optional<Stage> target_;
  pipeline::Work work_;
  std::map<std::string, int64_t> limits_;
  nlohmann::ordered_json metadata_;
  uint64_t instructions_ = 0, importRss_ = 0;
  double importSeconds_ = 0;
  unsigned threadCount_ = 1;
  int dumped_ = 0;
  bool finished_ = false, existed_ = false; ///< the output: written, and there before
};

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
  std::string text = report.dump(2) + "\n";
  if (!options_.report.empty())
    if (Status written = writeFile(options_.report, text); !written) {
      if (output_ != "-" && !existed_)
        fs::remove(output_, ignored);
      return written.error();
    }
  return CompileResult{output_, text};
}

} // namespace

Result<CompileResult> compile(const CompileOptions &options) { return Compilation(options).run(); }

} // namespace manaslu
