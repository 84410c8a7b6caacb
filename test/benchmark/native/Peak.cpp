// Independent chains of fused multiply-adds in registers, as many as hide the latency.
#include "Peak.h"

#include <chrono>
#include <thread>
#include <vector>

namespace manaslu::benchmark {

namespace {

constexpr int kChains = 12;
constexpr int kSteps = 10000000; ///< some 20 ms: as long as what is compared with it, so that other work on the host slows both down

/// Keeps the optimiser from knowing a value. Through memory: no register constraint fits every vector.
template <class Vector> [[gnu::always_inline]] inline void hide(Vector &value) { asm volatile("" : "+m"(value)); }

/// Runs the chains; the sum of all of them keeps them from being dropped.
template <class Vector> [[gnu::always_inline]] inline float chains() {
  Vector sum[kChains], factor = {}, addend = {};
  factor += 0.999f;
  addend += 0.001f;
  for (int c = 0; c < kChains; ++c)
    sum[c] = addend * static_cast<float>(c);
  for (int i = 0; i < kSteps; ++i) {
    hide(factor);
#pragma GCC unroll 16
    for (int c = 0; c < kChains; ++c)
      sum[c] = __builtin_elementwise_fma(sum[c], factor, addend);
  }
  float total = 0;
  for (const Vector &each : sum)
    total += each[0];
  return total;
}

using Vector4 = float __attribute__((vector_size(16)));

float narrowChains() { return chains<Vector4>(); }
#if defined(__x86_64__)
using Vector8 = float __attribute__((vector_size(32)));
using Vector16 = float __attribute__((vector_size(64)));
[[gnu::target("avx2,fma")]] float avx2Chains() { return chains<Vector8>(); }
[[gnu::target("avx512f")]] float avx512Chains() { return chains<Vector16>(); }
#endif

struct Kernel {
  float (*run)();
  int lanes;
};

Kernel widest() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f"))
    return {avx512Chains, 16};
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    return {avx2Chains, 8};
#endif
  return {narrowChains, 4};
}

} // namespace

double measureFusedPeak(int threads) {
  Kernel kernel = widest();
  std::vector<float> sums(static_cast<size_t>(threads));
  auto begin = std::chrono::steady_clock::now();
  std::vector<std::thread> others;
  for (int i = 1; i < threads; ++i)
    others.emplace_back([&sums, kernel, i] { sums[static_cast<size_t>(i)] = kernel.run(); });
  sums[0] = kernel.run();
  for (std::thread &other : others)
    other.join();
  double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  hide(sums[0]);
  return 2.0 * kernel.lanes * kChains * kSteps * threads / seconds;
}

} // namespace manaslu::benchmark
