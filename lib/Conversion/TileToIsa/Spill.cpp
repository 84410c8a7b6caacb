// Spilling by farthest next use.
#include "lib/Conversion/TileToIsa/Spill.h"

#include <mlir/IR/Builders.h>

#include <algorithm>
#include <set>

using namespace mlir;

namespace manaslu::tile {

namespace {

/// A use of a buffer, by the operation of the function's own block that holds it.
struct Use {
  mlir::Operation *anchor;
  int leaf;
  int64_t position, end; ///< live range of the use at the top level
  bool writes, reads, fromConstant;
};

struct Candidate {
  int buffer = -1;
  size_t last = 0; ///< index of the last use before the gap; the next one ends it
  int64_t next = 0;
};

class Spiller {
public:
  Spiller(func::FuncOp function, const Model &model) : function_(function), model_(model), positions_(positionsOf(model)), uses_(model.buffers.size()) {
    intervals_ = liveIntervals(model, positions_);
    for (size_t index = 0; index < model.leaves.size(); ++index)
      for (const Access &access : model.leaves[index].accesses)
        if (model.buffers[access.buffer].space == Space::Sbuf && model.buffers[access.buffer].loop < 0)
          uses_[access.buffer].push_back(useOf(static_cast<int>(index), access));
    for (std::vector<Use> &list : uses_)
      std::stable_sort(list.begin(), list.end(), [](const Use &a, const Use &b) { return a.position < b.position; });
  }

  int64_t run(int &scratchRegions) {
    int64_t peak = peakPosition();
    Candidate best;
    for (size_t b = 0; b < uses_.size(); ++b) {
      std::optional<size_t> last = gapAt(static_cast<int>(b), peak);
      if (!last)
        continue;
      int64_t next = uses_[b][*last + 1].position;
      bool farther = best.buffer < 0 || next > best.next || (next == best.next && model_.buffers[b].bytes > model_.buffers[best.buffer].bytes);
      if (farther && (isReloadable(uses_[b]) || isWhole(static_cast<int>(b), *last)))
        best = {static_cast<int>(b), *last, next};
    }
    return best.buffer < 0 ? -1 : split(best, scratchRegions);
  }

private:
  Use useOf(int index, const Access &access) {
    const Leaf &leaf = model_.leaves[index];
    Use use{leaf.operation, index, positions_.leaf[index], positions_.leaf[index] + 1, access.writes, access.reads, leaf.constantLoad};
    while (use.anchor->getBlock() != &function_.getBody().front())
      use.anchor = use.anchor->getParentOp();
    for (int loop = leaf.loop; loop >= 0; loop = model_.loops[loop].parent) {
      use.position = positions_.loop[loop].first;
      use.end = positions_.loop[loop].second;
    }
    return use;
  }

  int64_t peakPosition() const {
    std::vector<int64_t> change(positions_.end + 1);
    for (size_t b = 0; b < model_.buffers.size(); ++b)
      if (model_.buffers[b].space == Space::Sbuf) {
        change[intervals_[b].start] += model_.buffers[b].stride * model_.buffers[b].copies;
        change[intervals_[b].end] -= model_.buffers[b].stride * model_.buffers[b].copies;
      }
    int64_t live = 0, most = -1, at = 0;
    for (int64_t p = 0; p < positions_.end; ++p)
      if ((live += change[p]) > most) {
        most = live;
        at = p;
      }
    return at;
  }

  /// The last use before the position, when the buffer lives there unused and the next use is behind another operation.
  std::optional<size_t> gapAt(int buffer, int64_t position) const {
    const std::vector<Use> &list = uses_[buffer];
    for (size_t i = 0; i + 1 < list.size(); ++i)
      if (list[i].end <= position && list[i + 1].position > position && list[i].anchor != list[i + 1].anchor)
        return i;
    return std::nullopt;
  }

  /// Only loads of constants write it, before anything reads it.
  static bool isReloadable(const std::vector<Use> &list) {
    bool read = false;
    for (const Use &use : list) {
      if (use.writes && (!use.fromConstant || read))
        return false;
      read |= use.reads;
    }
    return true;
  }

  /// Every byte of every partition was written up to use `last`.
  bool isWhole(int buffer, size_t last) const {
    std::vector<ByteRange> written;
    int64_t partitions = cast<BufferType>(model_.buffers[buffer].value.getType()).getPartitions();
    for (size_t i = 0; i <= last; ++i)
      for (const Access &access : model_.leaves[uses_[buffer][i].leaf].accesses)
        if (access.buffer == buffer && access.writes && access.partition == 0 && access.partitions == partitions)
          addRanges(access, written);
    std::sort(written.begin(), written.end(), [](const ByteRange &a, const ByteRange &b) { return a.low < b.low; });
    int64_t reached = 0;
    for (const ByteRange &range : written)
      if (range.low <= reached)
        reached = std::max(reached, range.high);
    return reached >= model_.buffers[buffer].bytes;
  }

  void addRanges(const Access &access, std::vector<ByteRange> &written) const {
    int64_t iterations = 1;
    for (const Term &term : access.terms)
      iterations *= model_.loops[term.loop].trips;
    if (iterations > 4096)
      return;
    for (int64_t i = 0; i < iterations; ++i) {
      int64_t rest = i, shift = 0;
      for (const Term &term : access.terms) {
        shift += term.bytes * (rest % model_.loops[term.loop].trips);
        rest /= model_.loops[term.loop].trips;
      }
      for (const ByteRange &range : access.bytes)
        written.push_back({range.low + shift, range.high + shift});
    }
  }

  int64_t split(const Candidate &chosen, int &scratchRegions) {
    const Buffer &buffer = model_.buffers[chosen.buffer];
    auto type = cast<BufferType>(buffer.value.getType());
    std::vector<Use> &list = uses_[chosen.buffer];
    mlir::Operation *after = list[chosen.last].anchor, *before = list[chosen.last + 1].anchor;
    OpBuilder builder(before);
    Value fresh = builder.clone(*buffer.value.getDefiningOp())->getResult(0);
    int64_t moved = type.getPartitions() * buffer.bytes;
    if (isReloadable(list)) {
      for (size_t i = 0; i <= chosen.last; ++i)
        if (list[i].writes)
          retarget(builder.clone(*model_.leaves[list[i].leaf].operation), buffer.value, fresh);
    } else {
      Value scratch = makeScratch(type, scratchRegions);
      builder.setInsertionPointAfter(after);
      transfer<StoreOp>(builder, scratch, buffer.value, type);
      builder.setInsertionPointAfterValue(fresh);
      transfer<LoadOp>(builder, scratch, fresh, type);
      moved *= 2;
    }
    std::set<mlir::Operation *> done;
    for (size_t i = chosen.last + 1; i < list.size(); ++i)
      if (mlir::Operation *op = model_.leaves[list[i].leaf].operation; done.insert(op).second)
        retarget(op, buffer.value, fresh);
    return moved;
  }

  Value makeScratch(BufferType type, int &scratchRegions) {
    OpBuilder builder = OpBuilder::atBlockBegin(&function_.getBody().front());
    int64_t elements = type.getPartitions() * type.getElements();
    auto device = BufferType::get(builder.getContext(), Space::Device, 1, elements, type.getElementType());
    return RegionOp::create(builder, function_.getLoc(), device, builder.getStringAttr("spill." + std::to_string(scratchRegions++)),
                            RegionKindAttr::get(builder.getContext(), RegionKind::Scratch), builder.getDenseI64ArrayAttr({elements}), StringAttr(),
                            ArrayAttr());
  }

  static Value whole(OpBuilder &builder, Value buffer, BufferType tile) {
    auto type = cast<BufferType>(buffer.getType());
    bool device = type.getSpace() == Space::Device;
    auto view = ViewType::get(builder.getContext(), type.getSpace(), {tile.getPartitions(), tile.getElements()}, tile.getElementType());
    llvm::SmallVector<int64_t> strides = {1};
    if (device)
      strides.insert(strides.begin(), tile.getElements());
    return ViewOp::create(builder, buffer.getLoc(), view, buffer, ValueRange(), builder.getI64IntegerAttr(0), builder.getI64IntegerAttr(0),
                          builder.getDenseI64ArrayAttr({}), builder.getDenseI64ArrayAttr(strides));
  }

  template <class Op> static void transfer(OpBuilder &builder, Value device, Value tile, BufferType type) {
    Value onDevice = whole(builder, device, type), onChip = whole(builder, tile, type);
    if constexpr (std::is_same_v<Op, StoreOp>)
      Op::create(builder, tile.getLoc(), onDevice, onChip);
    else
      Op::create(builder, tile.getLoc(), onChip, onDevice);
  }

  /// Views of the old buffer among the operands become views of the new one.
  static void retarget(mlir::Operation *op, Value from, Value to) {
    OpBuilder builder(op);
    for (OpOperand &operand : op->getOpOperands()) {
      auto view = operand.get().getDefiningOp<ViewOp>();
      if (!view || view.getBuffer() != from)
        continue;
      mlir::Operation *copy = builder.clone(*view);
      copy->setOperand(0, to);
      operand.set(copy->getResult(0));
    }
  }

  func::FuncOp function_;
  const Model &model_;
  Positions positions_;
  std::vector<Interval> intervals_;
  std::vector<std::vector<Use>> uses_;
};

} // namespace

int64_t spillOne(func::FuncOp function, const Model &model, int &scratchRegions) { return Spiller(function, model).run(scratchRegions); }

} // namespace manaslu::tile
