// The judge of synchronisation.
#include "lib/Conversion/TileToIsa/CheckSynchronisation.h"

#include "lib/Conversion/TileToIsa/Touches.h"
#include "lib/ISA/Codec.h"

#include <algorithm>
#include <functional>
#include <set>

namespace manaslu::tile {

namespace {

/// An access that happened: who can tell that it is over.
struct Past {
  int stream = -1;
  int semaphore = -1;
  uint32_t count = 0;
  int64_t order = -1;
  uint32_t pc = 0;
};

/// The last accesses of disjoint byte ranges of one memory and one class of partitions.
class Shadow {
public:
  struct Cell {
    int64_t high = 0;
    Past writer;
    std::vector<Past> readers;
  };

  /// Calls fn(cell) for cells that together cover [low, high) exactly.
  template <class F> void over(int64_t low, int64_t high, F &&fn) {
    auto at = cells_.upper_bound(low);
    if (at != cells_.begin() && std::prev(at)->second.high > low) {
      --at;
      if (at->first < low)
        at = cut(at, low);
    }
    for (int64_t here = low; here < high;) {
      if (at == cells_.end() || at->first > here) {
        int64_t end = at == cells_.end() ? high : std::min(high, at->first);
        at = cells_.emplace_hint(at, here, Cell{end, {}, {}});
      }
      if (at->second.high > high)
        cut(at, high);
      fn(at->second);
      here = at->second.high;
      ++at;
    }
  }

  /// One cell in the place of those within [low, high), all alike after a write.
  void unite(int64_t low, int64_t high) {
    auto at = cells_.find(low);
    at->second.high = high;
    for (++at; at != cells_.end() && at->first < high;)
      at = cells_.erase(at);
  }

private:
  std::map<int64_t, Cell>::iterator cut(std::map<int64_t, Cell>::iterator cell, int64_t at) {
    Cell upper = cell->second;
    cell->second.high = at;
    return cells_.emplace_hint(std::next(cell), at, std::move(upper));
  }

  std::map<int64_t, Cell> cells_;
};

struct OpenLoop {
  size_t body = 0;
  uint32_t left = 0, done = 0;
  int64_t size = -1;
};

struct Stream {
  isa::StreamId id;
  const std::vector<isa::Instruction> *code = nullptr;
  const std::vector<OrderTag> *order = nullptr;
  size_t pc = 0;
  bool halted = false;
  std::array<uint32_t, isa::kRegisterCount> registers = {};
  std::vector<OpenLoop> loops;
  std::vector<uint32_t> known = std::vector<uint32_t>(isa::kSemaphoreCount);
  int snapshot = -1;
  std::vector<std::vector<Touch>> touches;
};

class Judge {
public:
  Status run(const std::map<isa::StreamId, std::vector<isa::Instruction>> &streams, const std::map<isa::StreamId, std::vector<OrderTag>> &order) {
    for (auto &[id, code] : streams) {
      Stream stream;
      stream.id = id;
      stream.code = &code;
      stream.order = &order.at(id);
      for (const isa::Instruction &instruction : code)
        stream.touches.push_back(touchesOf(instruction));
      streams_.push_back(std::move(stream));
    }
    classify();
    for (bool progress = true; progress && problem_.empty();) {
      progress = false;
      for (Stream &stream : streams_)
        while (!stream.halted && problem_.empty() && step(stream))
          progress = true;
    }
    for (const Stream &stream : streams_)
      if (problem_.empty() && !stream.halted)
        problem_ = "deadlock: " + where(stream) + " waits for semaphore " + std::to_string(syncOf((*stream.code)[stream.pc]).waitSem) +
                   " >= " + std::to_string(waitValue(stream)) + ", which ends at " + std::to_string(raised_[syncOf((*stream.code)[stream.pc]).waitSem].size());
    return problem_.empty() ? Status() : Status(Error("MN-INTERNAL", "synchronisation: " + problem_));
  }

private:
  /// Quadrants that always appear together form one class; memories that nothing writes need no watch.
  void classify() {
    std::set<unsigned> masks;
    for (const Stream &stream : streams_)
      for (const std::vector<Touch> &list : stream.touches)
        for (const Touch &touch : list) {
          masks.insert(touch.quadrants);
          if (touch.writes)
            written_.insert(touch.memory);
        }
    std::map<std::vector<bool>, unsigned> groups;
    for (int q = 0; q < 4; ++q) {
      std::vector<bool> membership;
      for (unsigned mask : masks)
        membership.push_back(mask >> q & 1);
      groups[membership] |= 1u << q;
    }
    for (auto &[membership, mask] : groups)
      classes_.push_back(mask);
  }

  std::string where(const Stream &stream) const { return where(stream, stream.pc); }
  std::string where(const Stream &stream, size_t pc) const {
    return isa::nameOf(stream.id) + "[" + std::to_string(pc) + "] " + std::string(isa::mnemonicOf((*stream.code)[pc]));
  }
  uint32_t waitValue(const Stream &stream) const {
    const isa::Sync &sync = syncOf((*stream.code)[stream.pc]);
    return sync.waitValue + stream.registers[sync.waitReg];
  }

  bool step(Stream &stream) {
    const isa::Instruction &instruction = (*stream.code)[stream.pc];
    const isa::Sync &sync = syncOf(instruction);
    if (sync.waitSem != isa::kNoSemaphore) {
      uint32_t value = waitValue(stream);
      if (raised_[sync.waitSem].size() < value)
        return false;
      if (value > stream.known[sync.waitSem])
        learn(stream, sync.waitSem, value);
    }
    access(stream, sync);
    if (sync.signalSem != isa::kNoSemaphore)
      raise(stream, sync.signalSem);
    control(stream, instruction);
    stream.registers[0] = 0;
    return true;
  }

  void learn(Stream &stream, int semaphore, uint32_t value) {
    const std::vector<uint32_t> &clock = clocks_[raised_[semaphore][value - 1]];
    for (int s = 0; s < isa::kSemaphoreCount; ++s)
      stream.known[s] = std::max(stream.known[s], clock[s]);
    stream.known[semaphore] = std::max(stream.known[semaphore], value);
    stream.snapshot = -1;
  }

  /// The n-th increment tells that the first n are over only if one engine makes them all, or each is made when the one before is known to be over.
  void raise(Stream &stream, int semaphore) {
    std::vector<int> &increments = raised_[semaphore];
    auto [owner, fresh] = owners_.insert({semaphore, &stream - streams_.data()});
    bool inOrder = stream.id < isa::StreamId::Dma0 && owner->second == &stream - streams_.data();
    bool control = isa::familyOf((*stream.code)[stream.pc]) == isa::StreamFamily::All;
    if (!inOrder && !control && increments.size() > stream.known[semaphore])
      problem_ = where(stream) + " raises semaphore " + std::to_string(semaphore) + " again before its last increment is known to be over";
    if (control && stream.id >= isa::StreamId::Dma0)
      stream.known[semaphore] = std::max<uint32_t>(stream.known[semaphore], static_cast<uint32_t>(increments.size()) + 1);
    if (stream.snapshot < 0 || control) {
      stream.snapshot = static_cast<int>(clocks_.size());
      clocks_.push_back(stream.known);
    }
    increments.push_back(stream.snapshot);
  }

  void access(Stream &stream, const isa::Sync &sync) {
    const std::vector<Touch> &touches = stream.touches[stream.pc];
    if (touches.empty())
      return;
    if (sync.signalSem == isa::kNoSemaphore) {
      problem_ = where(stream) + " accesses memory and raises no semaphore";
      return;
    }
    Past now{static_cast<int>(&stream - streams_.data()), sync.signalSem, static_cast<uint32_t>(raised_[sync.signalSem].size() + 1), orderOf(stream),
             static_cast<uint32_t>(stream.pc)};
    // Reads come first: an instruction may overwrite what it reads.
    for (bool writes : {false, true})
      for (const Touch &touch : touches)
        if (touch.writes == writes && written_.count(touch.memory))
          for (unsigned group : classes_)
            if (touch.quadrants & group)
              for (auto [low, high] : touch.ranges)
                record(stream, now, touch, group, low + shift(stream, touch), high + shift(stream, touch));
  }

  static int64_t shift(const Stream &stream, const Touch &touch) {
    return touch.memory < 2 ? static_cast<int32_t>(stream.registers[touch.reg]) : int64_t(stream.registers[touch.reg]) * touch.scale;
  }

  void record(Stream &stream, const Past &now, const Touch &touch, unsigned group, int64_t low, int64_t high) {
    Shadow &shadow = shadows_[{touch.memory, group}];
    shadow.over(low, high, [&](Shadow::Cell &cell) {
      require(stream, cell.writer, now, low);
      if (touch.writes) {
        for (const Past &reader : cell.readers)
          require(stream, reader, now, low);
        cell.writer = now;
        cell.readers.clear();
        return;
      }
      for (Past &reader : cell.readers)
        if (reader.semaphore == now.semaphore) {
          reader = now;
          return;
        }
      cell.readers.push_back(now);
    });
    if (touch.writes)
      shadow.unite(low, high);
  }

  void require(const Stream &stream, const Past &past, const Past &now, int64_t at) {
    if (past.stream < 0 || (past.semaphore == now.semaphore && past.count == now.count) || !problem_.empty())
      return;
    bool sameEngine = past.stream == now.stream && stream.id < isa::StreamId::Dma0;
    const Stream &other = streams_[past.stream];
    if (!sameEngine && stream.known[past.semaphore] < past.count)
      problem_ = where(stream) + " and " + where(other, past.pc) + " access the same bytes near " + std::to_string(at) + " without order";
    else if (past.order >= now.order)
      problem_ = where(stream) + " comes after " + where(other, past.pc) + ", against the tile program's order";
  }

  int64_t orderOf(const Stream &stream) const {
    int64_t order = (*stream.order)[stream.pc].base;
    for (const OpenLoop &loop : stream.loops)
      order += loop.size < 0 ? 0 : loop.size * loop.done;
    return order;
  }

  void control(Stream &stream, const isa::Instruction &instruction) {
    auto &r = stream.registers;
    ++stream.pc;
    if (auto *loop = std::get_if<isa::Loop>(&instruction)) {
      stream.loops.push_back({stream.pc, loop->count + r[loop->countReg], 0, (*stream.order)[stream.pc - 1].size});
      if (!stream.loops.back().left)
        problem_ = where(stream, stream.pc - 1) + " runs no iteration";
    } else if (std::holds_alternative<isa::EndLoop>(instruction)) {
      OpenLoop &loop = stream.loops.back();
      ++loop.done;
      if (--loop.left)
        stream.pc = loop.body;
      else
        stream.loops.pop_back();
    } else if (auto *set = std::get_if<isa::RegSet>(&instruction)) {
      r[set->dst] = static_cast<uint32_t>(set->value);
    } else if (auto *add = std::get_if<isa::RegAdd>(&instruction)) {
      r[add->dst] = r[add->src] + static_cast<uint32_t>(add->value);
    } else if (auto *sum = std::get_if<isa::RegAddReg>(&instruction)) {
      r[sum->dst] = r[sum->a] + r[sum->b];
    } else if (auto *multiply = std::get_if<isa::RegMul>(&instruction)) {
      r[multiply->dst] = r[multiply->src] * static_cast<uint32_t>(multiply->value);
    } else if (auto *rotate = std::get_if<isa::RegRotate>(&instruction)) {
      r[rotate->dst] += rotate->step;
      if (r[rotate->dst] >= rotate->limit)
        r[rotate->dst] -= rotate->limit;
    } else if (std::holds_alternative<isa::Halt>(instruction)) {
      stream.halted = true;
    } else if (isa::familyOf(instruction) == isa::StreamFamily::All && !std::holds_alternative<isa::Wait>(instruction) &&
               !std::holds_alternative<isa::Signal>(instruction)) {
      problem_ = where(stream, stream.pc - 1) + " is not expected in a compiled program";
    }
  }

  std::vector<Stream> streams_;
  std::array<std::vector<int>, isa::kSemaphoreCount + 1> raised_;
  std::map<int, long> owners_;
  std::vector<std::vector<uint32_t>> clocks_;
  std::map<std::pair<int, unsigned>, Shadow> shadows_;
  std::set<int> written_;
  std::vector<unsigned> classes_;
  std::string problem_;
};

} // namespace

Status checkSynchronisation(const std::map<isa::StreamId, std::vector<isa::Instruction>> &streams,
                            const std::map<isa::StreamId, std::vector<OrderTag>> &order) {
  return Judge().run(streams, order);
}

Status checkEncoding(const std::map<isa::StreamId, std::vector<isa::Instruction>> &streams) {
  std::vector<uint64_t> words;
  for (auto &[id, code] : streams)
    for (size_t i = 0; i < code.size(); ++i) {
      words.clear();
      std::string where = isa::nameOf(id) + "[" + std::to_string(i) + "]";
      if (Status status = isa::checkRanges(code[i]); !status)
        return Error("MN-INTERNAL", "encoding: " + status.error().text(), where);
      isa::encode(code[i], words);
      Result<isa::Instruction> back = isa::decode(words);
      if (!back || !isa::sameBits(*back, code[i]))
        return Error("MN-INTERNAL", "encoding: an instruction does not decode to itself", where);
    }
  return {};
}

} // namespace manaslu::tile
