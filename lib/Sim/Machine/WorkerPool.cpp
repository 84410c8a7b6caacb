// Threads that spin shortly for the next piece of work, then sleep.
#include "lib/Sim/Machine/WorkerPool.h"

#include <algorithm>

namespace manaslu::sim {

namespace {

/// Instructions follow each other within microseconds: sleeping at once would cost more than it saves.
constexpr int kSpins = 4000;

void relax() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#endif
}

} // namespace

WorkerPool::WorkerPool(int threads) {
  for (int i = 1; i < threads; ++i)
    workers_.emplace_back([this, i] { work(i); });
}

WorkerPool::~WorkerPool() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stop_ = true;
    ticket_.fetch_add(1);
  }
  wake_.notify_all();
  for (std::thread &worker : workers_)
    worker.join();
}

void WorkerPool::runPart(int part) const {
  auto bound = [this](int i) {
    int64_t exact = count_ * i / parts_;
    return i == 0 || i == parts_ || count_ < 32 * parts_ ? exact : exact / 16 * 16;
  };
  int64_t begin = bound(part), end = bound(part + 1);
  if (begin < end)
    (*function_)(begin, end);
}

void WorkerPool::run(int64_t count, int64_t grain, const RangeFunction &function) {
  int64_t parts = std::min<int64_t>(threads(), count / std::max<int64_t>(grain, 1));
  if (parts <= 1) {
    if (count > 0)
      function(0, count);
    return;
  }
  {
    std::lock_guard<std::mutex> lock(mutex_);
    function_ = &function;
    count_ = count;
    parts_ = static_cast<int>(parts);
    unfinished_.store(static_cast<int>(workers_.size()), std::memory_order_relaxed);
    ticket_.fetch_add(1, std::memory_order_release);
  }
  wake_.notify_all();
  runPart(0);
  while (unfinished_.load(std::memory_order_acquire) != 0)
    relax();
}

void WorkerPool::work(int index) {
  uint64_t seen = 0;
  while (true) {
    for (int i = 0; i < kSpins && ticket_.load(std::memory_order_acquire) == seen; ++i)
      relax();
    if (ticket_.load(std::memory_order_acquire) == seen) {
      std::unique_lock<std::mutex> lock(mutex_);
      wake_.wait(lock, [&] { return ticket_.load(std::memory_order_acquire) != seen; });
    }
    seen = ticket_.load(std::memory_order_acquire);
    if (stop_.load())
      return;
    if (index < parts_)
      runPart(index);
    unfinished_.fetch_sub(1, std::memory_order_release);
  }
}

} // namespace manaslu::sim
