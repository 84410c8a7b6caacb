// Reshapes, transposes and slices: they only say which atoms of a storage a dimension of a value means.
#include "lib/Conversion/LinalgToTile/ProgramReader.h"

using namespace mlir;

namespace manaslu::tiling {

LogicalResult ProgramReader::readCollapse(tensor::CollapseShapeOp op) {
  ValueAtoms in = values[op.getSrc()], out = in;
  out.dims.clear();
  for (auto &group : op.getReassociationIndices()) {
    out.dims.emplace_back();
    for (int64_t dim : group)
      out.dims.back().insert(out.dims.back().end(), in.dims[dim].begin(), in.dims[dim].end());
  }
  values[op.getResult()] = out;
  return success();
}

LogicalResult ProgramReader::readExpand(tensor::ExpandShapeOp op) {
  ValueAtoms in = values[op.getSrc()];
  if (failed(normalize(op, in)))
    return failure();
  auto shape = op.getResultType().getShape();
  auto reassociation = op.getReassociationIndices();
  // One round cuts each range once; three factors take two rounds.
  for (bool changed = true; changed;) {
    changed = false;
    for (auto [dim, group] : llvm::enumerate(reassociation)) {
      SmallVector<int64_t> sizes;
      for (int64_t index : group)
        if (shape[index] != 1)
          sizes.push_back(shape[index]);
      if (failed(splitRanges(op, in.dims[dim], sizes, changed)))
        return failure();
    }
    if (failed(normalize(op, in)))
      return failure();
  }
  ValueAtoms out;
  out.storage = in.storage;
  out.fixed = in.fixed;
  out.dims.resize(shape.size());
  for (auto [dim, group] : llvm::enumerate(reassociation)) {
    size_t next = 0;
    for (int64_t index : group)
      for (int64_t have = 1; have < shape[index]; ++next) {
        if (next >= in.dims[dim].size() || shape[index] % (have * in.dims[dim][next].size))
          return fail(op, "splits a dimension that a slice has cut unevenly");
        have *= in.dims[dim][next].size;
        out.dims[index].push_back(in.dims[dim][next]);
      }
  }
  values[op.getResult()] = out;
  return success();
}

LogicalResult ProgramReader::slice(Operation *op, ValueAtoms &value, size_t dim, int64_t start, int64_t size) {
  auto &ranges = value.dims[dim];
  int64_t extent = 1;
  for (const AtomRange &range : ranges)
    extent *= range.size;
  if (start == 0 && size == extent)
    return success();
  if (ranges.size() > 1) { // cut the outermost where the inner product divides, else the whole must stay inside one coordinate of it
    int64_t inner = extent / ranges[0].size;
    if (start % inner == 0 && size % inner == 0) {
      ranges[0] = {ranges[0].atom, ranges[0].start + start / inner, size / inner};
      if (ranges[0].size == 1) {
        value.fixed.push_back(ranges[0]);
        ranges.erase(ranges.begin());
      }
      return success();
    }
    if (start / inner != (start + size - 1) / inner)
      return fail(op, "slices across the factors of a split dimension");
    value.fixed.push_back({ranges[0].atom, ranges[0].start + start / inner, 1});
    ranges.erase(ranges.begin());
    return slice(op, value, dim, start % inner, size);
  }
  // An even cut splits the atom, so that equal parts (query, key, value; the halves of a rotation) become coordinates of their own.
  AtomRange whole = ranges[0];
  if (size > 1 && whole.start == 0 && whole.size == program.atoms[whole.atom].size && whole.size % size == 0 && start % size == 0) {
    bool changed = false;
    if (failed(splitRanges(op, ranges, {whole.size / size, size}, changed)))
      return failure();
    if (failed(normalize(op, value)))
      return failure();
    return slice(op, value, dim, start, size);
  }
  ranges[0] = {whole.atom, whole.start + start, size};
  if (size == 1) {
    value.fixed.push_back(ranges[0]);
    ranges.clear();
  }
  return success();
}

LogicalResult ProgramReader::readSlice(tensor::ExtractSliceOp op) {
  if (llvm::any_of(op.getStaticStrides(), [](int64_t s) { return s != 1; }) || ShapedType::isDynamicShape(op.getStaticOffsets()) ||
      ShapedType::isDynamicShape(op.getStaticSizes()))
    return fail(op, "slices with a step or at positions known only at run time are not supported");
  ValueAtoms out = values[op.getSource()];
  if (failed(normalize(op, out)))
    return failure();
  for (size_t dim = 0; dim < out.dims.size(); ++dim)
    if (failed(slice(op, out, dim, op.getStaticOffsets()[dim], op.getStaticSizes()[dim])))
      return failure();
  auto dropped = op.getDroppedDims();
  ValueAtoms result = out;
  result.dims.clear();
  for (size_t dim = 0; dim < out.dims.size(); ++dim)
    if (!dropped.test(dim))
      result.dims.push_back(out.dims[dim]);
  values[op.getResult()] = result;
  return success();
}

LogicalResult ProgramReader::splitRanges(Operation *op, ArrayRef<AtomRange> ranges, ArrayRef<int64_t> sizes, bool &changed) {
  int64_t inner = 1; // product of what lies inside the current range
  for (const AtomRange &range : llvm::reverse(ranges)) {
    int64_t boundary = 1, outer = inner * range.size;
    for (int64_t size : llvm::reverse(sizes)) {
      boundary *= size;
      if (boundary <= inner || boundary >= outer)
        continue;
      if (boundary % inner || outer % boundary)
        return fail(op, "dimensions of " + Twine(outer) + " are split in factors that have no common refinement");
      if (range.start % (boundary / inner) || program.atoms[range.atom].size % (boundary / inner))
        break;
      if (program.atoms[range.atom].outer < 0) {
        int64_t factor = boundary / inner, size = program.atoms[range.atom].size;
        int storage = program.atoms[range.atom].storage;
        AtomId outside = newAtom(size / factor, storage), inside = newAtom(factor, storage);
        program.atoms[range.atom].outer = outside;
        program.atoms[range.atom].inner = inside;
        if (storage >= 0) {
          auto &list = program.storages[storage].atoms;
          auto at = std::find(list.begin(), list.end(), range.atom);
          *at = inside;
          list.insert(std::find(list.begin(), list.end(), inside), outside);
        }
        changed = true;
      }
      break; // further boundaries are found in the next round, on the children
    }
    inner = outer;
  }
  return success();
}

LogicalResult ProgramReader::normalizeRanges(Operation *op, std::vector<AtomRange> &ranges, std::vector<AtomRange> &fixed) {
  for (size_t i = 0; i < ranges.size();) {
    AtomRange range = ranges[i];
    const Atom &atom = program.atoms[range.atom];
    if (atom.outer < 0) {
      if (range.size == 1) {
        fixed.push_back(range);
        ranges.erase(ranges.begin() + i);
      } else {
        ++i;
      }
      continue;
    }
    int64_t inner = program.atoms[atom.inner].size;
    if (range.start % inner == 0 && range.size % inner == 0) {
      ranges[i] = {atom.outer, range.start / inner, range.size / inner};
      ranges.insert(ranges.begin() + i + 1, {atom.inner, 0, inner});
    } else if (range.start / inner == (range.start + range.size - 1) / inner) {
      fixed.push_back({atom.outer, range.start / inner, 1});
      ranges[i] = {atom.inner, range.start % inner, range.size};
    } else {
      return fail(op, "a slice cuts a dimension unevenly that is split elsewhere");
    }
  }
  return success();
}

LogicalResult ProgramReader::normalize(Operation *op, ValueAtoms &value) {
  std::vector<AtomRange> fixed;
  for (AtomRange range : value.fixed) {
    std::vector<AtomRange> one = {range};
    while (program.atoms[range.atom].outer >= 0) {
      const Atom &atom = program.atoms[range.atom];
      int64_t inner = program.atoms[atom.inner].size;
      std::vector<AtomRange> outer = {{atom.outer, range.start / inner, 1}}, rest;
      if (failed(normalizeRanges(op, outer, fixed)))
        return failure();
      range = {atom.inner, range.start % inner, 1};
    }
    fixed.push_back(range);
  }
  value.fixed = std::move(fixed);
  for (auto &dim : value.dims)
    if (failed(normalizeRanges(op, dim, value.fixed)))
      return failure();
  return success();
}

} // namespace manaslu::tiling
