// Which compiled variant of the kernels runs: chosen once by the CPU's features, or named by MANASLU_KERNELS.
#pragma once

#include "lib/Support/Error.h"

#include <string_view>
#include <vector>

namespace manaslu::numerics {

/// The compiled variants. All give the same bits (docs/Numerics.md N2); they differ in speed only.
enum class Variant { Scalar, Avx2, Avx512, Avx512Bf16 };

/// "scalar" "avx2" "avx512" "avx512bf16".
std::string_view nameOf(Variant variant);

/// Whether this build holds the variant and this CPU can run it. Scalar always is.
bool isAvailable(Variant variant);

/// All available variants, slowest first.
std::vector<Variant> availableVariants();

/// The variant in use. The first call reads MANASLU_KERNELS; a name that is unknown or cannot run here is ignored there (checkKernelSelection reports it).
Variant activeVariant();

/// Success, or MN-USE-KERNELS when MANASLU_KERNELS names a variant that does not exist or cannot run on this CPU.
Status checkKernelSelection();

/// What everything that computes with this room asks first: checkKernelSelection, then the self-test of the variant in use (MN-RUN-KERNELS, SelfTest.h).
/// Done once; later calls repeat the answer.
Status checkKernels();

/// Switches every bulk function of this room to the variant (tests, benchmarks). Not available: MN-USE-KERNELS and nothing changes. Not for concurrent use.
Status useVariant(Variant variant);

} // namespace manaslu::numerics
