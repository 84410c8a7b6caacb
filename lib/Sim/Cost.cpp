// Reading time and energy off instructions.
#include "lib/Sim/Cost.h"

#include "lib/Sim/Execute/Rows.h"
#include "lib/Sim/Operands.h"

namespace manaslu::sim {

namespace {

int64_t elementsOf(const isa::TileOperand &tile) { return static_cast<int64_t>(tile.elementsPerPartition()); }

/// Stride in bytes between neighbours of the innermost dimension that has any.
int64_t innermostStride(const isa::TileOperand &tile) {
  for (int i = 3; i >= 0; --i)
    if (tile.dims[static_cast<size_t>(i)].size > 1)
      return int64_t(std::abs(tile.dims[static_cast<size_t>(i)].stride)) * sizeOf(tile.type);
  return 0;
}

bool isContiguousBf16(const isa::TileOperand &tile) { return tile.type == DType::BF16 && innermostStride(tile) <= 2; }

Arithmetic arithmeticOf(isa::AluOp op) {
  switch (op) {
  case isa::AluOp::Add:
  case isa::AluOp::Sub:
  case isa::AluOp::Mul: return Arithmetic::AddSubMul;
  case isa::AluOp::Max:
  case isa::AluOp::Min: return Arithmetic::MaxMin;
  case isa::AluOp::Divide: return Arithmetic::Divide;
  default: return Arithmetic::Other;
  }
}

/// What the time table needs, and how many lane operations an element takes.
struct Described {
  EngineWork work;
  int64_t laneOps = 1;
  bool isEngine = true;
};

Described laneWork(Operation operation, int64_t elements, Arithmetic arithmetic = Arithmetic::Other, int64_t laneOps = 1) {
  Described out;
  out.work.operation = operation;
  out.work.elements = elements;
  out.work.arithmetic = arithmetic;
  out.laneOps = laneOps;
  return out;
}

// Control and DMA instructions do not occupy an engine.
template <class I> Described describe(const I &, const Chip &) {
  Described out;
  out.isEngine = false;
  static_assert(I::family == isa::StreamFamily::All || I::family == isa::StreamFamily::Dma, "an engine's instruction needs a cost");
  return out;
}

Described describe(const isa::Matmul &in, const Chip &chip) {
  Described out = laneWork(Operation::Matmul, elementsOf(in.moving));
  out.work.passes = matmulPasses(chip, in.stationary.type, in.moving.type);
  return out;
}
Described describe(const isa::Transpose &in, const Chip &) {
  Described out = laneWork(Operation::Transpose, elementsOf(in.src));
  out.work.partitions = in.src.partitions;
  out.work.fourByte = sizeOf(in.src.type) == 4;
  return out;
}
Described describe(const isa::Activate &in, const Chip &) {
  Described out = laneWork(Operation::Activate, elementsOf(in.src));
  out.work.reduces = in.reduce;
  return out;
}
Described describe(const isa::TensorTensor &in, const Chip &) {
  Described out = laneWork(Operation::TensorTensor, elementsOf(in.dst), arithmeticOf(in.op));
  out.work.allBf16Contiguous = isContiguousBf16(in.a) && isContiguousBf16(in.b) && isContiguousBf16(in.dst);
  return out;
}
Described describe(const isa::TensorScalar &in, const Chip &) {
  bool two = in.op1 != isa::AluOp::Bypass;
  bool divides = in.op0 == isa::AluOp::Divide || in.op1 == isa::AluOp::Divide;
  return laneWork(Operation::TensorScalar, elementsOf(in.dst), divides ? Arithmetic::Divide : Arithmetic::Other, two ? 2 : 1);
}
Described describe(const isa::Reduce &in, const Chip &) {
  // Only sums and maxima of bf16 have the fast rate.
  bool fast = in.op == isa::AluOp::Add || in.op == isa::AluOp::Max;
  Described out = laneWork(Operation::Reduce, elementsOf(in.src), fast ? arithmeticOf(in.op) : Arithmetic::Other);
  out.work.bf16 = in.src.type == DType::BF16;
  return out;
}
Described describe(const isa::Scan &in, const Chip &) { return laneWork(Operation::Scan, elementsOf(in.dst), Arithmetic::Other, 2); }
Described describe(const isa::Select &in, const Chip &) { return laneWork(Operation::Select, elementsOf(in.dst)); }
Described describe(const isa::Copy &in, const Chip &) { return laneWork(Operation::Copy, elementsOf(in.dst)); }
Described describe(const isa::Memset &in, const Chip &) {
  Described out = laneWork(Operation::Memset, elementsOf(in.dst));
  out.work.sixteenBit = sizeOf(in.dst.type) == 2;
  return out;
}
Described describe(const isa::Reciprocal &in, const Chip &) { return laneWork(Operation::Reciprocal, elementsOf(in.dst)); }
Described describe(const isa::BnStats &in, const Chip &) { return laneWork(Operation::BnStats, elementsOf(in.src)); }
Described describe(const isa::BnAggregate &in, const Chip &) { return laneWork(Operation::BnAggregate, elementsOf(in.src)); }
Described describe(const isa::Max8 &in, const Chip &) { return laneWork(Operation::Max8, elementsOf(in.src)); }
Described describe(const isa::FindIndex8 &in, const Chip &) { return laneWork(Operation::FindIndex8, elementsOf(in.src)); }
Described describe(const isa::MatchReplace8 &in, const Chip &) { return laneWork(Operation::MatchReplace8, elementsOf(in.src)); }
Described describe(const isa::TransposeBlock &in, const Chip &) { return laneWork(Operation::TransposeBlock, elementsOf(in.src)); }
Described describe(const isa::Shuffle &in, const Chip &) { return laneWork(Operation::Shuffle, elementsOf(in.dst)); }
Described describe(const isa::Random &in, const Chip &) { return laneWork(Operation::Random, elementsOf(in.dst)); }
Described describe(const isa::Iota &in, const Chip &) { return laneWork(Operation::Iota, elementsOf(in.dst)); }
Described describe(const isa::AffineSelect &in, const Chip &) { return laneWork(Operation::AffineSelect, elementsOf(in.dst)); }
Described describe(const isa::PartitionReduce &in, const Chip &) { return laneWork(Operation::PartitionReduce, elementsOf(in.src)); }
Described describe(const isa::PartitionBroadcast &in, const Chip &) { return laneWork(Operation::PartitionBroadcast, elementsOf(in.dst)); }
Described describe(const isa::Gather &in, const Chip &) { return laneWork(Operation::Gather, elementsOf(in.dst)); }
Described describe(const isa::Scatter &in, const Chip &) { return laneWork(Operation::Scatter, elementsOf(in.src)); }
Described describe(const isa::IntTensorTensor &in, const Chip &) { return laneWork(Operation::IntTensorTensor, elementsOf(in.dst)); }
Described describe(const isa::IntTensorScalar &in, const Chip &) { return laneWork(Operation::IntTensorScalar, elementsOf(in.dst)); }

/// Elements that the operand moves. Of a table only the rows that are named.
int64_t movedElements(const OperandUse &use, int64_t indexedRows) {
  if (use.isTile())
    return static_cast<int64_t>(use.tile().elements());
  isa::DeviceOperand device = use.device();
  if (use.indexed)
    device.dims[0].size = static_cast<uint32_t>(indexedRows);
  return static_cast<int64_t>(std::min<uint64_t>(device.elements(), uint64_t(1) << 48));
}

/// Elements that lie side by side at the end of a pattern.
int64_t runOf(const Pattern &pattern, int elementBytes) {
  return pattern.rank > 0 && pattern.dims[pattern.rank - 1].stride == elementBytes ? pattern.dims[pattern.rank - 1].size : 1;
}

Pattern patternOfTile(const isa::TileOperand &tile) {
  View view;
  view.type = tile.type;
  view.dims = tile.dims;
  return patternOf(view);
}

Pattern patternOfDevice(const isa::DeviceOperand &device, int skip) {
  DeviceView view;
  view.dims = device.dims;
  return patternOf(view, skip);
}

/// How the movers see a DMA instruction: runs that are contiguous on both sides, as wide as the wider type.
TransferWork transferOf(const std::vector<OperandUse> &uses, bool transposes, bool indexed) {
  TransferWork work;
  work.transposes = transposes;
  int64_t run = INT64_MAX, bytes = 1, elements = 0, partitions = 0;
  for (const OperandUse &use : uses) {
    bool isIndexTile = indexed && use.isTile() && use.access == Access::Read && &use == &uses.front();
    if (isIndexTile)
      continue;
    if (use.isTile()) {
      int64_t perPartition = elementsOf(use.tile());
      run = std::min(run, std::min(perPartition, runOf(patternOfTile(use.tile()), sizeOf(use.tile().type))));
      bytes = std::max<int64_t>(bytes, sizeOf(use.tile().type));
      if (partitions == 0 || use.access != Access::Read) {
        partitions = use.tile().partitions;
        elements = static_cast<int64_t>(use.tile().elements());
      }
    } else {
      run = std::min(run, runOf(patternOfDevice(use.device(), use.indexed ? 1 : 0), sizeOf(use.device().type)));
      bytes = std::max<int64_t>(bytes, sizeOf(use.device().type));
      if (partitions == 0)
        elements = movedElements(use, 1);
    }
  }
  // A transposing transfer reads whole rows and turns them inside the mover.
  if (transposes)
    run = elementsOf(uses.front().tile());
  run = std::max<int64_t>(1, run);
  work.partitions = partitions;
  work.rowBytes = run * bytes;
  work.rows = partitions ? (elements / partitions + run - 1) / run : (elements + run - 1) / run;
  return work;
}

void addBytes(InstructionCost &cost, const OperandUse &use, int64_t indexedRows, bool isAccumulator) {
  int64_t times = use.access == Access::ReadWrite ? 2 : 1;
  int64_t elements = movedElements(use, indexedRows);
  if (use.isTile()) {
    int64_t bytes = elements * sizeOf(use.tile().type) * times;
    if (isAccumulator)
      cost.energy.accumulates += elements;
    else if (use.tile().space == isa::Space::Psum)
      cost.energy.psumBytes += bytes;
    else
      cost.energy.sbufBytes += bytes;
    return;
  }
  int64_t bytes = elements * sizeOf(use.device().type);
  cost.energy.deviceBytes += bytes * times;
  if (use.access != Access::Write)
    cost.deviceReadBytes += static_cast<uint64_t>(bytes);
  if (use.access != Access::Read)
    cost.deviceWriteBytes += static_cast<uint64_t>(bytes);
}

int64_t controlPicoseconds(const Chip &chip, const isa::Instruction &instruction, Engine streamEngine) {
  int64_t mhz = chip.clockMhz(streamEngine);
  if (std::holds_alternative<isa::RegLoad>(instruction) || std::holds_alternative<isa::RegStore>(instruction))
    return picoseconds(chip.semaphoreCycles, mhz);
  if (std::holds_alternative<isa::RegLoadDevice>(instruction) || std::holds_alternative<isa::RegStoreDevice>(instruction))
    return chip.dmaLatencyNs * 1000;
  bool free = std::holds_alternative<isa::Loop>(instruction) || std::holds_alternative<isa::EndLoop>(instruction);
  return free ? 0 : picoseconds(chip.controlCycles, mhz);
}

void describeEngine(InstructionCost &cost, const Chip &chip, const std::vector<OperandUse> &uses, Described described) {
  EngineWork &work = described.work;
  int64_t lanes = 1;
  for (const OperandUse &use : uses) {
    lanes = std::max<int64_t>(lanes, use.tile().partitions);
    // A scalar tile has one element; its stride does not matter.
    work.wideStride |= innermostStride(use.tile()) >= chip.wideStrideBytes;
    work.psumOperand |= use.access == Access::Read && use.tile().space == isa::Space::Psum;
  }
  Engine engine = manaslu::engineOf(work.operation);
  cost.occupancyPs = occupancyPicoseconds(chip, work);
  cost.drainPs = picoseconds(drainCycles(chip, engine), chip.clockMhz(engine));
  int64_t ops = work.elements * lanes * described.laneOps;
  if (engine == Engine::Ve)
    cost.energy.veOps = ops;
  else if (engine == Engine::Se)
    cost.energy.seOps = ops;
  else if (engine == Engine::Ge)
    cost.energy.geOps = ops;
  cost.fuel += static_cast<uint64_t>(ops) >> 12;
}

} // namespace

InstructionCost costOf(const Chip &chip, const isa::Instruction &instruction, Engine streamEngine) {
  InstructionCost cost;
  std::vector<OperandUse> uses = operandsOf(instruction);
  Described described = std::visit([&chip](const auto &each) { return describe(each, chip); }, instruction);
  const auto *matmul = std::get_if<isa::Matmul>(&instruction);
  bool indexed = std::holds_alternative<isa::DmaGather>(instruction) || std::holds_alternative<isa::DmaScatter>(instruction);
  int64_t indexedRows = indexed ? uses.front().tile().partitions : 1;
  for (const OperandUse &use : uses)
    addBytes(cost, use, indexedRows, matmul && use.access != Access::Read);
  if (described.isEngine) {
    describeEngine(cost, chip, uses, described);
    if (matmul) {
      cost.loadPs = picoseconds(loadCycles(chip, described.work.passes), chip.pe.clockMhz);
      double macs = double(matmul->stationary.partitions) * double(elementsOf(matmul->stationary)) * double(elementsOf(matmul->moving));
      cost.energy.macs = macs * macEnergyFactor(chip, matmul->stationary.type, matmul->moving.type);
      cost.fuel += static_cast<uint64_t>(macs) >> 16;
    }
  } else if (isa::familyOf(instruction) == isa::StreamFamily::Dma) {
    cost.transfers = true;
    cost.occupancyPs = picoseconds(chip.controlCycles, chip.dmaClockMhz);
    cost.transfer = transferOf(uses, std::holds_alternative<isa::DmaTranspose>(instruction), indexed);
    cost.rowPs = rowPicoseconds(chip, cost.transfer.rowBytes, cost.transfer.transposes);
    int64_t rows = cost.transfer.rows * std::max<int64_t>(1, cost.transfer.partitions);
    cost.energy.dmaBlocks = dmaBlocks(chip, rows, cost.transfer.rowBytes);
    cost.fuel += static_cast<uint64_t>(rows * cost.transfer.rowBytes) >> 14;
  } else {
    cost.occupancyPs = controlPicoseconds(chip, instruction, streamEngine);
  }
  return cost;
}

} // namespace manaslu::sim
