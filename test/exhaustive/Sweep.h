// Exhaustive proof of the numeric contract: parts that try every input of an operation, cut into shards that threads take one after the other.
#pragma once

#include "lib/Numerics/Dispatch.h"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace manaslu::numerics::exhaustive {

/// Which inputs a part takes: every `stride`-th, from a start that the seed decides. Stride 1 takes all of them.
struct Selection {
  uint64_t stride = 1;
  uint64_t seed = 0;

  /// The first input taken, below the stride.
  uint64_t start() const { return stride > 1 ? seed * 0x9e3779b97f4a7c15u % stride : 0; }
  /// How many of `all` inputs are taken.
  uint64_t count(uint64_t all) const { return start() < all ? (all - start() + stride - 1) / stride : 0; }
};

/// What a part, or one shard of it, found.
struct Finding {
  uint64_t checked = 0;    ///< inputs tried, in every variant
  uint64_t mismatches = 0; ///< results that are not the oracle's bits
  std::string mismatch;    ///< one of them
  double worstUlps = 0;    ///< largest distance from the exact value, where that is measured
  float worstInput = 0;

  void merge(const Finding &other);
};

/// One operation over all its inputs, which are numbered from 0.
struct Part {
  std::string name;  ///< "unary exp", "narrow bf16 saturate", ...
  uint64_t inputs;   ///< 2^32 for one fp32 operand
  double limit = -1; ///< the documented error in ULP; below 0: not measured
  /// Tries the inputs first, first + stride, ... (`count` of them).
  std::function<void(uint64_t first, uint64_t stride, uint64_t count, Finding &finding)> run;

  bool holds(const Finding &finding) const { return finding.mismatches == 0 && (limit < 0 || finding.worstUlps <= limit); }
};

std::vector<Part> unaryParts();
std::vector<Part> conversionParts();
std::vector<Part> stochasticParts();
std::vector<Part> pairParts();
/// All of them, in that order.
std::vector<Part> allParts();

/// Runs the selected inputs of a part on `threads` threads; a part of at most 65536 inputs is always run whole. `progress` is told, from one thread at a time,
/// the share that is done.
Finding sweep(const Part &part, const Selection &selection, int threads, const std::function<void(double)> &progress = {});

/// Adds "variant: input 3f800000 gives 00000001, not 00000002" to the finding.
void report(Finding &finding, std::string_view variant, uint64_t input, uint64_t actual, uint64_t expected);

} // namespace manaslu::numerics::exhaustive
