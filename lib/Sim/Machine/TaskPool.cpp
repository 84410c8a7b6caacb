// The window of tasks under one lock; threads without work spin shortly, then sleep.
#include "lib/Sim/Machine/TaskPool.h"

#include <algorithm>
#include <bit>

namespace manaslu::sim {

namespace {

/// Tasks that had waited for the one that this thread computed last: their operands are in its cache.
thread_local uint64_t freed = 0;

/// Tasks follow each other within microseconds: sleeping at once would cost more than it saves.
constexpr int kSpins = 10000;

void relax() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#endif
}

uint64_t bitOf(int slot) { return uint64_t(1) << slot; }

} // namespace

TaskPool::TaskPool(int threads) {
  for (int i = 1; i < threads; ++i)
    workers_.emplace_back([this] { workerLoop(); });
}

TaskPool::~TaskPool() {
  std::unique_lock<std::mutex> lock(mutex_);
  stop_ = true;
  lock.unlock();
  sleepers_.notify_all();
  for (std::thread &worker : workers_)
    worker.join();
}

void TaskPool::wake(std::unique_lock<std::mutex> lock) {
  bool sleeping = asleep_ > 0;
  lock.unlock();
  if (sleeping)
    sleepers_.notify_all();
}

int TaskPool::acquire() {
  int slot = next_; // only this thread changes it
  workUntil([&] { return (unfinished() & bitOf(slot)) == 0; });
  return slot;
}

void TaskPool::submit(int slot, uint64_t before, Runner &runner) {
  std::unique_lock<std::mutex> lock(mutex_);
  before &= unfinished_;
  before_[static_cast<size_t>(slot)] = before;
  runners_[static_cast<size_t>(slot)] = &runner;
  unfinished_ |= bitOf(slot);
  next_ = (slot + 1) % kWindow;
  if (before != 0)
    return;
  ready_ |= bitOf(slot);
  wake(std::move(lock));
}

void TaskPool::drain() {
  workUntil([&] { return unfinished() == 0; });
}

int TaskPool::takeOldest() {
  uint64_t ready = ready_.load(std::memory_order_relaxed);
  if ((ready & freed) != 0)
    ready &= freed;
  int slot = (next_ + std::countr_zero(std::rotr(ready, next_))) % kWindow;
  ready_ &= ~bitOf(slot);
  return slot;
}

void TaskPool::finish(int slot) {
  std::unique_lock<std::mutex> lock(mutex_);
  unfinished_ &= ~bitOf(slot);
  freed = 0;
  for (uint64_t others = unfinished_; others != 0; others &= others - 1) {
    int other = std::countr_zero(others);
    uint64_t &before = before_[static_cast<size_t>(other)];
    if (before == bitOf(slot)) {
      ready_ |= bitOf(other);
      freed |= bitOf(other);
    }
    before &= ~bitOf(slot);
  }
  if (freed != 0)
    wake(std::move(lock));
}

/// Computes one task, or parts of somebody's range; false when there is nothing to do.
bool TaskPool::workOnce() {
  std::unique_lock<std::mutex> lock(mutex_);
  if (ready_ != 0) {
    int slot = takeOldest();
    Runner &runner = *runners_[static_cast<size_t>(slot)];
    lock.unlock();
    runner.runTask(slot);
    finish(slot);
    return true;
  }
  auto open = std::find_if(shared_.begin(), shared_.end(), [](const Shared *each) { return each->next.load(std::memory_order_relaxed) < each->parts; });
  if (open == shared_.end())
    return false;
  Shared &shared = **open;
  ++shared.helpers;
  lock.unlock();
  takeParts(shared);
  lock.lock();
  --shared.helpers;
  return true;
}

void TaskPool::takeParts(Shared &shared) {
  auto bound = [&](int64_t i) {
    int64_t exact = shared.count * i / shared.parts;
    return i == 0 || i == shared.parts || shared.count < 32 * shared.parts ? exact : exact / 16 * 16;
  };
  for (int part; (part = shared.next.fetch_add(1, std::memory_order_relaxed)) < shared.parts;) {
    if (part == shared.parts - 1)
      --open_;
    int64_t begin = bound(part), end = bound(part + 1);
    if (begin < end)
      shared.run(begin, end);
  }
}

/// The owner works, and waits when there is nothing to do, until `done`.
template <class Done> void TaskPool::workUntil(Done &&done) {
  while (!done()) {
    if (workOnce())
      continue;
    for (int spins = 0; !done() && !hasWork(); ++spins)
      if (spins < kSpins)
        relax();
      else
        std::this_thread::yield();
  }
}

void TaskPool::workerLoop() {
  while (true) {
    if (workOnce())
      continue;
    for (int spins = 0; spins < kSpins && !hasWork(); ++spins)
      relax();
    if (!hasWork()) {
      std::unique_lock<std::mutex> lock(mutex_);
      ++asleep_;
      sleepers_.wait(lock, [&] { return stop_ || hasWork(); });
      --asleep_;
      if (stop_)
        return;
    }
  }
}

void TaskPool::parallel(int64_t count, int64_t grain, const RangeFunction &run) {
  constexpr int64_t kPartsEach = 4; // so that a thread that becomes free in between finds some
  auto parts = static_cast<int>(std::min<int64_t>(kPartsEach * threads(), count / std::max<int64_t>(grain, 1)));
  if (parts <= 1) {
    if (count > 0)
      run(0, count);
    return;
  }
  Shared shared{run, count, parts};
  std::unique_lock<std::mutex> lock(mutex_);
  shared_.push_back(&shared);
  ++open_;
  wake(std::move(lock));
  takeParts(shared);
  lock = std::unique_lock<std::mutex>(mutex_);
  std::erase(shared_, &shared);
  // Nothing else meanwhile: what this thread keeps for the task that it is in would be lost.
  for (int spins = 0; shared.helpers != 0; ++spins) {
    lock.unlock();
    if (spins < kSpins)
      relax();
    else
      std::this_thread::yield();
    lock.lock();
  }
}

} // namespace manaslu::sim
