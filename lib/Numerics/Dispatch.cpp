// Chooses the kernel variant by CPU feature or by MANASLU_KERNELS.
#include "lib/Numerics/Dispatch.h"

#include "lib/Numerics/SelfTest.h"
#include "lib/Numerics/kernels/Table.h"

#include <atomic>
#include <cstdlib>
#include <optional>

namespace manaslu::numerics {

static constexpr std::string_view kNames[] = {"scalar", "avx2", "avx512", "avx512bf16"};
static constexpr Variant kVariants[] = {Variant::Scalar, Variant::Avx2, Variant::Avx512, Variant::Avx512Bf16};

std::string_view nameOf(Variant variant) { return kNames[static_cast<int>(variant)]; }

bool isAvailable(Variant variant) {
#if defined(__x86_64__)
  switch (variant) {
  case Variant::Scalar: return true;
  case Variant::Avx2: return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
  case Variant::Avx512:
    return isAvailable(Variant::Avx2) && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl");
  case Variant::Avx512Bf16: return isAvailable(Variant::Avx512) && __builtin_cpu_supports("avx512bf16");
  }
#endif
  return variant == Variant::Scalar;
}

std::vector<Variant> availableVariants() {
  std::vector<Variant> variants;
  for (Variant variant : kVariants)
    if (isAvailable(variant))
      variants.push_back(variant);
  return variants;
}

namespace {

std::optional<Variant> variantFromName(std::string_view name) {
  for (Variant variant : kVariants)
    if (nameOf(variant) == name)
      return variant;
  return std::nullopt;
}

std::string availableNames() {
  std::string names;
  for (Variant variant : availableVariants())
    names += (names.empty() ? "" : ", ") + std::string(nameOf(variant));
  return names;
}

/// Whether one vdpbf16ps takes less time than the two fused steps that it stands for: a full-rate instruction on AMD's cores, half-rate on Intel's up to
/// Sapphire Rapids (measured: 1.9 cycles there, a fused step half a cycle), where a bf16 BERT runs 1.4 times as long with it.
bool hasFastPairs() {
#if defined(__x86_64__)
  return __builtin_cpu_is("amd");
#else
  return false;
#endif
}

Variant initialVariant() {
  if (const char *name = std::getenv("MANASLU_KERNELS"))
    if (auto wanted = variantFromName(name); wanted && isAvailable(*wanted))
      return *wanted;
  Variant best = availableVariants().back();
  return best == Variant::Avx512Bf16 && !hasFastPairs() ? Variant::Avx512 : best;
}

std::atomic<Variant> &selected() {
  static std::atomic<Variant> variant = initialVariant();
  return variant;
}

Error unavailable(std::string_view name) {
  return Error("MN-USE-KERNELS", "the kernel variant '" + std::string(name) + "' is unknown or cannot run on this CPU; it can run " + availableNames(),
               "MANASLU_KERNELS");
}

} // namespace

Variant activeVariant() { return selected().load(std::memory_order_relaxed); }

Status checkKernelSelection() {
  const char *name = std::getenv("MANASLU_KERNELS");
  if (!name)
    return {};
  auto wanted = variantFromName(name);
  return wanted && isAvailable(*wanted) ? Status() : Status(unavailable(name));
}

Status checkKernels() {
  static const Status selection = checkKernelSelection();
  if (!selection)
    return selection;
  static const Status tested = selfTest(activeVariant());
  return tested;
}

Status useVariant(Variant variant) {
  if (!isAvailable(variant))
    return unavailable(nameOf(variant));
  selected().store(variant, std::memory_order_relaxed);
  return {};
}

const KernelTable &kernelsOf(Variant variant) {
#if defined(__x86_64__)
  switch (variant) {
  case Variant::Scalar: return scalarKernels();
  case Variant::Avx2: return avx2Kernels();
  case Variant::Avx512:
  case Variant::Avx512Bf16: return avx512Kernels();
  }
#endif
  return scalarKernels();
}

const MatmulTable &matmulKernelsOf(Variant variant) {
#if defined(__x86_64__)
  switch (variant) {
  case Variant::Scalar: return scalarMatmul();
  case Variant::Avx2: return avx2Matmul();
  case Variant::Avx512: return avx512Matmul();
  case Variant::Avx512Bf16: return avx512Bf16Matmul();
  }
#endif
  return scalarMatmul();
}

const KernelTable &kernels() { return kernelsOf(activeVariant()); }

const MatmulTable &matmulKernels() { return matmulKernelsOf(activeVariant()); }

} // namespace manaslu::numerics
