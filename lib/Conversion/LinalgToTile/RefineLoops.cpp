// Loops of nodes: the common refinement of the factors of their operands, and the accesses that follow from it.
#include "lib/Conversion/LinalgToTile/ProgramReader.h"

#include <set>

using namespace mlir;

namespace manaslu::tiling {

LogicalResult ProgramReader::refine() {
  for (bool changed = true; changed;) {
    changed = false;
    for (Draft &d : drafts) {
      Operation *op = program.nodes[d.node].op;
      for (unsigned dim = 0; dim < d.ranges.size(); ++dim) {
        std::set<int64_t> boundaries;
        std::vector<std::vector<AtomRange> *> lists;
        for (auto &[value, map] : d.operands) {
          if (failed(normalize(op, value)))
            return failure();
          for (auto [j, expr] : llvm::enumerate(map.getResults()))
            if (auto e = dyn_cast<AffineDimExpr>(expr); e && e.getPosition() == dim && d.ranges[dim] != 1) {
              lists.push_back(&value.dims[j]);
              int64_t inner = 1;
              for (const AtomRange &range : llvm::reverse(value.dims[j]))
                boundaries.insert(inner *= range.size);
            }
        }
        SmallVector<int64_t> sizes;
        int64_t previous = 1;
        for (int64_t boundary : boundaries) {
          if (boundary % previous)
            return fail(op, "dimension " + Twine(dim) + " is split in factors that have no common refinement");
          if (boundary != previous)
            sizes.insert(sizes.begin(), boundary / previous);
          previous = boundary;
        }
        for (auto *list : lists)
          if (list->size() != sizes.size() && failed(splitRanges(op, *list, sizes, changed)))
            return failure();
      }
    }
  }
  return success();
}

FailureOr<Access> ProgramReader::access(Node &node, AffineMap map, ValueAtoms value) {
  Access out;
  out.storage = value.storage;
  auto loopsOf = [&](unsigned dim) {
    std::vector<int> loops;
    for (auto [i, loop] : llvm::enumerate(node.loops))
      if (loop.dim == static_cast<int>(dim))
        loops.push_back(i);
    return loops;
  };
  for (const AtomRange &range : value.fixed)
    if (!program.isBroadcast(range.atom))
      out.atoms.push_back({range.atom, range.start, {}});
  for (auto [j, expr] : llvm::enumerate(map.getResults())) {
    if (auto dim = dyn_cast<AffineDimExpr>(expr)) {
      auto loops = loopsOf(dim.getPosition());
      if (value.dims[j].size() == 1 && loops.size() > 1 && !program.isBroadcast(value.dims[j][0].atom)) { // left whole: a sum of loops
        AtomIndex index{value.dims[j][0].atom, value.dims[j][0].start, {}};
        for (int loop : loops)
          index.loops.push_back({loop, node.loops[loop].stride});
        out.atoms.push_back(index);
        continue;
      }
      if (loops.size() != value.dims[j].size())
        return FailureOr<Access>(fail(node.op, "dimension " + Twine(j) + " of an operand could not be split like its loop"));
      for (auto [range, loop] : llvm::zip(value.dims[j], loops))
        if (!program.isBroadcast(range.atom))
          out.atoms.push_back({range.atom, range.start, {{loop, 1}}});
      continue;
    }
    if (isa<AffineConstantExpr>(expr)) {
      for (const AtomRange &range : value.dims[j])
        out.atoms.push_back({range.atom, range.start + cast<AffineConstantExpr>(expr).getValue(), {}});
      continue;
    }
    if (value.dims[j].empty())
      continue;
    if (value.dims[j].size() != 1)
      return FailureOr<Access>(fail(node.op, "a window runs over a dimension that is split elsewhere"));
    AtomIndex index{value.dims[j][0].atom, value.dims[j][0].start, {}};
    for (unsigned dim = 0; dim < map.getNumDims(); ++dim) {
      // The coefficient of a dimension: the difference that one step makes.
      SmallVector<AffineExpr> zero(map.getNumDims(), getAffineConstantExpr(0, map.getContext())), one = zero;
      one[dim] = getAffineConstantExpr(1, map.getContext());
      auto at = [&](ArrayRef<AffineExpr> point) {
        return cast<AffineConstantExpr>(simplifyAffineExpr(expr.replaceDims(point), map.getNumDims(), 0)).getValue();
      };
      int64_t coefficient = at(one) - at(zero);
      if (coefficient)
        for (int loop : loopsOf(dim))
          index.loops.push_back({loop, coefficient * node.loops[loop].stride});
    }
    out.atoms.push_back(index);
  }
  return out;
}

LogicalResult ProgramReader::finish() {
  for (Draft &d : drafts) {
    Node &node = program.nodes[d.node];
    for (unsigned dim = 0; dim < d.ranges.size(); ++dim) {
      if (d.ranges[dim] == 1)
        continue;
      const std::vector<AtomRange> *factors = nullptr;
      for (auto &[value, map] : d.operands)
        for (auto [j, expr] : llvm::enumerate(map.getResults()))
          if (auto e = dyn_cast<AffineDimExpr>(expr); e && e.getPosition() == dim && (!factors || value.dims[j].size() > factors->size()))
            factors = &value.dims[j];
      int64_t stride = d.ranges[dim];
      if (!factors) {
        node.loops.push_back({d.ranges[dim], static_cast<int>(dim), 1, d.reduction[dim]});
        continue;
      }
      for (const AtomRange &range : *factors)
        node.loops.push_back({range.size, static_cast<int>(dim), stride /= range.size, d.reduction[dim]});
    }
    std::vector<Access> accesses;
    for (auto &[value, map] : d.operands) {
      auto one = access(node, map, value);
      if (failed(one))
        return failure();
      accesses.push_back(std::move(*one));
    }
    if (node.kind != NodeKind::Output && node.kind != NodeKind::StateWrite) {
      node.output = std::move(accesses.back());
      accesses.pop_back();
      program.storages[node.output.storage].writers.push_back(d.node);
    }
    node.inputs = std::move(accesses);
    for (const Access &input : node.inputs)
      if (auto &readers = program.storages[input.storage].readers; readers.empty() || readers.back() != d.node)
        readers.push_back(d.node);
  }
  return success();
}

} // namespace manaslu::tiling
