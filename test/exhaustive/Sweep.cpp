// Runs parts in shards.
#include "test/exhaustive/Sweep.h"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <mutex>
#include <thread>

namespace manaslu::numerics::exhaustive {

void Finding::merge(const Finding &other) {
  checked += other.checked;
  mismatches += other.mismatches;
  if (mismatch.empty())
    mismatch = other.mismatch;
  if (other.worstUlps > worstUlps) {
    worstUlps = other.worstUlps;
    worstInput = other.worstInput;
  }
}

void report(Finding &finding, std::string_view variant, uint64_t input, uint64_t actual, uint64_t expected) {
  if (finding.mismatches++ > 0)
    return;
  char text[160];
  std::snprintf(text, sizeof(text), "%.*s: input %08llx gives %08llx, not %08llx", static_cast<int>(variant.size()), variant.data(),
                static_cast<unsigned long long>(input), static_cast<unsigned long long>(actual), static_cast<unsigned long long>(expected));
  finding.mismatch = text;
}

std::vector<Part> allParts() {
  std::vector<Part> parts;
  for (auto &family : {unaryParts(), conversionParts(), stochasticParts(), pairParts()})
    parts.insert(parts.end(), family.begin(), family.end());
  return parts;
}

Finding sweep(const Part &part, const Selection &selection, int threads, const std::function<void(double)> &progress) {
  constexpr uint64_t kShard = uint64_t{1} << 18, kSmall = 65536;
  if (part.inputs <= kSmall && selection.stride != 1)
    return sweep(part, Selection(), threads, progress);
  uint64_t count = selection.count(part.inputs);
  std::atomic<uint64_t> next = 0;
  std::mutex mutex;
  Finding total;
  auto work = [&] {
    for (uint64_t begin; (begin = next.fetch_add(kShard)) < count;) {
      Finding finding;
      part.run(selection.start() + begin * selection.stride, selection.stride, std::min(kShard, count - begin), finding);
      std::lock_guard lock(mutex);
      total.merge(finding);
      if (progress)
        progress(static_cast<double>(std::min(count, begin + kShard)) / static_cast<double>(count));
    }
  };
  std::vector<std::thread> others;
  for (int i = 1; i < threads; ++i)
    others.emplace_back(work);
  work();
  for (std::thread &other : others)
    other.join();
  return total;
}

} // namespace manaslu::numerics::exhaustive
