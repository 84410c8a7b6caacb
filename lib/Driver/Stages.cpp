// From the tile dialect to a program, and every stage as a file that can be entered again.
#include "lib/Driver/Binding.h"
#include "lib/Driver/Compilation.h"
#include "lib/Driver/Metrics.h"
#include "lib/Driver/Safetensors.h"
#include "lib/ISA/Checksum.h"
#include "lib/Target/IsaProgram.h"

#include <filesystem>
#include <llvm/Support/raw_ostream.h>
#include <set>

using namespace mlir;

namespace manaslu::driver {

using pipeline::Stage;
namespace fs = std::filesystem;

std::string textOf(ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream out(text);
  module.print(out, OpPrintingFlags().enableDebugInfo(/*enable=*/true, /*prettyForm=*/false));
  out << "\n";
  return text;
}

tile::ParameterSource Compilation::parameterSource() const {
  return [this](std::string_view name) -> std::optional<tile::ParameterData> {
    const Parameter *parameter = parameters_->find(name);
    if (!parameter)
      return std::nullopt;
    return tile::ParameterData{parameter->type, parameter->shape, parameter->data};
  };
}

tile::LoweringOptions Compilation::loweringOptions() const {
  // Level 1 gives plain programs that are easy to read, 3 keeps more transfers in flight where SBUF has room. No level changes a bit of the results.
  tile::LoweringOptions lowering;
  lowering.threads = static_cast<int>(threadCount_);
  if (options_.optlevel == 1) {
    lowering.prefetch = lowering.schedule = false;
    lowering.rotation = lowering.loadRotation = lowering.loopTransferParts = 1;
  } else if (options_.optlevel == 3) {
    lowering.rotation = 3;
    lowering.loadRotation = 4;
  }
  return lowering;
}

Status Compilation::lower() {
  log_.begin("tile-to-isa");
  std::string tileText = options_.strip ? "" : textOf(*module_);
  tile::LoweringStatistics statistics;
  Result<isa::Program> lowered = tile::lowerToInstructions(function(), chip_, parameterSource(), loweringOptions(), &statistics);
  if (!lowered)
    return lowered.error();
  for (const auto &[step, seconds] : statistics.seconds)
    log_.info("tile-to-isa, " + step + ": " + shortNumber(seconds) + " s");
  if (statistics.warmingProducts)
    log_.info("tile-to-isa: " + std::to_string(statistics.warmingProducts) + " products of zeros keep pe warm");
  isa::Program &program = *lowered;
  program.name = name_;
  program.chipJson = toJson(chip_);
  program.tileProgram = std::move(tileText);
  for (isa::Region &region : program.regions)
    if (region.kind == isa::RegionKind::Input || region.kind == isa::RegionKind::Output || region.kind == isa::RegionKind::State)
      region.hostType = nameOf(hostTypeOf(region));
  describeInto(program.metadata, statistics);
  stage_ = Stage::Isa;
  if (!options_.dumpIr.empty())
    if (Status dumped = dump("tile-to-isa", *target::toModule(program, &context_)); !dumped)
      return dumped;
  return target_ == Stage::Isa ? writeIsaStage(program) : writeProgram(program);
}

Status Compilation::enterIsa() {
  log_.begin("isa");
  Result<isa::Program> entered = target::fromModule(*module_);
  if (!entered)
    return entered.error();
  isa::Program &program = *entered;
  Error missing;
  for (uint32_t i = 0; i < program.regions.size(); ++i) {
    const isa::Region &region = program.regions[i];
    bool state = region.kind == isa::RegionKind::State;
    if (region.kind != isa::RegionKind::Constant && !state)
      continue;
    const Parameter *parameter = parameters_->find(region.name);
    if (parameter && parameter->bytes() == region.bytes)
      program.addConstant(i, {parameter->data, parameter->data + parameter->bytes()});
    else if (!state || parameter)
      missing.add("MN-IN-WEIGHTS",
                  "the weights file has no tensor of " + std::to_string(region.bytes) + " bytes for this constant; name the file with --weights", region.name);
  }
  if (!missing.empty())
    return missing;
  metadata_ = program.metadata;
  return target_ == Stage::Isa ? writeIsaStage(program) : writeProgram(program);
}

Status Compilation::writeProgram(isa::Program &program) {
  log_.begin("write");
  instructions_ = program.instructionCount();
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

void Compilation::describeInto(nlohmann::ordered_json &metadata, const tile::LoweringStatistics &memory) const {
  metadata["compiler"] = "manaslu " + std::string(version());
  metadata["auto_cast"] = options_.precision.empty() ? options_.autoCast : "table";
  metadata["precision_table"] = nlohmann::ordered_json::parse(graph::toJson(precision_));
  for (const auto &[key, value] : measures_.items())
    metadata[key] = value;
  metadata["memory"] = {{"sbuf_peak_bytes_per_partition", memory.sbufPeakBytesPerPartition},
                        {"psum_peak_banks", memory.psumPeakBanks},
                        {"device_bytes", memory.deviceBytes},
                        {"spill_bytes", memory.spillBytes}};
}

Status Compilation::dump(std::string_view phase, ModuleOp module) {
  if (options_.dumpIr.empty())
    return {};
  std::string number = std::to_string(dumped_++);
  return writeFile(options_.dumpIr + "/" + (number.size() < 2 ? "0" : "") + number + "-" + std::string(phase) + ".mlir", textOf(module));
}

namespace {

/// Every string that an operation of the module mentions: parameters are named in attributes of several kinds.
std::set<std::string, std::less<>> stringsIn(ModuleOp module) {
  std::set<std::string, std::less<>> strings;
  module.walk([&](mlir::Operation *op) { op->getAttrDictionary().walk([&](StringAttr string) { strings.insert(string.str()); }); });
  return strings;
}

} // namespace

Status Compilation::writeStage() {
  finished_ = true;
  std::vector<WeightEntry> weights;
  auto named = stringsIn(*module_);
  for (const auto &[name, parameter] : parameters_->all())
    if (named.count(name))
      weights.push_back({name, parameter.type, parameter.shape, {parameter.data, parameter.bytes()}});
  Status written = writeFile(output_, textOf(*module_));
  if (written && !weights.empty() && output_ != "-") {
    written = writeSafetensors(fs::path(output_).replace_extension(".safetensors").string(), weights);
    if (!written && !existed_)
      removeFile(output_);
  }
  return written;
}

Status Compilation::writeIsaStage(const isa::Program &program) {
  finished_ = true;
  instructions_ = program.instructionCount();
  std::vector<WeightEntry> weights;
  for (const isa::ConstantData &data : program.constants) {
    const isa::Region &region = program.regions[data.region];
    if (region.kind == isa::RegionKind::Constant || region.kind == isa::RegionKind::State)
      weights.push_back({region.name, region.type, region.shape, data.bytes});
  }
  Status written = writeFile(output_, textOf(*target::toModule(program, &context_)));
  if (written && !weights.empty() && output_ != "-") {
    written = writeSafetensors(fs::path(output_).replace_extension(".safetensors").string(), weights);
    if (!written && !existed_)
      removeFile(output_);
  }
  return written;
}

} // namespace manaslu::driver
