// Times and dependences of straight-line instructions.
#include "lib/Conversion/TileToIsa/Block.h"

#include "lib/Sim/Cost.h"

#include <algorithm>
#include <map>

namespace manaslu::tile {

namespace {

Engine engineOf(isa::StreamId stream) {
  switch (stream) {
  case isa::StreamId::Pe: return Engine::Pe;
  case isa::StreamId::Ve: return Engine::Ve;
  case isa::StreamId::Se: return Engine::Se;
  case isa::StreamId::Ge: return Engine::Ge;
  default: return Engine::Dma;
  }
}

Status setTimes(const Chip &chip, const Leaf &leaf, Step &step) {
  Error problems;
  auto tile = [&](mlir::Value view) {
    Result<isa::TileOperand> operand = tileOperand(view.getDefiningOp<ViewOp>(), 0, 0);
    if (operand)
      return *operand;
    problems.append(operand.error());
    return isa::TileOperand{};
  };
  auto device = [&](mlir::Value view) {
    Result<isa::DeviceOperand> operand = deviceOperand(view.getDefiningOp<ViewOp>(), 0, 0);
    if (operand)
      return *operand;
    problems.append(operand.error());
    return isa::DeviceOperand{};
  };
  Result<isa::Instruction> instruction = translate(leaf.operation, {tile, device});
  if (!instruction)
    problems.append(instruction.error());
  if (!problems.empty())
    return problems;
  Engine engine = engineOf(leaf.stream);
  sim::InstructionCost cost = sim::costOf(chip, *instruction, engine);
  step.stream = leaf.stream;
  step.occupancy = cost.occupancyPs;
  step.completion = cost.transfers ? transferPicoseconds(chip, cost.transfer) : cost.occupancyPs + cost.drainPs;
  step.notice = picoseconds(chip.semaphoreCycles, chip.clockMhz(engine));
  return {};
}

/// One operand of one step.
struct Touch {
  int step;
  const Access *access;
};

bool overlaps(const Access &a, const Access &b) {
  if (a.partition >= b.partition + std::max(1, b.partitions) || b.partition >= a.partition + std::max(1, a.partitions))
    return false;
  auto same = [](const Term &x, const Term &y) { return x.loop == y.loop && x.bytes == y.bytes; };
  if (!std::equal(a.terms.begin(), a.terms.end(), b.terms.begin(), b.terms.end(), same))
    return true; // they move apart differently from iteration to iteration
  for (size_t i = 0, j = 0; i < a.bytes.size() && j < b.bytes.size();) {
    if (a.bytes[i].low < b.bytes[j].high && b.bytes[j].low < a.bytes[i].high)
      return true;
    a.bytes[i].high <= b.bytes[j].high ? ++i : ++j;
  }
  return false;
}

/// Whether `inner` touches nothing that `outer` does not.
bool covers(const Access &outer, const Access &inner) {
  auto same = [](const Term &x, const Term &y) { return x.loop == y.loop && x.bytes == y.bytes; };
  return outer.bytes.size() == 1 && outer.bytes[0].low <= inner.bytes.front().low && inner.bytes.back().high <= outer.bytes[0].high &&
         outer.partition <= inner.partition && inner.partition + inner.partitions <= outer.partition + outer.partitions &&
         std::equal(outer.terms.begin(), outer.terms.end(), inner.terms.begin(), inner.terms.end(), same);
}

/// Who touched a buffer since it was last written over.
struct History {
  std::vector<Touch> writers, readers;
};

class Reader {
public:
  Reader(Block &block, llvm::ArrayRef<const Leaf *> leaves) : block_(block), leaves_(leaves) {}

  void visit(int step) {
    const Leaf &leaf = *leaves_[step];
    for (const Access &access : leaf.accesses) {
      History &history = histories_[access.buffer];
      Touch touch{step, &access};
      for (const Touch &writer : history.writers)
        if (overlaps(*writer.access, access))
          add(step, writer.step, /*read=*/true);
      if (!access.writes) {
        history.readers.push_back(touch);
        continue;
      }
      for (const Touch &reader : history.readers)
        if (overlaps(*reader.access, access))
          add(step, reader.step, /*read=*/false);
      auto replaced = [&](const Touch &older) { return older.step != step && covers(access, *older.access); };
      std::erase_if(history.writers, replaced);
      std::erase_if(history.readers, replaced);
      history.writers.push_back(touch);
    }
  }

private:
  /// `read`: bytes that `from` wrote are touched; else bytes that it read are written.
  void add(int step, int from, bool read) {
    if (step == from)
      return;
    Step &to = block_.steps[step];
    bool sameEngine = to.stream == block_.steps[from].stream && to.stream < isa::StreamId::Dma0;
    // Products that accumulate follow each other at once.
    bool accumulates = llvm::isa<MatmulOp>(leaves_[step]->operation) && llvm::isa<MatmulOp>(leaves_[from]->operation);
    bool completes = !sameEngine || (read && !accumulates);
    for (Dependence &known : to.after)
      if (known.from == from) {
        known.completes |= completes;
        return;
      }
    to.after.push_back({from, completes});
  }

  Block &block_;
  llvm::ArrayRef<const Leaf *> leaves_;
  std::map<int, History> histories_;
};

} // namespace

Result<Block> buildBlock(const Chip &chip, llvm::ArrayRef<const Leaf *> leaves, llvm::ArrayRef<Buffer> buffers, llvm::function_ref<bool(int)> inside) {
  Block block;
  block.steps.resize(leaves.size());
  Reader reader(block, leaves);
  std::map<int, int> psum; // buffer -> index in the block
  for (size_t i = 0; i < leaves.size(); ++i) {
    if (Status status = setTimes(chip, *leaves[i], block.steps[i]); !status)
      return status.error();
    reader.visit(static_cast<int>(i));
    for (const Access &access : leaves[i]->accesses) {
      const Buffer &buffer = buffers[access.buffer];
      if (buffer.space != Space::Psum || !inside(access.buffer))
        continue;
      auto [at, fresh] = psum.insert({access.buffer, static_cast<int>(block.banks.size())});
      if (fresh) {
        block.banks.push_back(buffer.banks(chip.psumBankBytes));
        block.uses.push_back(0);
      }
      ++block.uses[at->second];
      block.steps[i].psum.push_back(at->second);
    }
  }
  return block;
}

} // namespace manaslu::tile
