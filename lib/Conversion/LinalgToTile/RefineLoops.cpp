// Loops of nodes: the common refinement of the factors of their operands, and the accesses that follow from it.
#include "lib/Conversion/LinalgToTile/ProgramReader.h"

using namespace mlir;

namespace manaslu::tiling {

LogicalResult ProgramReader::separate(const Draft &draft, size_t operand) {
  Operation *op = program.nodes[draft.node].op;
  std::vector<size_t> order = {operand};
  for (size_t other = 0; other < draft.operands.size(); ++other)
    order.push_back(other);
  for (size_t candidate : order) {
    int number = draft.numbers[candidate];
    if (own.insert(number == kWhole ? origins[draft.operands[candidate].first.storage] : OwnStorages::value_type(op, number)).second) {
      grown = true;
      return failure();
    }
  }
  return fail(op, reason);
}

LogicalResult ProgramReader::refine() {
  for (bool changed = true; changed;) {
    changed = false;
    for (Draft &draft : drafts)
      for (unsigned dim = 0; dim < draft.ranges.size(); ++dim)
        if (failed(refine(draft, dim, changed)))
          return failure();
  }
  return success();
}

LogicalResult ProgramReader::refine(Draft &draft, unsigned dim, bool &changed) {
  std::set<int64_t> boundaries;
  std::vector<std::pair<size_t, std::vector<AtomRange> *>> lists;
  for (auto [number, operand] : llvm::enumerate(draft.operands)) {
    auto &[value, map] = operand;
    if (failed(normalize(value)))
      return separate(draft, number);
    for (auto [j, expr] : llvm::enumerate(map.getResults()))
      if (auto e = dyn_cast<AffineDimExpr>(expr); e && e.getPosition() == dim && draft.ranges[dim] != 1) {
        lists.push_back({number, &value.dims[j]});
        int64_t inner = 1;
        for (const AtomRange &range : llvm::reverse(value.dims[j]))
          boundaries.insert(inner *= range.size);
      }
  }
  SmallVector<int64_t> sizes;
  int64_t previous = 1;
  for (int64_t boundary : boundaries) {
    if (boundary % previous) {
      (void)refuse("dimension " + Twine(dim) + " is split in factors that have no common refinement");
      for (auto [number, list] : lists)
        if (list->size() > 1)
          return separate(draft, number);
    }
    if (boundary != previous)
      sizes.insert(sizes.begin(), boundary / previous);
    previous = boundary;
  }
  for (auto [number, list] : lists)
    if (list->size() != sizes.size() && failed(splitRanges(*list, sizes, changed)))
      return separate(draft, number);
  return success();
}

namespace {

/// The loops of a dimension of the linalg operation, outermost first.
std::vector<int> loopsOf(const Node &node, unsigned dim) {
  std::vector<int> loops;
  for (auto [i, loop] : llvm::enumerate(node.loops))
    if (loop.dim == static_cast<int>(dim))
      loops.push_back(i);
  return loops;
}

/// The value of an affine expression at a point.
int64_t at(AffineExpr expr, AffineMap map, std::optional<unsigned> one) {
  SmallVector<AffineExpr> point(map.getNumDims(), getAffineConstantExpr(0, map.getContext()));
  if (one)
    point[*one] = getAffineConstantExpr(1, map.getContext());
  return cast<AffineConstantExpr>(simplifyAffineExpr(expr.replaceDims(point), map.getNumDims(), 0)).getValue();
}

} // namespace

std::optional<AtomIndex> ProgramReader::windowIndex(const Node &node, AffineMap map, AffineExpr expr, const std::vector<AtomRange> &ranges) {
  if (ranges.size() != 1) {
    (void)refuse("a window runs over a dimension that is split elsewhere");
    return std::nullopt;
  }
  const AtomRange &range = ranges[0];
  int64_t base = at(expr, map, std::nullopt);
  AtomIndex index{range.atom, range.start + base * range.step, {}};
  for (unsigned dim = 0; dim < map.getNumDims(); ++dim)
    if (int64_t coefficient = at(expr, map, dim) - base)
      for (int loop : loopsOf(node, dim))
        index.loops.push_back({loop, coefficient * node.loops[loop].stride * range.step});
  return index;
}

std::optional<Access> ProgramReader::access(const Node &node, AffineMap map, const ValueAtoms &value) {
  Access out;
  out.storage = value.storage;
  auto add = [&](const AtomIndex &index) {
    if (!program.isBroadcast(index.atom))
      out.atoms.push_back(index);
  };
  for (const AtomRange &range : value.fixed)
    add({range.atom, range.start, {}});
  for (auto [j, expr] : llvm::enumerate(map.getResults())) {
    const std::vector<AtomRange> &ranges = value.dims[j];
    auto dim = dyn_cast<AffineDimExpr>(expr);
    if (!dim) {
      auto constant = dyn_cast<AffineConstantExpr>(expr);
      if (constant && constant.getValue() == 0) {
        for (const AtomRange &range : ranges)
          add({range.atom, range.start, {}});
      } else if (!ranges.empty()) {
        std::optional<AtomIndex> index = windowIndex(node, map, expr, ranges);
        if (!index)
          return std::nullopt;
        add(*index);
      }
      continue;
    }
    // Each range is walked by the loops whose product is its size: one loop, or several where a slice kept it whole.
    std::vector<int> loops = loopsOf(node, dim.getPosition());
    for (const AtomRange &range : llvm::reverse(ranges)) {
      AtomIndex index{range.atom, range.start, {}};
      int64_t have = 1;
      for (; have < range.size && !loops.empty(); loops.pop_back()) {
        index.loops.insert(index.loops.begin(), {loops.back(), have * range.step});
        have *= node.loops[loops.back()].size;
      }
      if (have != range.size) {
        (void)refuse("dimension " + Twine(j) + " of an operand could not be split like its loop");
        return std::nullopt;
      }
      add(index);
    }
  }
  return out;
}

LogicalResult ProgramReader::finish() {
  for (Draft &draft : drafts) {
    Node &node = program.nodes[draft.node];
    for (unsigned dim = 0; dim < draft.ranges.size(); ++dim) {
      if (draft.ranges[dim] == 1)
        continue;
      const std::vector<AtomRange> *factors = nullptr;
      for (auto &[value, map] : draft.operands)
        for (auto [j, expr] : llvm::enumerate(map.getResults()))
          if (auto e = dyn_cast<AffineDimExpr>(expr); e && e.getPosition() == dim && (!factors || value.dims[j].size() > factors->size()))
            factors = &value.dims[j];
      int64_t stride = draft.ranges[dim];
      if (!factors) {
        node.loops.push_back({draft.ranges[dim], static_cast<int>(dim), 1, draft.reduction[dim]});
        continue;
      }
      for (const AtomRange &range : *factors)
        node.loops.push_back({range.size, static_cast<int>(dim), stride /= range.size, draft.reduction[dim]});
    }
    std::vector<Access> accesses;
    for (auto [number, operand] : llvm::enumerate(draft.operands)) {
      std::optional<Access> one = access(node, operand.second, operand.first);
      if (!one)
        return separate(draft, number);
      accesses.push_back(std::move(*one));
    }
    if (node.kind != NodeKind::Output && node.kind != NodeKind::StateWrite && node.kind != NodeKind::Materialize) {
      node.output = std::move(accesses.back());
      accesses.pop_back();
    }
    if (node.output.storage >= 0)
      program.storages[node.output.storage].writers.push_back(draft.node);
    node.inputs = std::move(accesses);
    for (const Access &input : node.inputs)
      if (auto &readers = program.storages[input.storage].readers; readers.empty() || readers.back() != draft.node)
        readers.push_back(draft.node);
  }
  return success();
}

} // namespace manaslu::tiling
