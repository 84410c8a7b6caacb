// Host threads that compute tasks as soon as those before them are done, and share the work of one large task when they have nothing better to do.
#pragma once

#include "lib/Sim/Execute.h"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

namespace manaslu::sim {

/// A set of tasks in a window of kWindow slots, worked on by a fixed set of threads. The owner's thread submits tasks and works too while it waits for a slot.
class TaskPool {
public:
  static constexpr int kWindow = 64; ///< tasks that are not finished; sets of slots are the bits of a word

  /// What computes a task.
  class Runner {
  public:
    virtual ~Runner() = default;
    virtual void runTask(int slot) = 0;
  };

  /// `threads` >= 1, the owner's included.
  explicit TaskPool(int threads);
  ~TaskPool();
  TaskPool(const TaskPool &) = delete;
  TaskPool &operator=(const TaskPool &) = delete;

  int threads() const { return static_cast<int>(workers_.size()) + 1; }

  // The owner's part.
  /// A free slot; computes tasks until there is one. Slots are given in turn.
  int acquire();
  /// The slots whose tasks are not finished. They may finish at any time.
  uint64_t unfinished() const { return unfinished_.load(std::memory_order_acquire); }
  /// The slot from acquire() holds a task, to be computed by `runner` when the tasks `before` (a set of slots) are finished.
  void submit(int slot, uint64_t before, Runner &runner);
  /// Computes tasks until all are finished.
  void drain();

  /// From within a task, or by the owner when there are none: calls `run` on disjoint parts that cover [0, count). Threads that have nothing else to do take
  /// parts. They are at least `grain` long; their bounds are multiples of 16 where possible, so that neighbours do not share cache lines.
  void parallel(int64_t count, int64_t grain, const RangeFunction &run);

private:
  /// A range whose parts are for whoever is free.
  struct Shared {
    const RangeFunction &run;
    int64_t count;
    int parts;
    std::atomic<int> next{0}; ///< the first part that nobody has taken
    int helpers = 0;          ///< threads at work on it but for the one whose range it is; changes under the lock
  };

  bool hasWork() const { return ready_.load(std::memory_order_relaxed) != 0 || open_.load(std::memory_order_relaxed) != 0; }
  bool workOnce();
  template <class Done> void workUntil(Done &&done);
  int takeOldest();
  void takeParts(Shared &shared);
  void finish(int slot);
  void wake(std::unique_lock<std::mutex> lock);
  void workerLoop();

  std::vector<std::thread> workers_;
  std::mutex mutex_;
  std::condition_variable sleepers_;
  int asleep_ = 0;
  bool stop_ = false;

  // Written under the lock, read without it.
  std::atomic<uint64_t> ready_{0}, unfinished_{0};
  std::atomic<int> open_{0}; ///< ranges with parts that nobody has taken

  // Under the lock.
  std::array<uint64_t, kWindow> before_{};
  std::array<Runner *, kWindow> runners_{};
  std::vector<Shared *> shared_;
  int next_ = 0; ///< slot of the next task: the oldest of the others is the first one from here on
};

} // namespace manaslu::sim
