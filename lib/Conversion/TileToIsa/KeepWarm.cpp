// Gaps from one clock over the whole program, fillers from a small tile program of their own.
#include "lib/Conversion/TileToIsa/KeepWarm.h"

#include "lib/Conversion/TileToIsa/ListSchedule.h"
#include "lib/Conversion/TileToIsa/Storage.h"
#include "lib/Conversion/TileToIsa/Unroll.h"

#include <algorithm>
#include <array>

using namespace mlir;

namespace manaslu::tile {

namespace {

/// Lengths of fillers: so many steps up to the longest product.
constexpr int64_t kLengths = 8;
/// A gap of more than so many times the busy time that warms pe up is left: it saves no more than a short one and takes more instructions.
constexpr int64_t kLongestGap = 2;

/// Instructions that a loop may have for its time to be read iteration by iteration: far fewer than it takes to hide what comes before and after it.
constexpr int64_t kMostUnrolled = 1024;

bool isFiller(const Leaf &leaf) { return llvm::isa<MatmulOp>(leaf.operation); }

/// The float type of which a product takes longest and that ve writes.
std::optional<DType> slowestType(const Chip &chip) {
  std::optional<DType> slowest;
  for (auto &[type, product] : chip.pe.types)
    if (!isInteger(type) && llvm::is_contained(chip.ve.types, type) && (!slowest || product.passes > chip.pe.types.at(*slowest).passes))
      slowest = type;
  return slowest;
}

/// A memset of one zero in SBUF, then a product of zeros of each length, shortest first.
OwningOpRef<func::FuncOp> makeFillers(const Chip &chip, DType operands, MLIRContext &context) {
  Location loc = NameLoc::get(StringAttr::get(&context, "keep pe warm"));
  OpBuilder builder(&context);
  auto function = func::FuncOp::create(builder, loc, "fillers", builder.getFunctionType({}, {}));
  builder.setInsertionPointToStart(function.addEntryBlock());
  Type type = typeOf(operands, &context), sum = builder.getF32Type();
  auto view = [&](Value buffer, Space space, int64_t elements, Type element, int64_t stride) {
    return ViewOp::create(builder, loc, ViewType::get(&context, space, {1, elements}, element), buffer, ValueRange(), builder.getI64IntegerAttr(0),
                          builder.getI64IntegerAttr(0), builder.getDenseI64ArrayAttr({}), builder.getDenseI64ArrayAttr({stride}));
  };
  Value zero = AllocOp::create(builder, loc, BufferType::get(&context, Space::Sbuf, 1, 1, type), StringAttr());
  MemsetOp::create(builder, loc, view(zero, Space::Sbuf, 1, type, 1), llvm::APFloat(0.0f));
  int64_t longest = std::min<int64_t>(chip.pe.movingLimit, chip.psumBankBytes / elementBytes(sum));
  for (int64_t step = 1; step <= kLengths; ++step) {
    int64_t columns = std::max<int64_t>(longest * step / kLengths, 1);
    Value result = AllocOp::create(builder, loc, BufferType::get(&context, Space::Psum, 1, columns, sum), StringAttr());
    MatmulOp::create(builder, loc, view(result, Space::Psum, columns, sum, 1), view(zero, Space::Sbuf, 1, type, 1), view(zero, Space::Sbuf, columns, type, 0));
  }
  func::ReturnOp::create(builder, loc);
  return function;
}

class Warmer {
public:
  Warmer(Model &model, const Model &fillers, const Chip &chip) : model_(model), fillers_(fillers), chip_(chip) {}

  /// Returns how many fillers there are now.
  Result<int64_t> run() {
    if (Status status = readTimes(); !status)
      return status.error();
    countBanks();
    std::vector<Item> body;
    int64_t count = 0;
    for (size_t at = 0; at < model_.body.size(); ++at) {
      body.push_back(model_.body[at]);
      int64_t gap = gapAfter_[at];
      if (gap <= chip_.pe.warmUpGapNs * 1000 || gap > kLongestGap * chip_.pe.warmUpBusyNs * 1000 || banksAfter_[at] >= chip_.psumBanks)
        continue;
      int result = -1; // the fillers of one gap write the same bank
      for (const Leaf *filler : fillersFor(gap - chip_.pe.warmUpGapNs * 1000 / 2)) {
        body.push_back(add(*filler, result));
        ++count;
      }
    }
    if (count == 0)
      return count;
    int none = -1;
    body.insert(body.begin(), add(fillers_.leaves.front(), none));
    model_.body = std::move(body);
    return count;
  }

private:
  Status readTimes() {
    std::vector<const Leaf *> leaves;
    for (const Leaf &leaf : fillers_.leaves)
      leaves.push_back(&leaf);
    Result<Block> block = buildBlock(chip_, leaves, fillers_.buffers, [](int) { return false; });
    if (!block)
      return block.error();
    for (const Step &step : block->steps)
      lengths_.push_back(step.occupancy);
    Flat flat = flatten();
    leaves.clear();
    std::vector<size_t> owners;
    for (const Item &item : flat.model.body)
      collect(flat.model, item, [&](int leaf) {
        leaves.push_back(&flat.model.leaves[leaf]);
        owners.push_back(flat.owners[leaf]);
      });
    block = buildBlock(chip_, leaves, flat.model.buffers, [](int) { return false; });
    if (!block)
      return block.error();
    waitBeforeLoops(*block, owners);
    gapAfter_.assign(model_.body.size(), 0);
    std::vector<int64_t> starts = startsOf(*block);
    std::optional<size_t> last; // step of pe
    for (size_t step = 0; step < starts.size(); ++step) {
      if (block->steps[step].stream != isa::StreamId::Pe)
        continue;
      if (last && owners[*last] != owners[step])
        gapAfter_[owners[*last]] = starts[step] - starts[*last] - block->steps[*last].occupancy;
      last = step;
    }
    return {};
  }

  /// The program with its loops unrolled, and for each leaf the item of the top level that it came from.
  struct Flat {
    Model model;
    std::vector<size_t> owners;
  };

  Flat flatten() const {
    Flat flat{model_, std::vector<size_t>(model_.leaves.size())};
    for (size_t at = 0; at < model_.body.size(); ++at) {
      collect(model_, model_.body[at], [&](int leaf) { flat.owners[leaf] = at; });
      if (model_.body[at].isLoop)
        unrollWhole(flat.model, model_.body[at].index);
      flat.owners.resize(flat.model.leaves.size(), at);
    }
    return flat;
  }

  /// Innermost loops first; one that gives too many instructions stays, and those around it.
  static void unrollWhole(Model &model, int loop) {
    std::vector<Item> body = model.loops[loop].body;
    for (const Item &item : body)
      if (item.isLoop)
        unrollWhole(model, item.index);
    const Loop &now = model.loops[loop];
    if (llvm::none_of(now.body, [](const Item &item) { return item.isLoop; }) && now.trips * static_cast<int64_t>(now.body.size()) <= kMostUnrolled)
      commit(model, unroll(model, loop, now.trips));
  }

  /// Each loop's body once. Loads that run ahead do not take part.
  static void collect(const Model &model, const Item &item, llvm::function_ref<void(int)> visit) {
    if (!item.isLoop) {
      if (!model.leaves[item.index].freeLoad)
        visit(item.index);
      return;
    }
    for (const Item &inner : model.loops[item.index].body)
      collect(model, inner, visit);
  }

  /// What a loop needs from outside is waited for before it: the first step of each of its streams comes after all that the others need.
  void waitBeforeLoops(Block &block, const std::vector<size_t> &owners) const {
    std::array<size_t, isa::kStreamCount> first{};
    for (size_t step = 0; step < block.steps.size(); ++step) {
      if (!model_.body[owners[step]].isLoop)
        continue;
      if (step == 0 || owners[step - 1] != owners[step])
        first.fill(block.steps.size());
      size_t &entry = first[static_cast<int>(block.steps[step].stream)];
      entry = std::min(entry, step);
      for (const Dependence &dependence : block.steps[step].after)
        if (entry < step && owners[dependence.from] != owners[step])
          block.steps[entry].after.push_back(dependence);
    }
  }

  /// Banks of PSUM that are held from before to after the end of each item of the top level.
  void countBanks() {
    Positions positions = positionsOf(model_);
    std::vector<Interval> intervals = liveIntervals(model_, positions);
    std::vector<int64_t> held(positions.end + 1, 0); // by position: changes
    for (size_t b = 0; b < model_.buffers.size(); ++b) {
      if (model_.buffers[b].space != Space::Psum || intervals[b].end - intervals[b].start < 2)
        continue;
      int64_t banks = model_.buffers[b].banks(chip_.psumBankBytes);
      held[intervals[b].start + 1] += banks;
      held[intervals[b].end] -= banks;
    }
    for (size_t at = 1; at < held.size(); ++at)
      held[at] += held[at - 1];
    for (const Item &item : model_.body)
      banksAfter_.push_back(held[item.isLoop ? positions.loop[item.index].second : positions.leaf[item.index] + 1]);
  }

  /// Fillers that take at most so long together, longest first.
  std::vector<const Leaf *> fillersFor(int64_t picoseconds) const {
    std::vector<const Leaf *> chosen;
    for (size_t at = fillers_.leaves.size(); at-- > 0 && isFiller(fillers_.leaves[at]);)
      for (; lengths_[at] <= picoseconds; picoseconds -= lengths_[at])
        chosen.push_back(&fillers_.leaves[at]);
    return chosen;
  }

  /// A copy of a leaf that writes the buffer `result` of PSUM; -1: a new one, which `result` is then.
  Item add(Leaf leaf, int &result) {
    if (firstNumber_ < 0)
      for (const Leaf &other : model_.leaves)
        firstNumber_ = std::max(firstNumber_, other.number + 1);
    leaf.number += firstNumber_;
    for (Access &access : leaf.accesses) {
      const Buffer &buffer = fillers_.buffers[access.buffer];
      int &own = buffer.space == Space::Psum ? result : zero_;
      if (own < 0) {
        own = static_cast<int>(model_.buffers.size());
        model_.buffers.push_back(buffer);
      }
      access.buffer = own;
    }
    model_.leaves.push_back(std::move(leaf));
    return {false, static_cast<int>(model_.leaves.size()) - 1};
  }

  Model &model_;
  const Model &fillers_;
  const Chip &chip_;
  std::vector<int64_t> lengths_;    ///< picoseconds of each leaf of the fillers
  std::vector<int64_t> gapAfter_;   ///< picoseconds on pe, by item of the top level
  std::vector<int64_t> banksAfter_; ///< held across the end of each item
  int zero_ = -1, firstNumber_ = -1;
};

} // namespace

Result<KeptWarm> keepWarm(const Model &model, const Chip &chip) {
  KeptWarm kept{model, {}, 0};
  std::optional<DType> operands = slowestType(chip);
  if (chip.pe.warmUpBusyNs == 0 || chip.pe.warmUpFactor == 1 || model.leaves.empty() || !operands)
    return kept;
  kept.fillers = makeFillers(chip, *operands, *model.leaves.front().operation->getContext());
  Result<Model> fillers = buildModel(*kept.fillers, {});
  if (!fillers)
    return fillers.error();
  Result<int64_t> count = Warmer(kept.model, *fillers, chip).run();
  if (!count)
    return count.error();
  kept.count = *count;
  return kept;
}

} // namespace manaslu::tile
