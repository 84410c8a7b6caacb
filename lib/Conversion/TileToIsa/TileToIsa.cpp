// The steps from a tile program to a program of the chip.
#include "lib/Conversion/TileToIsa/TileToIsa.h"

#include "lib/Conversion/TileToIsa/CheckSynchronisation.h"
#include "lib/Conversion/TileToIsa/Storage.h"

#include <chrono>

using namespace mlir;

namespace manaslu::tile {

namespace {

class StopWatch {
public:
  explicit StopWatch(std::map<std::string, double> &seconds) : seconds_(seconds), start_(std::chrono::steady_clock::now()) {}
  void lap(const char *step) {
    auto now = std::chrono::steady_clock::now();
    seconds_[step] += std::chrono::duration<double>(now - start_).count();
    start_ = now;
  }

private:
  std::map<std::string, double> &seconds_;
  std::chrono::steady_clock::time_point start_;
};

isa::Region regionOf(RegionOp op) {
  BufferType type = op.getBuffer().getType();
  isa::Region region;
  region.name = op.getName().str();
  region.kind = static_cast<isa::RegionKind>(static_cast<int>(op.getKind()));
  region.type = *dtypeOf(type.getElementType());
  region.bytes = static_cast<uint64_t>(type.getElements()) * elementBytes(type.getElementType());
  int64_t product = 1;
  for (int64_t size : op.getShape())
    product *= size;
  if (product == type.getElements())
    region.shape.assign(op.getShape().begin(), op.getShape().end());
  else
    region.shape = {type.getElements()};
  if (op.getHostType())
    region.hostType = op.getHostType()->str();
  return region;
}

Status addRegions(const Model &model, const Chip &chip, const ParameterSource &parameters, const LoweringOptions &options, isa::Program &program, LoweringStatistics &statistics) {
  llvm::SmallVector<RegionOp> constants;
  std::vector<uint32_t> indices;
  for (int buffer : model.regionBuffers) {
    auto op = model.buffers[buffer].value.getDefiningOp<RegionOp>();
    if (op.getKind() == RegionKind::Constant) {
      constants.push_back(op);
      indices.push_back(static_cast<uint32_t>(program.regions.size()));
    }
    program.regions.push_back(regionOf(op));
    statistics.deviceBytes += static_cast<int64_t>(program.regions.back().bytes);
  }
  if (statistics.deviceBytes > chip.deviceBytes)
    return Error("MN-MEM-DEVICE", "the program's regions take " + std::to_string(statistics.deviceBytes) + " bytes, the chip has " + std::to_string(chip.deviceBytes));
  if (!options.pack)
    return {};
  auto bytes = packConstants(constants, parameters, options.threads);
  if (!bytes)
    return bytes.error();
  for (size_t i = 0; i < indices.size(); ++i)
    program.addConstant(indices[i], std::move((*bytes)[i]));
  return {};
}

} // namespace

Result<isa::Program> lowerToInstructions(func::FuncOp function, const Chip &chip, const ParameterSource &parameters, const LoweringOptions &options, LoweringStatistics *statistics) {
  LoweringStatistics own;
  LoweringStatistics &figures = statistics ? *statistics : own;
  StopWatch watch(figures.seconds);
  Result<Model> model = buildModel(function, {.loopTransferParts = options.loopTransferParts});
  if (!model)
    return model.error();
  watch.lap("model");
  Result<StorageStatistics> storage = planStorage(*model, chip, {options.prefetch, options.rotation, options.loadRotation});
  if (!storage)
    return storage.error();
  figures.sbufPeakBytesPerPartition = storage->sbufPeakBytes;
  figures.psumPeakBanks = storage->psumPeakBanks;
  figures.prefetchBudgetBytes = storage->prefetchBudget;
  watch.lap("storage");
  if (Status status = checkStorage(*model, chip); !status)
    return status.error();
  watch.lap("check storage");
  Result<SyncPlan> sync = synchronise(*model, {});
  if (!sync)
    return sync.error();
  figures.staticWaits = sync->waits;
  figures.executedInstructions = sync->instances;
  watch.lap("synchronise");
  Result<Emission> emission = emitStreams(*model, *sync);
  if (!emission)
    return emission.error();
  watch.lap("emit");
  if (Status status = checkEncoding(emission->streams); !status)
    return status.error();
  watch.lap("check encoding");
  if (Status status = checkSynchronisation(emission->streams, emission->order); !status)
    return status.error();
  watch.lap("check synchronisation");
  isa::Program program;
  program.name = function.getName().str();
  for (auto &[stream, code] : emission->streams)
    figures.instructions[stream] = static_cast<int64_t>(code.size());
  program.streams = std::move(emission->streams);
  program.debug = std::move(emission->debug);
  if (Status status = addRegions(*model, chip, parameters, options, program, figures); !status)
    return status.error();
  watch.lap("pack constants");
  return program;
}

} // namespace manaslu::tile
