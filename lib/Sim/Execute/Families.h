// One function per instruction, by family; Execute.cpp visits them. An instruction without a function here does not compile.
#pragma once

#include "lib/Sim/Execute.h"

namespace manaslu::sim {

// Control (Control.cpp): registers; sequencing itself is the machine's.
Status run(const isa::Halt &, Memory &);
Status run(const isa::Wait &, Memory &);
Status run(const isa::Signal &, Memory &);
Status run(const isa::Loop &, Memory &);
Status run(const isa::EndLoop &, Memory &);
Status run(const isa::RegSet &, Memory &);
Status run(const isa::RegAdd &, Memory &);
Status run(const isa::RegAddReg &, Memory &);
Status run(const isa::RegMul &, Memory &);
Status run(const isa::RegRotate &, Memory &);
Status run(const isa::RegLoad &, Memory &);
Status run(const isa::RegStore &, Memory &);
Status run(const isa::RegLoadDevice &, Memory &);
Status run(const isa::RegStoreDevice &, Memory &);
Status run(const isa::SemClear &, Memory &);
Status run(const isa::Barrier &, Memory &);

// Transfers (Transfer.cpp, TransferIndexed.cpp).
Status run(const isa::DmaLoad &, Memory &);
Status run(const isa::DmaStore &, Memory &);
Status run(const isa::DmaMove &, Memory &);
Status run(const isa::DmaCopy &, Memory &);
Status run(const isa::DmaGather &, Memory &);
Status run(const isa::DmaScatter &, Memory &);
Status run(const isa::DmaTranspose &, Memory &);
Status run(const isa::DmaFill &, Memory &);

// Matrix engine (Matrix.cpp).
Status run(const isa::Matmul &, Memory &);
Status run(const isa::Transpose &, Memory &);

// Vector engine (Vector.cpp, VectorRows.cpp, VectorSearch.cpp).
Status run(const isa::TensorTensor &, Memory &);
Status run(const isa::TensorScalar &, Memory &);
Status run(const isa::Reduce &, Memory &);
Status run(const isa::Scan &, Memory &);
Status run(const isa::Select &, Memory &);
Status run(const isa::Copy &, Memory &);
Status run(const isa::Memset &, Memory &);
Status run(const isa::Reciprocal &, Memory &);
Status run(const isa::BnStats &, Memory &);
Status run(const isa::BnAggregate &, Memory &);
Status run(const isa::Max8 &, Memory &);
Status run(const isa::FindIndex8 &, Memory &);
Status run(const isa::MatchReplace8 &, Memory &);
Status run(const isa::TransposeBlock &, Memory &);
Status run(const isa::Shuffle &, Memory &);
Status run(const isa::Random &, Memory &);

// Scalar engine (Scalar.cpp).
Status run(const isa::Activate &, Memory &);

// General engine (General.cpp).
Status run(const isa::Iota &, Memory &);
Status run(const isa::AffineSelect &, Memory &);
Status run(const isa::PartitionReduce &, Memory &);
Status run(const isa::PartitionBroadcast &, Memory &);
Status run(const isa::Gather &, Memory &);
Status run(const isa::Scatter &, Memory &);
Status run(const isa::IntTensorTensor &, Memory &);
Status run(const isa::IntTensorScalar &, Memory &);

} // namespace manaslu::sim
