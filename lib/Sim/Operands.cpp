// Operands of each instruction, reads first.
#include "lib/Sim/Operands.h"

namespace manaslu::sim {

namespace {

using Uses = std::vector<OperandUse>;

void read(Uses &uses, const isa::TileOperand &tile) { uses.push_back({tile, Access::Read, false}); }
void read(Uses &uses, const isa::DeviceOperand &device) { uses.push_back({device, Access::Read, false}); }
void write(Uses &uses, const isa::TileOperand &tile) { uses.push_back({tile, Access::Write, false}); }
void write(Uses &uses, const isa::DeviceOperand &device) { uses.push_back({device, Access::Write, false}); }

void readScalar(Uses &uses, isa::ScalarKind kind, const isa::TileOperand &tile) {
  if (kind == isa::ScalarKind::Tile)
    read(uses, tile);
}

isa::DeviceOperand tableOf(isa::DeviceOperand table, uint32_t rows) {
  table.dims[0].size = rows;
  return table;
}

// Instructions without operands in memory.
template <class I> void list(const I &, Uses &) {}

void list(const isa::RegLoad &in, Uses &uses) { read(uses, in.source); }
void list(const isa::RegStore &in, Uses &uses) { write(uses, in.target); }
void list(const isa::RegLoadDevice &in, Uses &uses) { read(uses, in.source); }
void list(const isa::RegStoreDevice &in, Uses &uses) { write(uses, in.target); }

template <class I> void listMove(const I &in, Uses &uses) {
  read(uses, in.src);
  write(uses, in.dst);
}
void list(const isa::DmaLoad &in, Uses &uses) { listMove(in, uses); }
void list(const isa::DmaStore &in, Uses &uses) { listMove(in, uses); }
void list(const isa::DmaMove &in, Uses &uses) { listMove(in, uses); }
void list(const isa::DmaCopy &in, Uses &uses) { listMove(in, uses); }
void list(const isa::DmaTranspose &in, Uses &uses) { listMove(in, uses); }
void list(const isa::DmaFill &in, Uses &uses) { write(uses, in.dst); }
void list(const isa::DmaGather &in, Uses &uses) {
  read(uses, in.index);
  uses.push_back({tableOf(in.table, in.rows), Access::Read, true});
  write(uses, in.dst);
}
void list(const isa::DmaScatter &in, Uses &uses) {
  read(uses, in.index);
  read(uses, in.src);
  uses.push_back({tableOf(in.dst, in.rows), in.add ? Access::ReadWrite : Access::Write, true});
}

void list(const isa::Matmul &in, Uses &uses) {
  read(uses, in.stationary);
  read(uses, in.moving);
  uses.push_back({in.acc, in.accumulate ? Access::ReadWrite : Access::Write, false});
}
void list(const isa::Transpose &in, Uses &uses) { listMove(in, uses); }

void list(const isa::TensorTensor &in, Uses &uses) {
  read(uses, in.a);
  read(uses, in.b);
  write(uses, in.dst);
}
void list(const isa::TensorScalar &in, Uses &uses) {
  read(uses, in.src);
  readScalar(uses, in.kind0, in.scalar0);
  readScalar(uses, in.kind1, in.scalar1);
  write(uses, in.dst);
}
void list(const isa::Reduce &in, Uses &uses) { listMove(in, uses); }
void list(const isa::Scan &in, Uses &uses) {
  read(uses, in.a);
  read(uses, in.b);
  readScalar(uses, in.initialKind, in.initial);
  write(uses, in.dst);
}
void list(const isa::Select &in, Uses &uses) {
  read(uses, in.mask);
  read(uses, in.onTrue);
  read(uses, in.onFalse);
  write(uses, in.dst);
}
void list(const isa::Copy &in, Uses &uses) { listMove(in, uses); }
void list(const isa::Memset &in, Uses &uses) { write(uses, in.dst); }
void list(const isa::Reciprocal &in, Uses &uses) { listMove(in, uses); }
void list(const isa::BnStats &in, Uses &uses) { listMove(in, uses); }
void list(const isa::BnAggregate &in, Uses &uses) { listMove(in, uses); }
void list(const isa::Max8 &in, Uses &uses) { listMove(in, uses); }
void list(const isa::FindIndex8 &in, Uses &uses) {
  read(uses, in.values);
  listMove(in, uses);
}
void list(const isa::MatchReplace8 &in, Uses &uses) {
  read(uses, in.values);
  listMove(in, uses);
}
void list(const isa::TransposeBlock &in, Uses &uses) { listMove(in, uses); }
void list(const isa::Shuffle &in, Uses &uses) { listMove(in, uses); }
void list(const isa::Random &in, Uses &uses) { write(uses, in.dst); }

void list(const isa::Activate &in, Uses &uses) {
  read(uses, in.src);
  readScalar(uses, in.scaleKind, in.scale);
  readScalar(uses, in.biasKind, in.bias);
  write(uses, in.dst);
  if (in.reduce)
    write(uses, in.sum);
}

void list(const isa::Iota &in, Uses &uses) { write(uses, in.dst); }
void list(const isa::AffineSelect &in, Uses &uses) { listMove(in, uses); }
void list(const isa::PartitionReduce &in, Uses &uses) { listMove(in, uses); }
void list(const isa::PartitionBroadcast &in, Uses &uses) { listMove(in, uses); }
void list(const isa::Gather &in, Uses &uses) {
  read(uses, in.index);
  listMove(in, uses);
}
void list(const isa::Scatter &in, Uses &uses) {
  read(uses, in.index);
  read(uses, in.src);
  uses.push_back({in.dst, Access::ReadWrite, false});
}
void list(const isa::IntTensorTensor &in, Uses &uses) {
  read(uses, in.a);
  read(uses, in.b);
  write(uses, in.dst);
}
void list(const isa::IntTensorScalar &in, Uses &uses) { listMove(in, uses); }

} // namespace

std::vector<OperandUse> operandsOf(const isa::Instruction &instruction) {
  Uses uses;
  std::visit([&uses](const auto &each) { list(each, uses); }, instruction);
  return uses;
}

std::optional<Engine> engineOf(const isa::Instruction &instruction) {
  switch (isa::familyOf(instruction)) {
  case isa::StreamFamily::All: return std::nullopt;
  case isa::StreamFamily::Pe: return Engine::Pe;
  case isa::StreamFamily::Ve: return Engine::Ve;
  case isa::StreamFamily::Se: return Engine::Se;
  case isa::StreamFamily::Ge: return Engine::Ge;
  case isa::StreamFamily::Dma: break;
  }
  return Engine::Dma;
}

} // namespace manaslu::sim
