// Buffers, windows and access patterns.
#include "lib/Conversion/LinalgToTile/Emitter.h"

#include <bit>
#include <mlir/Dialect/Arith/IR/Arith.h>

using namespace mlir;

namespace manaslu::tiling {

Affine Affine::operator+(const Affine &other) const {
  Affine out = *this;
  out.constant += other.constant;
  for (auto [variable, coefficient] : other.terms) {
    auto at = llvm::find_if(out.terms, [&](auto &term) { return term.first == variable; });
    if (at == out.terms.end())
      out.terms.push_back({variable, coefficient});
    else
      at->second += coefficient;
  }
  std::erase_if(out.terms, [](auto &term) { return term.second == 0; });
  return out;
}

Affine Affine::operator*(int64_t factor) const {
  Affine out;
  out.constant = constant * factor;
  if (factor)
    for (auto [variable, coefficient] : terms)
      out.terms.push_back({variable, coefficient * factor});
  return out;
}

int64_t TileRef::freeElements() const {
  int64_t n = 1;
  for (const Axis &axis : axes)
    n *= axis.size;
  return n;
}

Placed Emitter::allocate(int storage, const Layout &layout, tile::Space space, Type element, const std::map<AtomId, Range> &window) {
  Placed placed;
  placed.storage = storage;
  placed.element = element;
  placed.space = space;
  placed.layout = layout;
  placed.window = !window.empty();
  auto extent = [&](AtomId atom) {
    auto at = window.find(atom);
    return at == window.end() ? program.atoms[atom].size : at->second.size;
  };
  int64_t elements = 1;
  for (AtomId atom : llvm::reverse(layout.free)) {
    placed.strides[atom] = elements;
    elements *= extent(atom);
  }
  placed.chunkStride = elements;
  for (auto &[atom, range] : window)
    placed.origins[atom] = range.start;
  if (!layout.part.empty() && layout.part[0].atom >= 0) {
    AtomId atom = layout.part[0].atom;
    auto at = window.find(atom);
    if (at == window.end()) {
      elements *= layout.chunks();
    } else {
      // A window keeps its partitions, so that tiles of one computation share a start partition.
      placed.origins[atom].constant -= at->second.start.constant % layout.step;
      elements *= std::max<int64_t>(1, (at->second.size + layout.step - 1) / layout.step);
    }
  }
  auto type = tile::BufferType::get(builder.getContext(), space, std::max<int64_t>(1, layout.rows()), elements, element);
  placed.buffer = tile::AllocOp::create(builder, loc, type, StringAttr(), program.storages[storage].propagates);
  if (placed.window)
    windows[placed.buffer] = window;
  return placed;
}

bool Emitter::onPartitions(const Layout &layout, const Access &access, int loop) {
  AtomId atom = access.atomOfLoop(loop);
  return atom >= 0 && llvm::any_of(layout.part, [&](const PartitionEntry &entry) { return entry.atom == atom; });
}

TileRef Emitter::reference(const Placed &placed, const Node &node, const Access &access, const std::vector<Range> &ranges, const std::vector<int> &order,
                           int64_t partition, int64_t partitions) {
  TileRef ref;
  ref.buffer = placed.buffer;
  ref.space = placed.space;
  ref.element = placed.element;
  const Layout &layout = placed.layout;
  auto startOf = [&](const AtomIndex &index) {
    Affine start;
    start.constant = index.start;
    for (auto [loop, coefficient] : index.loops)
      start = start + ranges[loop].start * coefficient;
    if (auto at = placed.origins.find(index.atom); at != placed.origins.end())
      start = start - at->second;
    return start;
  };
  bool broadcast = llvm::any_of(layout.part, [](const PartitionEntry &entry) { return entry.atom < 0; });
  bool allCopies = partition == 0 && partitions >= layout.rows() && !layout.replicated();
  int64_t inner = 1;
  ref.partitions = 1;
  for (size_t e = layout.part.size(); e-- > 0;) {
    const PartitionEntry &entry = layout.part[e];
    const AtomIndex *index = entry.atom < 0 ? nullptr : access.find(entry.atom);
    if (index) {
      Affine start = startOf(*index);
      int64_t size = index->loops.empty() ? 1 : ranges[index->loops[0].first].size;
      int64_t first = start.constant;
      if (e == 0) {
        int64_t chunk = start.constant / layout.step;
        first = start.constant % layout.step;
        ref.offset.constant += chunk * placed.chunkStride;
        for (auto [variable, coefficient] : start.terms) {
          if (coefficient % layout.step)
            report(node.loc, "MN-INTERNAL: a loop steps inside a chunk of partitions");
          ref.offset.terms.push_back({variable, coefficient / layout.step * placed.chunkStride});
        }
        size = std::min(size, layout.step);
      } else if (!start.isConstant()) {
        report(node.loc, "MN-INTERNAL: a loop moves along partitions");
      }
      if (inner > 1 && size > 1 && ref.partitions != inner)
        report(node.loc, "MN-INTERNAL: a tile takes separate runs of partitions");
      ref.partition += first * inner;
      ref.partitions *= size;
    } else if (entry.atom < 0) {
      ref.partitions *= e == 0 ? layout.step : entry.size;
    }
    inner *= entry.size;
  }
  if (broadcast && !allCopies) {
    ref.partition = partition;
    ref.partitions = partitions;
  }
  for (const AtomIndex &index : access.atoms)
    if (auto at = placed.strides.find(index.atom); at != placed.strides.end())
      ref.offset = ref.offset + startOf(index) * at->second;
  for (int loop : order) {
    if (ranges[loop].size == 1)
      continue;
    if (onPartitions(layout, access, loop)) {
      if (access.atomOfLoop(loop) == layout.part[0].atom && ranges[loop].size > layout.step)
        ref.axes.push_back({ranges[loop].size / layout.step, placed.chunkStride});
      continue;
    }
    int64_t stride = 0;
    for (const AtomIndex &index : access.atoms)
      for (auto [l, coefficient] : index.loops)
        if (auto at = placed.strides.find(index.atom); l == loop && at != placed.strides.end())
          stride += coefficient * at->second;
    ref.axes.push_back({ranges[loop].size, stride});
  }
  return ref;
}

std::vector<Axis> Emitter::merged(const std::vector<Axis> &axes) {
  std::vector<Axis> out;
  for (const Axis &axis : axes) {
    if (axis.size == 1)
      continue;
    if (!out.empty() && out.back().stride == axis.stride * axis.size && out.back().size * axis.size < 65536)
      out.back() = {out.back().size * axis.size, axis.stride};
    else
      out.push_back(axis);
  }
  if (out.empty())
    out.push_back({1, 1});
  return out;
}

Value Emitter::view(TileRef ref, unsigned limit, bool merge) {
  std::vector<Axis> axes = merge ? merged(ref.axes) : ref.axes;
  if (axes.size() > limit) {
    report(loc, "MN-INTERNAL: an access pattern needs " + Twine(axes.size()) + " free dimensions, an instruction holds " + Twine(limit));
    axes.resize(limit);
  }
  SmallVector<int64_t> sizes, strides, coefficients;
  SmallVector<Value> variables;
  if (ref.space != tile::Space::Device)
    sizes.push_back(ref.partitions);
  for (const Axis &axis : axes) {
    sizes.push_back(axis.size);
    strides.push_back(axis.stride);
  }
  for (auto [variable, coefficient] : ref.offset.terms) {
    variables.push_back(variable);
    coefficients.push_back(coefficient);
  }
  auto type = tile::ViewType::get(builder.getContext(), ref.space, sizes, ref.element);
  return tile::ViewOp::create(builder, loc, type, ref.buffer, variables, ref.partition, ref.offset.constant, coefficients, strides);
}

void Emitter::forRange(const Range &range, int64_t step, const std::function<void(const Range &)> &body, int64_t unrolled) {
  int64_t full = range.size / step, rest = range.size % step;
  if (full <= unrolled) {
    for (int64_t i = 0; i < full; ++i) {
      Affine start = range.start;
      start.constant += i * step;
      body({start, step});
    }
  } else if (full > 1) {
    auto index = [&](int64_t value) {
      Value &constant = indexConstants[value];
      if (!constant) {
        OpBuilder::InsertionGuard guard(builder);
        auto function = builder.getInsertionBlock()->getParentOp();
        while (!isa<func::FuncOp>(function))
          function = function->getParentOp();
        builder.setInsertionPointToStart(&cast<func::FuncOp>(function).getBody().front());
        constant = arith::ConstantIndexOp::create(builder, loc, value);
      }
      return constant;
    };
    auto loop = scf::ForOp::create(builder, loc, index(0), index(full), index(1));
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(loop.getBody());
    Affine start = range.start;
    start.terms.push_back({loop.getInductionVar(), step});
    body({start, step});
  }
  if (rest) {
    Affine start = range.start;
    start.constant += full * step;
    body({start, rest});
  }
}

TileRef Emitter::temporary(const TileRef &like, const std::vector<Axis> &shape, Type element, tile::Space space) {
  TileRef ref;
  ref.space = space;
  ref.element = element;
  ref.partition = like.partition;
  ref.partitions = like.partitions;
  int64_t elements = 1;
  ref.axes = shape;
  for (Axis &axis : llvm::reverse(ref.axes)) {
    bool varies = axis.stride != 0;
    axis.stride = varies ? elements : 0;
    elements *= varies ? axis.size : 1;
  }
  auto type = tile::BufferType::get(builder.getContext(), space, like.partition + like.partitions, elements, element);
  ref.buffer = tile::AllocOp::create(builder, loc, type, StringAttr());
  return ref;
}

TileRef Emitter::splat(double value, Type element, const TileRef &like, const std::vector<Axis> &shape) {
  Value &buffer = splats[{std::bit_cast<uint32_t>(static_cast<float>(value)), element.getAsOpaquePointer()}];
  if (!buffer) {
    OpBuilder::InsertionGuard guard(builder);
    mlir::Operation *function = builder.getInsertionBlock()->getParentOp();
    while (!isa<func::FuncOp>(function))
      function = function->getParentOp();
    builder.setInsertionPointToStart(&cast<func::FuncOp>(function).getBody().front());
    buffer = tile::AllocOp::create(builder, loc, tile::BufferType::get(builder.getContext(), tile::Space::Sbuf, chip.partitions, 1, element), StringAttr());
    TileRef whole;
    whole.buffer = buffer;
    whole.element = element;
    whole.partitions = chip.partitions;
    tile::MemsetOp::create(builder, loc, view(whole), llvm::APFloat(static_cast<float>(value)));
  }
  TileRef ref;
  ref.buffer = buffer;
  ref.element = element;
  ref.partition = like.partition;
  ref.partitions = like.partitions;
  ref.axes = shape;
  return ref;
}

std::map<AtomId, Range> Emitter::windowOf(const Node &node, const Access &access, const std::vector<Range> &ranges) const {
  std::map<AtomId, Range> window;
  for (const AtomIndex &index : access.atoms) {
    Range range;
    range.start.constant = index.start;
    int64_t reach = 0;
    for (auto [loop, coefficient] : index.loops) {
      range.start = range.start + ranges[loop].start * coefficient;
      reach += (ranges[loop].size - 1) * coefficient;
    }
    range.size = reach + 1;
    window[index.atom] = range;
  }
  return window;
}

std::vector<Range> Emitter::wholeRanges(const Node &node) const {
  std::vector<Range> ranges;
  for (const LoopAtom &loop : node.loops)
    ranges.push_back({{}, loop.size});
  return ranges;
}

std::vector<Range> Emitter::mapRanges(const Node &from, const Access &fromAccess, const Node &to, const Access &toAccess,
                                      const std::vector<Range> &ranges) const {
  std::vector<Range> out = wholeRanges(to);
  for (int loop = 0; loop < static_cast<int>(from.loops.size()); ++loop) {
    AtomId atom = fromAccess.atomOfLoop(loop);
    const AtomIndex *index = atom < 0 ? nullptr : toAccess.find(atom);
    if (index && index->loops.size() == 1)
      out[index->loops[0].first] = ranges[loop];
  }
  return out;
}

} // namespace manaslu::tiling
