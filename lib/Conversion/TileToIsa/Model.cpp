// Reading a tile program into the planner's tree.
#include "lib/Conversion/TileToIsa/Model.h"

#include <llvm/ADT/DenseMap.h>
#include <llvm/ADT/TypeSwitch.h>
#include <mlir/Dialect/Arith/IR/Arith.h>
#include <mlir/Dialect/SCF/IR/SCF.h>
#include <mlir/IR/Matchers.h>

#include <algorithm>

using namespace mlir;

namespace manaslu::tile {

llvm::SmallVector<int, 8> Model::nest(int innermost) const {
  llvm::SmallVector<int, 8> result;
  for (int loop = innermost; loop >= 0; loop = loops[loop].parent)
    result.push_back(loop);
  std::reverse(result.begin(), result.end());
  return result;
}

llvm::SmallVector<ByteRange, 2> footprint(ViewOp view, size_t most, int cutDimension, int64_t cutSize) {
  bool device = view.getBuffer().getType().getSpace() == Space::Device;
  llvm::SmallVector<int64_t, 5> cutSizes(view.getView().getType().getSizes());
  if (cutDimension >= 0)
    cutSizes[cutDimension] = cutSize;
  llvm::ArrayRef<int64_t> sizes = cutSizes;
  int64_t bytes = elementBytes(view.getView().getType().getElementType());
  int64_t low = static_cast<int64_t>(view.getOffset()) * bytes;
  llvm::SmallVector<std::pair<int64_t, int64_t>, 5> dims; // stride in bytes, size
  for (auto [size, stride] : llvm::zip(device ? sizes : sizes.drop_front(), view.getStrides())) {
    if (size == 1 || stride == 0)
      continue;
    if (stride < 0)
      low += stride * (size - 1) * bytes;
    dims.push_back({std::abs(stride) * bytes, size});
  }
  llvm::sort(dims);
  int64_t run = bytes;
  size_t merged = 0;
  for (; merged < dims.size() && dims[merged].first <= run; ++merged)
    run += dims[merged].first * (dims[merged].second - 1);
  // What is not contiguous is listed from the outermost dimension inwards as long as the list stays short; inner dimensions melt into their hull.
  size_t count = 1, keep = dims.size();
  while (keep > merged && count * dims[keep - 1].second <= most)
    count *= dims[--keep].second;
  for (; merged < keep; ++merged)
    run += dims[merged].first * (dims[merged].second - 1);
  llvm::SmallVector<ByteRange, 2> ranges = {{low, low + run}};
  for (size_t d = keep; d < dims.size(); ++d) {
    size_t have = ranges.size();
    for (int64_t i = 1; i < dims[d].second; ++i)
      for (size_t j = 0; j < have; ++j)
        ranges.push_back({ranges[j].low + i * dims[d].first, ranges[j].high + i * dims[d].first});
  }
  llvm::sort(ranges, [](const ByteRange &a, const ByteRange &b) { return a.low < b.low; });
  size_t last = 0;
  for (size_t i = 1; i < ranges.size(); ++i) {
    if (ranges[i].low <= ranges[last].high)
      ranges[last].high = std::max(ranges[last].high, ranges[i].high);
    else
      ranges[++last] = ranges[i];
  }
  ranges.resize(last + 1);
  return ranges;
}

namespace {

/// Ranges listed per access; larger patterns are approximated by hulls.
constexpr size_t kMostRanges = 32;

class Builder {
public:
  explicit Builder(const ModelOptions &options) : options_(options) {}

  Result<Model> run(func::FuncOp function) {
    if (function.getNumArguments() || !function.getBody().hasOneBlock())
      return Error("MN-INTERNAL", "a tile program takes no arguments and has one block", describe(function));
    block(function.getBody().front(), -1, model_.body);
    for (int region : model_.regionBuffers)
      model_.buffers[region].tracked = written_.contains(region);
    if (!error_.empty())
      return error_;
    return std::move(model_);
  }

private:
  void fail(Operation *op, const std::string &what) { error_.add("MN-INTERNAL", "tile program: " + what, describe(op)); }

  void block(Block &body, int loop, std::vector<Item> &items) {
    for (Operation &op : body) {
      if (auto region = dyn_cast<RegionOp>(op))
        addRegion(region);
      else if (auto alloc = dyn_cast<AllocOp>(op))
        addBuffer(alloc.getBuffer(), loop);
      else if (auto forOp = dyn_cast<scf::ForOp>(op))
        addLoop(forOp, loop, items);
      else if (auto engine = dyn_cast<EngineOp>(op))
        addLeaf(engine, loop, items);
      else if (!llvm::isa<ViewOp, arith::ConstantOp, func::ReturnOp, scf::YieldOp>(op))
        fail(&op, "no such operation in a tile program");
    }
  }

  Buffer &addBuffer(Value value, int loop) {
    auto type = cast<BufferType>(value.getType());
    Buffer buffer;
    buffer.value = value;
    buffer.space = type.getSpace();
    buffer.elementBytes = elementBytes(type.getElementType());
    buffer.bytes = type.getElements() * buffer.elementBytes;
    buffer.loop = buffer.keptIn = loop;
    numbers_[value] = static_cast<int>(model_.buffers.size());
    model_.buffers.push_back(buffer);
    return model_.buffers.back();
  }

  void addRegion(RegionOp region) {
    Buffer &buffer = addBuffer(region.getBuffer(), -1);
    buffer.region = static_cast<int>(model_.regionBuffers.size());
    model_.regionBuffers.push_back(numbers_[region.getBuffer()]);
  }

  void addLoop(scf::ForOp forOp, int parent, std::vector<Item> &items) {
    APInt low, high, step;
    if (!matchPattern(forOp.getLowerBound(), m_ConstantInt(&low)) || !matchPattern(forOp.getUpperBound(), m_ConstantInt(&high)) ||
        !matchPattern(forOp.getStep(), m_ConstantInt(&step)) || !low.isZero() || !step.isOne() || forOp.getNumResults())
      return fail(forOp, "a loop must run from 0 to a constant by 1 and carry no values");
    int64_t trips = high.getSExtValue();
    if (trips <= 0)
      return;
    if (trips == 1) {
      induction_[forOp.getInductionVar()] = -1;
      return block(*forOp.getBody(), parent, items);
    }
    int index = static_cast<int>(model_.loops.size());
    int depth = parent < 0 ? 1 : model_.loops[parent].depth + 1;
    if (depth > isa::kMaxLoopDepth)
      return fail(forOp, "loops nest deeper than " + std::to_string(isa::kMaxLoopDepth));
    induction_[forOp.getInductionVar()] = index;
    model_.loops.push_back({parent, depth, trips, {}});
    std::vector<Item> body;
    block(*forOp.getBody(), index, body);
    if (!body.empty())
      items.push_back({true, index});
    model_.loops[index].body = std::move(body);
  }

  void addLeaf(EngineOp engine, int loop, std::vector<Item> &items) {
    Leaf leaf;
    leaf.operation = engine;
    leaf.loop = loop;
    leaf.number = leafNumber_++;
    for (auto [index, operand] : llvm::enumerate(engine->getOperands())) {
      bool writes = index < engine.getNumOutputs();
      std::optional<Access> access = makeAccess(engine, operand, writes, !writes || engine.readsOutputs());
      if (!access)
        return;
      leaf.accesses.push_back(std::move(*access));
    }
    if (llvm::isa<LoadOp>(engine)) {
      auto region = model_.buffers[leaf.accesses[1].buffer].value.getDefiningOp<RegionOp>();
      leaf.constantLoad = region.getKind() == RegionKind::Constant;
      leaf.freeLoad = leaf.constantLoad || region.getKind() == RegionKind::Input;
    }
    leaf.stream = streamOf(engine, leaf);
    if (engine.getEngine() == "dma") {
      auto type = cast<ViewType>(engine->getOperand(0).getType());
      leaf.transferBytes = elementBytes(type.getElementType());
      for (int64_t size : type.getSizes())
        leaf.transferBytes *= size;
    }
    cut(std::move(leaf), items);
  }

  /// Rings by what a transfer waits for, so that none holds up another kind.
  static isa::StreamId streamOf(EngineOp engine, const Leaf &leaf) {
    llvm::StringRef name = engine.getEngine();
    if (name != "dma")
      return name == "pe" ? isa::StreamId::Pe : name == "ve" ? isa::StreamId::Ve : name == "se" ? isa::StreamId::Se : isa::StreamId::Ge;
    int ring = llvm::TypeSwitch<Operation *, int>(engine)
                   .Case([&](LoadOp) {
                     return leaf.constantLoad ? 0 : leaf.loop >= 0 ? kLoopRing + leaf.loop % kLoopRings : leaf.freeLoad ? 1 : 6;
                   })
                   .Case([](StoreOp) { return 2; })
                   .Case<GatherRowsOp, ScatterRowsOp>([](auto) { return 3; })
                   .Case<CopyDeviceOp>([](auto) { return 5; })
                   .Default([](Operation *) { return 4; });
    return isa::dmaStream(ring);
  }

  std::optional<Access> makeAccess(Operation *op, Value operand, bool writes, bool reads) {
    auto view = operand.getDefiningOp<ViewOp>();
    if (!view || !numbers_.count(view.getBuffer())) {
      fail(op, "an operand is no view of a buffer or region");
      return std::nullopt;
    }
    Access access;
    access.view = view;
    access.buffer = numbers_[view.getBuffer()];
    access.reads = reads;
    access.writes = writes;
    const Buffer &buffer = model_.buffers[access.buffer];
    ByteRange reach{0, 0};
    for (auto [index, coefficient] : llvm::zip(view.getIndices(), view.getCoefficients())) {
      APInt constant;
      if (matchPattern(index, m_ConstantInt(&constant))) {
        access.shift += constant.getSExtValue() * coefficient * buffer.elementBytes;
        continue;
      }
      auto known = induction_.find(index);
      if (known == induction_.end()) {
        fail(op, "an index is neither a constant nor a loop variable");
        return std::nullopt;
      }
      if (known->second < 0 || coefficient == 0)
        continue;
      auto term = llvm::find_if(access.terms, [&](const Term &t) { return t.loop == known->second; });
      if (term == access.terms.end())
        term = access.terms.insert(access.terms.end(), {known->second, 0});
      term->bytes += coefficient * buffer.elementBytes;
    }
    for (const Term &term : access.terms)
      (term.bytes < 0 ? reach.low : reach.high) += term.bytes * (model_.loops[term.loop].trips - 1);
    llvm::sort(access.terms, [](const Term &a, const Term &b) { return a.loop < b.loop; });
    access.bytes = footprint(view, kMostRanges);
    for (ByteRange &range : access.bytes)
      range = {range.low + access.shift, range.high + access.shift};
    if (access.bytes.front().low + reach.low < 0 || access.bytes.back().high + reach.high > buffer.bytes) {
      fail(view, "a view reaches bytes " + std::to_string(access.bytes.front().low + reach.low) + " to " +
                     std::to_string(access.bytes.back().high + reach.high) + " of a buffer of " + std::to_string(buffer.bytes));
      return std::nullopt;
    }
    if (buffer.space != Space::Device) {
      access.partition = static_cast<int>(view.getPartition());
      access.partitions = static_cast<int>(view.getView().getType().getSizes().front());
    }
    if (writes && buffer.region >= 0)
      written_.insert(access.buffer);
    return access;
  }

  /// A load or store in a loop is cut by partitions: each part has a semaphore of its own and is in flight at most once, so several parts keep the movers busy.
  /// A large load of constants is cut along its rows, so that what other rings issue does not queue behind megabytes.
  void cut(Leaf leaf, std::vector<Item> &items) {
    if (!llvm::isa<LoadOp, StoreOp>(leaf.operation) || leaf.accesses[0].cutDimension >= 0)
      return add(std::move(leaf), items);
    auto first = leaf.accesses[0].viewType().getSizes(), second = leaf.accesses[1].viewType().getSizes();
    int dimension = leaf.loop >= 0 ? 0 : 1;
    if (static_cast<int>(first.size()) <= dimension || static_cast<int>(second.size()) <= dimension ||
        first.take_front(dimension + 1) != second.take_front(dimension + 1))
      return add(std::move(leaf), items);
    int64_t size = first[dimension], step = size;
    if (leaf.loop >= 0) {
      for (int wish = options_.loopTransferParts; wish > 1 && step == size; --wish)
        if (size % wish == 0 && (size / wish) % 32 == 0)
          step = size / wish;
    } else if (leaf.constantLoad && llvm::all_of(first, [](int64_t s) { return s <= UINT16_MAX; })) {
      int64_t parts = leaf.transferBytes / options_.constantPartBytes;
      step = parts > 1 ? (size + parts - 1) / parts : size;
    }
    for (int64_t start = 0; start < size; start += step) {
      Leaf piece = leaf;
      int64_t count = std::min(step, size - start);
      piece.transferBytes = leaf.transferBytes * count / size;
      for (Access &access : piece.accesses)
        if (step < size)
          takePart(access, dimension, start, count);
      add(std::move(piece), items);
    }
  }

  void add(Leaf leaf, std::vector<Item> &items) {
    items.push_back({false, static_cast<int>(model_.leaves.size())});
    model_.leaves.push_back(std::move(leaf));
  }

  void takePart(Access &access, int dimension, int64_t start, int64_t count) {
    access.cutDimension = dimension;
    access.cutSize = count;
    bool tile = access.partitions > 0;
    if (tile && dimension == 0) {
      access.partitions = static_cast<int>(count);
      access.partition += static_cast<int>(start);
      return;
    }
    int64_t stride = ViewOp(access.view).getStrides()[dimension - tile] * model_.buffers[access.buffer].elementBytes;
    access.shift += stride * start;
    access.bytes = footprint(access.view, kMostRanges, dimension, count);
    for (ByteRange &range : access.bytes)
      range = {range.low + access.shift, range.high + access.shift};
  }

  const ModelOptions options_;
  Model model_;
  Error error_;
  int leafNumber_ = 0;
  llvm::DenseMap<Value, int> numbers_, induction_;
  llvm::DenseSet<int> written_;
};

} // namespace

Result<Model> buildModel(func::FuncOp function, const ModelOptions &options) { return Builder(options).run(function); }

} // namespace manaslu::tile
