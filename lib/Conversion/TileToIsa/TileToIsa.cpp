// The steps from a tile program to a program of the chip.
#include "lib/Conversion/TileToIsa/TileToIsa.h"

#include "lib/Conversion/TileToIsa/CheckSynchronisation.h"
#include "lib/Conversion/TileToIsa/KeepWarm.h"
#include "lib/Conversion/TileToIsa/Schedule.h"
#include "lib/Conversion/TileToIsa/Spill.h"
#include "lib/Conversion/TileToIsa/Storage.h"

#include <mlir/IR/OwningOpRef.h>

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

Status addRegions(const Model &model, const Chip &chip, const ParameterSource &parameters, const LoweringOptions &options, isa::Program &program,
                  LoweringStatistics &statistics) {
  llvm::SmallVector<RegionOp> constants, states;
  std::vector<uint32_t> indices, stateIndices;
  for (int buffer : model.regionBuffers) {
    auto op = model.buffers[buffer].value.getDefiningOp<RegionOp>();
    if (op.getKind() == RegionKind::Constant) {
      constants.push_back(op);
      indices.push_back(static_cast<uint32_t>(program.regions.size()));
    } else if (op.getKind() == RegionKind::State) {
      states.push_back(op);
      stateIndices.push_back(static_cast<uint32_t>(program.regions.size()));
    }
    program.regions.push_back(regionOf(op));
    statistics.deviceBytes += static_cast<int64_t>(program.regions.back().bytes);
  }
  if (statistics.deviceBytes > chip.deviceBytes)
    return Error("MN-MEM-DEVICE",
                 "the program's regions take " + std::to_string(statistics.deviceBytes) + " bytes, the chip has " + std::to_string(chip.deviceBytes));
  if (!options.pack)
    return {};
  auto bytes = packConstants(constants, parameters, options.threads);
  if (!bytes)
    return bytes.error();
  for (size_t i = 0; i < indices.size(); ++i)
    program.addConstant(indices[i], std::move((*bytes)[i]));
  for (size_t i = 0; i < stateIndices.size(); ++i) {
    auto initial = packState(states[i], parameters);
    if (!initial)
      return initial.error();
    if (!initial->empty())
      program.addConstant(stateIndices[i], std::move(*initial));
  }
  llvm::sort(program.constants, [](const isa::ConstantData &a, const isa::ConstantData &b) { return a.region < b.region; });
  return {};
}

/// The planned model, and the tile program it belongs to where that had to be rewritten.
struct Planned {
  Model model;
  StorageStatistics storage;
  int64_t spillBytes = 0;
  OwningOpRef<func::FuncOp> rewritten, fillers;
  int64_t fillerCount = 0;
};

/// Each attempt after the first spills until the demand is at most so many percent of SBUF; less than 100 makes up for fragmentation.
constexpr int kSpillTargets[] = {100, 96, 92, 85, 75};

/// Spills in a row that lower no peak before the search for room ends.
constexpr int kIdleSpills = 64;

Result<Planned> planWithSpills(func::FuncOp function, const Chip &chip, const LoweringOptions &options) {
  ModelOptions modelOptions{.loopTransferParts = options.loopTransferParts};
  StorageOptions storageOptions{options.prefetch, options.rotation, options.loadRotation};
  Planned planned;
  auto build = [&](func::FuncOp from) -> Status {
    Result<Model> model = buildModel(from, modelOptions);
    if (!model)
      return model.error();
    planned.model = std::move(*model);
    return {};
  };
  if (Status status = build(function); !status)
    return status.error();
  // Takes the model if its storage fits.
  auto plan = [&](Model &model, int64_t target) {
    if (leastSbufBytes(model, chip) > target)
      return false;
    Result<StorageStatistics> storage = planStorage(model, chip, storageOptions);
    if (storage) {
      planned.model = std::move(model);
      planned.storage = *storage;
    }
    return static_cast<bool>(storage);
  };
  Error first;
  int scratchRegions = 0;
  for (int percent : kSpillTargets) {
    int64_t target = chip.sbufUsableBytes() * percent / 100;
    // A spill that lowers no peak may free the way for the next; but not without end.
    int64_t least = INT64_MAX;
    int idle = 0;
    for (int64_t demand; (demand = leastSbufBytes(planned.model, chip)) > target && idle < kIdleSpills;) {
      idle = demand < least ? 0 : idle + 1;
      least = std::min(least, demand);
      if (!planned.rewritten) {
        planned.rewritten = function.clone();
        if (Status status = build(*planned.rewritten); !status)
          return status.error();
        (void)leastSbufBytes(planned.model, chip);
      }
      int64_t moved = spillOne(*planned.rewritten, planned.model, scratchRegions);
      if (moved < 0)
        break;
      planned.spillBytes += moved;
      if (Status status = build(*planned.rewritten); !status)
        return status.error();
    }
    // The new order where its storage fits, else program order.
    if (options.schedule) {
      Model ordered = planned.model;
      if (Status status = scheduleBodies(ordered, chip); !status)
        return status.error();
      if (options.keepWarm) {
        Result<KeptWarm> warm = keepWarm(ordered, chip);
        if (!warm)
          return warm.error();
        planned.fillers = std::move(warm->fillers);
        planned.fillerCount = warm->count;
        if (warm->count && plan(warm->model, target))
          return std::move(planned);
        planned.fillerCount = 0;
      }
      if (plan(ordered, target))
        return std::move(planned);
    }
    Result<StorageStatistics> storage = planStorage(planned.model, chip, storageOptions);
    if (storage) {
      planned.storage = *storage;
      return std::move(planned);
    }
    if (first.empty())
      first = storage.error();
    if (first.items().front().code != "MN-MEM-SBUF")
      break;
    if (Status status = build(planned.rewritten ? *planned.rewritten : function); !status)
      return status.error();
  }
  return first;
}

} // namespace

Result<isa::Program> lowerToInstructions(func::FuncOp function, const Chip &chip, const ParameterSource &parameters, const LoweringOptions &options,
                                         LoweringStatistics *statistics) {
  LoweringStatistics own;
  LoweringStatistics &figures = statistics ? *statistics : own;
  StopWatch watch(figures.seconds);
  Result<Planned> planned = planWithSpills(function, chip, options);
  if (!planned)
    return planned.error();
  Model *model = &planned->model;
  figures.sbufPeakBytesPerPartition = planned->storage.sbufPeakBytes;
  figures.psumPeakBanks = planned->storage.psumPeakBanks;
  figures.prefetchBudgetBytes = planned->storage.prefetchBudget;
  figures.spillBytes = planned->spillBytes;
  figures.warmingProducts = planned->fillerCount;
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
