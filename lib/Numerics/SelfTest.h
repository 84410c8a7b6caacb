// Known-answer vectors: whether the compiled kernels give the contract's bits on this very CPU (docs/Numerics.md N6).
#pragma once

#include "lib/Numerics/Dispatch.h"
#include "lib/Numerics/kernels/Table.h"

#include <string>
#include <vector>

namespace manaslu::numerics {

/// What one kernel made of the fixed inputs: which kernel, and a 64-bit hash over the bits of its outputs.
struct KernelAnswer {
  std::string kernel;
  uint64_t hash;
};

/// Runs every kernel of the tables, in a fixed order, on special values, arbitrary bits and numbers of ordinary size. Takes well below a millisecond.
std::vector<KernelAnswer> kernelAnswers(const KernelTable &table, const MatmulTable &matmul);

/// Success, or MN-RUN-KERNELS naming every kernel whose answer is not the known one (KnownAnswers.inc, made from the scalar oracles).
Status compareAnswers(Variant variant, const std::vector<KernelAnswer> &answers);

/// compareAnswers for an available variant.
Status selfTest(Variant variant);

} // namespace manaslu::numerics
