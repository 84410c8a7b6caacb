// The window of tasks: order, sharing, and that nothing is lost or done twice.
#include "lib/Sim/Machine/TaskPool.h"
#include "test/programs/RandomInstructions.h"

#include <catch2/catch.hpp>

#include <random>

namespace manaslu::test {

namespace {

/// Tasks that note when they run; each also cuts a range into parts that anybody may take.
class Recorder final : public sim::TaskPool::Runner {
public:
  explicit Recorder(sim::TaskPool &pool) : pool_(pool) {}

  /// Adds a task after those of the given numbers that are not finished; returns its own.
  size_t add(const std::vector<size_t> &after) {
    int slot = pool_.acquire();
    uint64_t before = 0;
    for (size_t number : after)
      if (numberIn_[size_t(slotOf_[number])] == number) // else its slot was given to another one since
        before |= uint64_t(1) << slotOf_[number];
    size_t number = slotOf_.size();
    slotOf_.push_back(slot);
    numberIn_[size_t(slot)] = number;
    pool_.submit(slot, before & pool_.unfinished(), *this);
    return number;
  }

  void runTask(int slot) override {
    size_t number = numberIn_[size_t(slot)];
    begun[number] = clock_++;
    auto part = [&](int64_t begin, int64_t end) { covered[number] += end - begin; };
    pool_.parallel(kCount, 1, RangeFunction(part));
    ended[number] = clock_++;
  }

  static constexpr int64_t kCount = 100;
  static constexpr size_t kTasks = 3000;
  using Numbers = std::vector<std::atomic<int64_t>>;
  Numbers begun = Numbers(kTasks), ended = Numbers(kTasks), covered = Numbers(kTasks);

private:
  sim::TaskPool &pool_;
  std::atomic<int64_t> clock_{1};
  std::vector<int> slotOf_;
  std::array<size_t, sim::TaskPool::kWindow> numberIn_{};
};

} // namespace

TEST_CASE("0019: a task begins when those before it have ended, and every part is computed once", "[sim]") {
  uint64_t seed = isa::test::testSeed();
  INFO("MANASLU_SEED=" << seed);
  std::mt19937_64 generator(seed);
  for (int threads : {1, 2, 3, 8}) {
    sim::TaskPool pool(threads);
    Recorder recorder(pool);
    std::vector<std::vector<size_t>> after(Recorder::kTasks);
    for (size_t i = 0; i < Recorder::kTasks; ++i) {
      for (int j = 0; i > 0 && j < int(generator() % 4); ++j)
        after[i].push_back(i - 1 - generator() % std::min<size_t>(i, 80));
      REQUIRE(recorder.add(after[i]) == i);
      if (generator() % 500 == 0)
        pool.drain();
    }
    pool.drain();
    CHECK(pool.unfinished() == 0);
    bool inOrder = true, complete = true;
    for (size_t i = 0; i < Recorder::kTasks; ++i) {
      complete = complete && recorder.begun[i] > 0 && recorder.covered[i] == Recorder::kCount;
      for (size_t earlier : after[i])
        inOrder = inOrder && recorder.ended[earlier] < recorder.begun[i];
    }
    INFO(threads << " threads");
    CHECK(inOrder);
    CHECK(complete);
  }
}

} // namespace manaslu::test
