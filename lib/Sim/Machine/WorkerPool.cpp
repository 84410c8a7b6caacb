// Threads that spin shortly for the next piece of work, then sleep.
#include "lib/Sim/Machine/WorkerPool.h"

#include <algorithm>

namespace manaslu::sim {

namespace {

/// Instructions follow each other within microseconds: sleeping at once would cost more than it saves.
constexpr int kSpins = 10000;

void relax() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#endif
}

} // namespace

WorkerPool::WorkerPool(int threads) {
  for (int i = 1; i < threads; ++i)
    workers_.emplace_back([this] { work(); });
}

WorkerPool::~WorkerPool() {
  stop_ = true;
  state_.fetch_add(uint64_t(1) << 8);
  wake();
  for (std::thread &worker : workers_)
    worker.join();
}

void WorkerPool::wake() {
  std::lock_guard<std::mutex> lock(mutex_);
  if (asleep_ > 0)
    sleepers_.notify_all();
}

/// Takes and runs one part of the piece of work with this number; false when none is left.
bool WorkerPool::takePart(uint64_t ticket) {
  uint64_t state = state_.load(std::memory_order_acquire);
  do {
    if (state >> 8 != ticket || (state & 255) == 0)
      return false;
  } while (!state_.compare_exchange_weak(state, state - 1, std::memory_order_acq_rel));
  // This part is unfinished, so count_, parts_ and function_ stay as they are until it is done.
  auto bound = [this](int64_t i) {
    int64_t exact = count_ * i / parts_;
    return i == 0 || i == parts_ || count_ < 32 * parts_ ? exact : exact / 16 * 16;
  };
  auto part = static_cast<int64_t>((state & 255) - 1);
  int64_t begin = bound(part), end = bound(part + 1);
  if (begin < end)
    (*function_)(begin, end);
  unfinished_.fetch_sub(1, std::memory_order_release);
  return true;
}

void WorkerPool::run(int64_t count, int64_t grain, const RangeFunction &function) {
  int64_t parts = std::min<int64_t>(threads(), count / std::max<int64_t>(grain, 1));
  if (parts <= 1) {
    if (count > 0)
      function(0, count);
    return;
  }
  function_ = &function;
  count_ = count;
  parts_ = static_cast<int>(parts);
  unfinished_.store(parts_, std::memory_order_relaxed);
  uint64_t ticket = (state_.load(std::memory_order_relaxed) >> 8) + 1;
  state_.store(ticket << 8 | static_cast<uint64_t>(parts), std::memory_order_seq_cst);
  wake();
  while (takePart(ticket)) {
  }
  for (int spins = 0; unfinished_.load(std::memory_order_acquire) != 0; ++spins)
    if (spins < kSpins)
      relax();
    else
      std::this_thread::yield();
}

void WorkerPool::work() {
  uint64_t seen = 0;
  auto current = [this] { return state_.load(std::memory_order_seq_cst) >> 8; };
  while (true) {
    for (int i = 0; i < kSpins && current() == seen; ++i)
      relax();
    if (current() == seen) {
      std::unique_lock<std::mutex> lock(mutex_);
      ++asleep_;
      sleepers_.wait(lock, [&] { return current() != seen; });
      --asleep_;
    }
    seen = current();
    if (stop_.load())
      return;
    while (takePart(seen)) {
    }
  }
}

} // namespace manaslu::sim
