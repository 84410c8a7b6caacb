// The floating-point modes of a kernel family, set for the length of a call and restored (docs/Numerics.md N3).
#pragma once

#include <cstdint>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace manaslu::numerics {

/// What a family of kernels needs beyond round-to-nearest-even: Keep leaves subnormals alone, Flush (pe) reads and writes them as zeros.
enum class SubnormalMode { Keep, Flush };

/// Holds the mode while in scope. The work must be behind a call that cannot be inlined, or the compiler may move it out.
class FloatEnvironment {
public:
#if defined(__x86_64__)
  explicit FloatEnvironment(SubnormalMode mode) : saved_(_mm_getcsr()), changed_((saved_ & ~0x3fu) != wanted(mode)) {
    if (changed_)
      _mm_setcsr(wanted(mode));
  }
  ~FloatEnvironment() {
    if (changed_)
      _mm_setcsr(saved_);
  }

private:
  static constexpr uint32_t wanted(SubnormalMode mode) { return mode == SubnormalMode::Flush ? 0x9fc0u : 0x1f80u; } // all exceptions masked
  uint32_t saved_;
  bool changed_;
#elif defined(__aarch64__)
  // FZ decides before rounding and is never used: the portable kernels flush in code.
  explicit FloatEnvironment(SubnormalMode) {
    asm volatile("mrs %0, fpcr" : "=r"(saved_));
    if (saved_ != 0)
      asm volatile("msr fpcr, %0" : : "r"(uint64_t{0}));
  }
  ~FloatEnvironment() {
    if (saved_ != 0)
      asm volatile("msr fpcr, %0" : : "r"(saved_));
  }

private:
  uint64_t saved_;
#else
  explicit FloatEnvironment(SubnormalMode) {}
#endif
  FloatEnvironment(const FloatEnvironment &) = delete;
  FloatEnvironment &operator=(const FloatEnvironment &) = delete;
};

} // namespace manaslu::numerics
