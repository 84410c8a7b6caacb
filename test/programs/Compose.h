// The generator's instructions: plain fields at random through the `fields` visitor, operands by the rules of docs/ISA.md.
#pragma once

#include "test/programs/Placement.h"

namespace manaslu::test {

/// Fills one instruction of each kind; `operands` gives false when this chip or this program's memory has no room for it.
class Composer {
public:
  Composer(Dice &dice, const Chip &chip, Placement &placement) : dice_(dice), chip_(chip), placement_(placement) {}

  /// A valid instruction of the kind (its index in isa::Instruction) for `stream`, or nothing. Loops, barriers, halt and sem_clear are the schedule's.
  std::optional<isa::Instruction> compose(size_t kind, isa::StreamId stream);
  /// A matmul onto the acc of `first`, which stands in the same segment of `stream`; most accumulate.
  std::optional<isa::Matmul> another(const isa::Matmul &first, isa::StreamId stream);

private:
  using Tile = isa::TileOperand;
  using Device = isa::DeviceOperand;

  template <class I> bool fill(I &instruction);
  /// A rounding that the rules allow for a result of `type`; the usual one more often than not.
  isa::Narrowing narrowing(DType type);

  // Control.
  bool operands(isa::Halt &) { return false; }
  bool operands(isa::Loop &) { return false; }
  bool operands(isa::EndLoop &) { return false; }
  bool operands(isa::SemClear &) { return false; }
  bool operands(isa::Barrier &) { return false; }
  bool operands(isa::Wait &) { return true; }
  bool operands(isa::Signal &) { return true; }
  bool operands(isa::RegSet &) { return true; }
  bool operands(isa::RegAdd &) { return true; }
  bool operands(isa::RegAddReg &) { return true; }
  bool operands(isa::RegMul &) { return true; }
  bool operands(isa::RegRotate &) { return true; }
  bool operands(isa::RegLoad &);
  bool operands(isa::RegStore &);
  bool operands(isa::RegLoadDevice &);
  bool operands(isa::RegStoreDevice &);
  // Transfers.
  bool operands(isa::DmaLoad &);
  bool operands(isa::DmaStore &);
  bool operands(isa::DmaMove &);
  bool operands(isa::DmaCopy &);
  bool operands(isa::DmaGather &);
  bool operands(isa::DmaScatter &);
  bool operands(isa::DmaTranspose &);
  bool operands(isa::DmaFill &);
  // Engines.
  bool operands(isa::Matmul &);
  bool operands(isa::Transpose &);
  bool operands(isa::TensorTensor &);
  bool operands(isa::TensorScalar &);
  bool operands(isa::Reduce &);
  bool operands(isa::Scan &);
  bool operands(isa::Select &);
  bool operands(isa::Copy &in) { return elementwise(in); }
  bool operands(isa::Reciprocal &in) { return elementwise(in); }
  bool operands(isa::Memset &);
  bool operands(isa::BnStats &);
  bool operands(isa::BnAggregate &);
  bool operands(isa::Max8 &);
  bool operands(isa::FindIndex8 &);
  bool operands(isa::MatchReplace8 &);
  bool operands(isa::TransposeBlock &in) { return blocks(in, 32); }
  bool operands(isa::Shuffle &in) { return blocks(in, 1); }
  bool operands(isa::Random &);
  bool operands(isa::Activate &);
  bool operands(isa::Iota &);
  bool operands(isa::AffineSelect &in) { return elementwise(in); }
  bool operands(isa::PartitionReduce &);
  bool operands(isa::PartitionBroadcast &);
  bool operands(isa::Gather &);
  bool operands(isa::Scatter &);
  bool operands(isa::IntTensorTensor &);
  bool operands(isa::IntTensorScalar &);

  /// Draws types that the matrix engine multiplies, and operands [partitions_, m] and [partitions_, n]; `integers`: of integer types, if anything is said.
  bool factors(isa::Matmul &, int m, int n, std::optional<bool> integers);
  template <class I> bool elementwise(I &instruction);
  template <class I> bool blocks(I &instruction, int multiple);

  /// Puts a chosen operand into its field; false when there was none.
  template <class T> static bool put(T &field, std::optional<T> &&chosen) {
    if (chosen)
      field = *chosen;
    return chosen.has_value();
  }
  bool read(Tile &field, int elements, DType type) { return put(field, placement_.read(partitions_, placement_.spread(elements), type, sbufOnly())); }
  bool write(Tile &field, int elements, DType type) { return put(field, placement_.write(space(), partitions_, placement_.spread(elements), type)); }
  /// A scalar operand: one element per partition when `kind` says so.
  bool readScalar(isa::ScalarKind kind, Tile &field) { return kind == isa::ScalarKind::Immediate || read(field, 1, someType()); }

  DType someType();
  isa::AluOp someReduction();
  bool sbufOnly() const { return engine_ == Engine::Ge || engine_ == Engine::Pe; }
  isa::Space space() { return !sbufOnly() && dice_.chance(15) ? isa::Space::Psum : isa::Space::Sbuf; }

  Dice &dice_;
  const Chip &chip_;
  Placement &placement_;
  Engine engine_ = Engine::Dma;
  int partitions_ = 1, elements_ = 1; ///< the shape drawn for the current instruction
};

template <class I> bool Composer::elementwise(I &instruction) {
  DType type = someType();
  return read(instruction.src, elements_, type) && write(instruction.dst, elements_, dice_.chance(50) ? type : someType());
}

/// Whole quadrants of partitions, both sides of one type.
template <class I> bool Composer::blocks(I &instruction, int multiple) {
  DType type = someType();
  partitions_ = 32 * static_cast<int>(dice_.between(1, chip_.partitions / 32));
  int elements = multiple * static_cast<int>(dice_.between(1, multiple > 1 ? 3 : 24));
  return read(instruction.src, elements, type) && write(instruction.dst, elements, type);
}

} // namespace manaslu::test
