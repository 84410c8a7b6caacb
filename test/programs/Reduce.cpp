// Delta debugging (Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", 2002) over parts of a program.
#include "test/programs/Reduce.h"

#include "lib/ISA/FieldWalk.h"
#include "lib/Sim/Operands.h"
#include "test/programs/RandomInstructions.h"

#include <algorithm>
#include <set>

namespace manaslu::test {

namespace {

/// Visitors of walkInstruction: of one type each, so that the walk is compiled once.
struct ReadScalars {
  std::vector<int64_t> &scalars;
  template <class T> void operator()(const T &value, const isa::FieldLayout &, int) const { scalars.push_back(isa::toBits(value)); }
};
struct WriteScalars {
  const int64_t *next;
  template <class T> void operator()(T &value, const isa::FieldLayout &, int) { value = isa::fromBits<T>(*next++); }
};

/// The bits of every scalar of the instruction, in the order of the walk.
std::vector<int64_t> scalarsOf(const isa::Instruction &instruction) {
  std::vector<int64_t> scalars;
  std::visit([&scalars](const auto &inner) { isa::walkInstruction(inner, ReadScalars{scalars}); }, instruction);
  return scalars;
}

void setScalars(isa::Instruction &instruction, const std::vector<int64_t> &scalars) {
  std::visit([&scalars](auto &inner) { isa::walkInstruction(inner, WriteScalars{scalars.data()}); }, instruction);
}

/// An instruction's place.
struct Place {
  isa::StreamId stream;
  size_t index;
  auto operator<=>(const Place &) const = default;
};

class Reducer {
public:
  Reducer(Case input, const std::function<bool(const Case &)> &fails, int budget) : best_(std::move(input)), fails_(fails), budget_(budget) {}

  Case run() {
    size_t before = 0;
    do {
      before = size();
      dropStreams();
      dropOutputs();
      leaveOut([](const isa::Instruction &each) { return !isSequencing(each); }, &Reducer::withoutWork);
      dropSemaphores();
      dropLoops();
      dropBarriers();
      leaveOut([](const isa::Instruction &each) { return isSequencing(each) && !isStructure(each); }, &Reducer::without);
      simplifyFields();
    } while (size() < before && budget_ > 0);
    dropUnusedRegions();
    return std::move(best_);
  }

private:
  static bool isStructure(const isa::Instruction &each) {
    return std::holds_alternative<isa::Loop>(each) || std::holds_alternative<isa::EndLoop>(each) || std::holds_alternative<isa::Halt>(each) ||
           std::holds_alternative<isa::Barrier>(each);
  }
  static bool isSequencing(const isa::Instruction &each) {
    return isStructure(each) || std::holds_alternative<isa::Wait>(each) || std::holds_alternative<isa::Signal>(each);
  }

  /// Instructions and the bits set in them: what shrinks.
  size_t size() const {
    size_t total = 0;
    for (const auto &[id, code] : best_.program.streams)
      for (const isa::Instruction &instruction : code) {
        total += 1000;
        for (int64_t scalar : scalarsOf(instruction))
          total += static_cast<size_t>(std::popcount(static_cast<uint64_t>(scalar)));
      }
    return total;
  }

  bool tryCase(Case candidate) {
    if (budget_-- <= 0 || !fails_(candidate))
      return false;
    best_ = std::move(candidate);
    return true;
  }

  std::vector<Place> places(bool (*wanted)(const isa::Instruction &)) const {
    std::vector<Place> list;
    for (const auto &[id, code] : best_.program.streams)
      for (size_t i = 0; i < code.size(); ++i)
        if (wanted(code[i]))
          list.push_back({id, i});
    return list;
  }

  /// The case without the instructions at these places.
  Case without(const std::set<Place> &left) const {
    Case copy = best_;
    for (auto &[id, code] : copy.program.streams) {
      size_t index = 0;
      auto stream = id;
      std::erase_if(code, [&](const isa::Instruction &) { return left.contains({stream, index++}); });
    }
    return copy;
  }

  /// The same, but what an instruction waits for and signals stays.
  Case withoutWork(const std::set<Place> &left) const {
    Case copy = best_;
    std::set<Place> silent;
    for (const Place &place : left) {
      isa::Instruction &instruction = copy.program.streams[place.stream][place.index];
      isa::Wait wait;
      wait.sync = isa::syncOf(instruction);
      if (wait.sync == isa::Sync())
        silent.insert(place);
      instruction = wait;
    }
    for (auto &[id, code] : copy.program.streams) {
      size_t index = 0;
      auto stream = id;
      std::erase_if(code, [&](const isa::Instruction &) { return silent.contains({stream, index++}); });
    }
    return copy;
  }

  /// ddmin: leaves out ever smaller groups of neighbours.
  void leaveOut(bool (*wanted)(const isa::Instruction &), Case (Reducer::*make)(const std::set<Place> &) const) {
    for (size_t group = std::max<size_t>(1, places(wanted).size() / 2); group > 0 && budget_ > 0; group /= 2)
      for (size_t first = 0;;) {
        std::vector<Place> list = places(wanted);
        if (first >= list.size() || budget_ <= 0)
          break;
        auto begin = list.begin() + static_cast<ptrdiff_t>(first), end = list.begin() + static_cast<ptrdiff_t>(std::min(first + group, list.size()));
        if (!tryCase((this->*make)({begin, end})) || places(wanted).size() == list.size())
          first += group;
      }
  }

  void dropStreams() {
    std::vector<isa::StreamId> ids;
    for (const auto &[id, code] : best_.program.streams)
      ids.push_back(id);
    for (isa::StreamId id : ids) {
      Case copy = best_;
      copy.program.streams.erase(id);
      tryCase(std::move(copy));
    }
  }

  /// An output becomes scratch memory, and what stored to it is left out.
  void dropOutputs() {
    for (uint32_t region = 0; region < best_.program.regions.size(); ++region) {
      if (best_.program.regions[region].kind != isa::RegionKind::Output)
        continue;
      std::set<Place> stores;
      for (const auto &[id, code] : best_.program.streams)
        for (size_t i = 0; i < code.size(); ++i)
          for (const sim::OperandUse &use : sim::operandsOf(code[i]))
            if (!use.isTile() && use.device().region == region)
              stores.insert({id, i});
      Case copy = withoutWork(stores);
      copy.program.regions[region].kind = isa::RegionKind::Scratch;
      tryCase(std::move(copy));
    }
  }

  /// Nobody waits for the semaphore or increments it.
  void dropSemaphores() {
    for (uint16_t number = 0; number < isa::kSemaphoreCount; ++number) {
      Case copy = best_;
      bool used = false;
      for (auto &[id, code] : copy.program.streams)
        for (isa::Instruction &instruction : code) {
          isa::Sync &sync = isa::syncOf(instruction);
          used |= sync.waitSem == number || sync.signalSem == number;
          if (sync.waitSem == number)
            sync.waitSem = isa::kNoSemaphore, sync.waitReg = 0, sync.waitValue = 0;
          if (sync.signalSem == number)
            sync.signalSem = isa::kNoSemaphore;
        }
      if (used)
        tryCase(std::move(copy));
    }
  }

  /// A loop's body is executed once, without the loop.
  void dropLoops() {
    std::vector<Place> loops = places([](const isa::Instruction &each) { return std::holds_alternative<isa::Loop>(each); });
    for (auto loop = loops.rbegin(); loop != loops.rend(); ++loop) {
      const std::vector<isa::Instruction> &code = best_.program.streams[loop->stream];
      size_t end = loop->index;
      for (int depth = 0; end < code.size(); ++end) {
        depth += std::holds_alternative<isa::Loop>(code[end]);
        depth -= std::holds_alternative<isa::EndLoop>(code[end]);
        if (depth == 0)
          break;
      }
      tryCase(without({*loop, {loop->stream, end}}));
    }
  }

  /// The n-th barrier of every stream at once.
  void dropBarriers() {
    for (size_t n = 0;; ++n) {
      std::set<Place> barriers;
      for (const auto &[id, code] : best_.program.streams) {
        size_t count = 0;
        for (size_t i = 0; i < code.size(); ++i)
          if (std::holds_alternative<isa::Barrier>(code[i]) && count++ == n)
            barriers.insert({id, i});
      }
      if (barriers.empty() || budget_ <= 0)
        return;
      n -= tryCase(without(barriers));
    }
  }

  /// Every value that is not the initial one: that, or half the distance to it.
  void simplifyFields() {
    for (const Place &place : places([](const isa::Instruction &) { return true; })) {
      size_t fields = scalarsOf(best_.program.streams[place.stream][place.index]).size();
      for (size_t field = 0; field < fields; ++field)
        for (bool halfway : {false, true})
          while (budget_ > 0 && simplify(place, field, halfway) && halfway) {
          }
    }
  }

  bool simplify(const Place &place, size_t field, bool halfway) {
    Case copy = best_;
    isa::Instruction &instruction = copy.program.streams[place.stream][place.index];
    std::vector<int64_t> scalars = scalarsOf(instruction);
    int64_t old = scalars[field], target = scalarsOf(isa::test::instructionOfKind(instruction.index()))[field];
    scalars[field] = halfway ? static_cast<int64_t>(target + (static_cast<__int128>(old) - target) / 2) : target;
    setScalars(instruction, scalars);
    return scalars[field] != old && tryCase(std::move(copy));
  }

  /// The last regions that no operand names; the others keep their numbers.
  void dropUnusedRegions() {
    while (!best_.program.regions.empty()) {
      auto last = static_cast<uint32_t>(best_.program.regions.size() - 1);
      Case copy = best_;
      bool isInput = copy.program.regions.back().kind == isa::RegionKind::Input;
      std::erase_if(copy.program.constants, [last](const isa::ConstantData &data) { return data.region == last; });
      copy.program.regions.pop_back();
      if (isInput)
        copy.inputs.pop_back();
      budget_ = std::max(budget_, 1);
      if (!tryCase(std::move(copy)))
        return;
    }
  }

  Case best_;
  const std::function<bool(const Case &)> &fails_;
  int budget_;
};

} // namespace

Case reduceCase(Case input, const std::function<bool(const Case &)> &fails, int budget) { return Reducer(std::move(input), fails, budget).run(); }

} // namespace manaslu::test
