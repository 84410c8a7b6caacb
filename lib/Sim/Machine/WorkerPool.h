// Host threads that share the work of one large instruction.
#pragma once

#include "lib/Sim/Execute.h"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

namespace manaslu::sim {

/// A fixed set of threads. `run` splits a range into contiguous parts, one a thread; the caller takes the first.
class WorkerPool {
public:
  explicit WorkerPool(int threads);
  ~WorkerPool();
  WorkerPool(const WorkerPool &) = delete;
  WorkerPool &operator=(const WorkerPool &) = delete;

  int threads() const { return static_cast<int>(workers_.size()) + 1; }
  /// Parts are at least `grain` long; their bounds are multiples of 16 where possible, so that neighbours do not share cache lines.
  void run(int64_t count, int64_t grain, const RangeFunction &function);

private:
  void work(int index);
  void runPart(int part) const;

  std::vector<std::thread> workers_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::atomic<uint64_t> ticket_{0};
  std::atomic<int> unfinished_{0};
  std::atomic<bool> stop_{false};
  const RangeFunction *function_ = nullptr;
  int64_t count_ = 0;
  int parts_ = 1;
};

} // namespace manaslu::sim
