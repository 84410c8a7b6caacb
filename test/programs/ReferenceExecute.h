// The meaning of every instruction in the reference: one overload each; an instruction without one does not compile.
#pragma once

#include "test/programs/ReferenceMemory.h"

namespace manaslu::test {

/// Thrown by the reference alone: a gathered or scattered index is outside its table.
struct BadIndex {};

// Sequencing is the caller's.
inline void reference(const isa::Halt &, ReferenceMemory &) {}
inline void reference(const isa::Wait &, ReferenceMemory &) {}
inline void reference(const isa::Signal &, ReferenceMemory &) {}
inline void reference(const isa::Loop &, ReferenceMemory &) {}
inline void reference(const isa::EndLoop &, ReferenceMemory &) {}
inline void reference(const isa::SemClear &, ReferenceMemory &) {}
inline void reference(const isa::Barrier &, ReferenceMemory &) {}

// ReferenceMoves.cpp: registers, transfers, pe's transpose, movement of bits.
void reference(const isa::RegSet &, ReferenceMemory &);
void reference(const isa::RegAdd &, ReferenceMemory &);
void reference(const isa::RegAddReg &, ReferenceMemory &);
void reference(const isa::RegMul &, ReferenceMemory &);
void reference(const isa::RegRotate &, ReferenceMemory &);
void reference(const isa::RegLoad &, ReferenceMemory &);
void reference(const isa::RegStore &, ReferenceMemory &);
void reference(const isa::RegLoadDevice &, ReferenceMemory &);
void reference(const isa::RegStoreDevice &, ReferenceMemory &);
void reference(const isa::DmaLoad &, ReferenceMemory &);
void reference(const isa::DmaStore &, ReferenceMemory &);
void reference(const isa::DmaMove &, ReferenceMemory &);
void reference(const isa::DmaCopy &, ReferenceMemory &);
void reference(const isa::DmaGather &, ReferenceMemory &);
void reference(const isa::DmaScatter &, ReferenceMemory &);
void reference(const isa::DmaTranspose &, ReferenceMemory &);
void reference(const isa::DmaFill &, ReferenceMemory &);
void reference(const isa::Transpose &, ReferenceMemory &);
void reference(const isa::Copy &, ReferenceMemory &);
void reference(const isa::Memset &, ReferenceMemory &);
void reference(const isa::TransposeBlock &, ReferenceMemory &);
void reference(const isa::Shuffle &, ReferenceMemory &);

// ReferenceArithmetic.cpp: everything that computes.
void reference(const isa::Matmul &, ReferenceMemory &);
void reference(const isa::TensorTensor &, ReferenceMemory &);
void reference(const isa::TensorScalar &, ReferenceMemory &);
void reference(const isa::Reduce &, ReferenceMemory &);
void reference(const isa::Scan &, ReferenceMemory &);
void reference(const isa::Select &, ReferenceMemory &);
void reference(const isa::Reciprocal &, ReferenceMemory &);
void reference(const isa::BnStats &, ReferenceMemory &);
void reference(const isa::BnAggregate &, ReferenceMemory &);
void reference(const isa::Max8 &, ReferenceMemory &);
void reference(const isa::FindIndex8 &, ReferenceMemory &);
void reference(const isa::MatchReplace8 &, ReferenceMemory &);
void reference(const isa::Random &, ReferenceMemory &);
void reference(const isa::Activate &, ReferenceMemory &);
void reference(const isa::Iota &, ReferenceMemory &);
void reference(const isa::AffineSelect &, ReferenceMemory &);
void reference(const isa::PartitionReduce &, ReferenceMemory &);
void reference(const isa::PartitionBroadcast &, ReferenceMemory &);
void reference(const isa::Gather &, ReferenceMemory &);
void reference(const isa::Scatter &, ReferenceMemory &);
void reference(const isa::IntTensorTensor &, ReferenceMemory &);
void reference(const isa::IntTensorScalar &, ReferenceMemory &);

} // namespace manaslu::test
