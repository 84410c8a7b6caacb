// Host threads that share the work of one large instruction.
#pragma once

#include "lib/Sim/Execute.h"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

namespace manaslu::sim {

/// A fixed set of threads. `run` splits a range into contiguous parts; whoever is free takes the next one, so that a thread that the host does not schedule
/// holds nobody up.
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
  void work();
  bool takePart(uint64_t ticket);
  void wake();

  std::vector<std::thread> workers_;
  std::mutex mutex_;
  std::condition_variable sleepers_;
  int asleep_ = 0;
  /// Number of the current piece of work << 8 | its parts that nobody has taken.
  std::atomic<uint64_t> state_{0};
  std::atomic<int> unfinished_{0};
  std::atomic<bool> stop_{false};
  // Of the current piece of work; they change only when all its parts are finished.
  const RangeFunction *function_ = nullptr;
  int64_t count_ = 0;
  int parts_ = 1;
};

} // namespace manaslu::sim
