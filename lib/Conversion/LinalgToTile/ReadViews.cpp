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
  std::optional<ValueAtoms> out;
  if (!isWhole(in.storage))
    out = expand(in, op);
  if (!out) // the factors of the storage are others: its elements are put into a storage of their own
    out = expand(materialize(op, 0, in, op.getSrcType()), op);
  if (!out)
    return fail(op, reason);
  values[op.getResult()] = *out;
  return success();
}

std::optional<ValueAtoms> ProgramReader::expand(ValueAtoms in, tensor::ExpandShapeOp op) {
  if (failed(normalize(in)))
    return std::nullopt;
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
      if (failed(splitRanges(in.dims[dim], sizes, changed)))
        return std::nullopt;
    }
    if (failed(normalize(in)))
      return std::nullopt;
  }
  ValueAtoms out;
  out.storage = in.storage;
  out.fixed = in.fixed;
  out.dims.resize(shape.size());
  for (auto [dim, group] : llvm::enumerate(reassociation)) {
    size_t next = 0;
    for (int64_t index : group)
      for (int64_t have = 1; have < shape[index]; ++next) {
        if (next >= in.dims[dim].size() || shape[index] % (have * in.dims[dim][next].size)) {
          (void)refuse("splits a dimension that a slice has cut unevenly");
          return std::nullopt;
        }
        have *= in.dims[dim][next].size;
        out.dims[index].push_back(in.dims[dim][next]);
      }
  }
  return out;
}

LogicalResult ProgramReader::slice(ValueAtoms &value, size_t dim, int64_t start, int64_t size, int64_t step) {
  auto &ranges = value.dims[dim];
  int64_t extent = 1;
  for (const AtomRange &range : ranges)
    extent *= range.size;
  if (start == 0 && size == extent)
    return success();
  if (ranges.size() > 1) { // cut the outermost where the inner product divides, else the whole must stay inside one coordinate of it
    int64_t inner = extent / ranges[0].size, last = start + (size - 1) * step;
    AtomRange &outer = ranges[0];
    if (step == 1 && start % inner == 0 && size % inner == 0) {
      outer = {outer.atom, outer.start + start / inner * outer.step, size / inner, outer.step};
      if (outer.size == 1) {
        value.fixed.push_back(outer);
        ranges.erase(ranges.begin());
      }
      return success();
    }
    if (start / inner != last / inner)
      return refuse("slices across the factors of a split dimension");
    value.fixed.push_back({outer.atom, outer.start + start / inner * outer.step, 1});
    ranges.erase(ranges.begin());
    return slice(value, dim, start % inner, size, step);
  }
  // An even cut splits the atom, so that equal parts (query, key, value; the halves of a rotation; even and odd elements) become coordinates of their own.
  AtomRange whole = ranges[0];
  bool uncut = !isWhole(value.storage) && whole.start == 0 && whole.step == 1 && whole.size == program.atoms[whole.atom].size;
  int64_t factor = step == 1 ? size : step;
  if (size > 1 && uncut && whole.size % factor == 0 && (step == 1 ? start % size == 0 : start < step && size == whole.size / step)) {
    bool changed = false;
    if (failed(splitRanges(ranges, {whole.size / factor, factor}, changed)) || failed(normalize(value)))
      return failure();
    if (step == 1)
      return slice(value, dim, start, size, 1);
    value.fixed.push_back({value.dims[dim].back().atom, start, 1});
    value.dims[dim].pop_back();
    return success();
  }
  ranges[0] = {whole.atom, whole.start + start * whole.step, size, whole.step * step};
  if (size == 1) {
    value.fixed.push_back(ranges[0]);
    ranges.clear();
  }
  return success();
}

std::optional<ValueAtoms> ProgramReader::extract(ValueAtoms in, tensor::ExtractSliceOp op) {
  if (failed(normalize(in)))
    return std::nullopt;
  for (size_t dim = 0; dim < in.dims.size(); ++dim)
    if (failed(slice(in, dim, op.getStaticOffsets()[dim], op.getStaticSizes()[dim], op.getStaticStrides()[dim])))
      return std::nullopt;
  return in;
}

LogicalResult ProgramReader::readSlice(tensor::ExtractSliceOp op) {
  if (ShapedType::isDynamicShape(op.getStaticOffsets()) || ShapedType::isDynamicShape(op.getStaticSizes()) || ShapedType::isDynamicShape(op.getStaticStrides()))
    return fail(op, "slices at positions known only at run time are not supported");
  if (llvm::any_of(op.getStaticStrides(), [](int64_t step) { return step < 1; }))
    return fail(op, "slices with a step below 1 are not supported");
  std::optional<ValueAtoms> out = extract(values[op.getSource()], op);
  if (!out)
    out = extract(materialize(op, 0, values[op.getSource()], op.getSourceType()), op);
  if (!out)
    return fail(op, reason);
  auto dropped = op.getDroppedDims();
  ValueAtoms result = *out;
  result.dims.clear();
  for (size_t dim = 0; dim < out->dims.size(); ++dim)
    if (!dropped.test(dim))
      result.dims.push_back(out->dims[dim]);
  values[op.getResult()] = result;
  return success();
}

LogicalResult ProgramReader::splitRanges(ArrayRef<AtomRange> ranges, ArrayRef<int64_t> sizes, bool &changed) {
  int64_t inner = 1; // product of what lies inside the current range
  for (const AtomRange &range : llvm::reverse(ranges)) {
    int64_t boundary = 1, outer = inner * range.size;
    for (int64_t size : llvm::reverse(sizes)) {
      boundary *= size;
      if (boundary <= inner || boundary >= outer)
        continue;
      if (boundary % inner || outer % boundary)
        return refuse("dimensions of " + Twine(outer) + " are split in factors that have no common refinement");
      if (range.step != 1 || range.start % (boundary / inner) || program.atoms[range.atom].size % (boundary / inner))
        break;
      if (program.atoms[range.atom].outer < 0) {
        splitAtom(range.atom, boundary / inner);
        changed = true;
      }
      break; // further boundaries are found in the next round, on the children
    }
    inner = outer;
  }
  return success();
}

void ProgramReader::splitAtom(AtomId atom, int64_t factor) {
  int64_t size = program.atoms[atom].size;
  int storage = program.atoms[atom].storage;
  AtomId outside = newAtom(size / factor, storage), inside = newAtom(factor, storage);
  program.atoms[atom].outer = outside;
  program.atoms[atom].inner = inside;
  if (storage < 0)
    return;
  auto &list = program.storages[storage].atoms;
  *llvm::find(list, atom) = inside;
  list.insert(llvm::find(list, inside), outside);
}

LogicalResult ProgramReader::normalizeRanges(std::vector<AtomRange> &ranges, std::vector<AtomRange> &fixed) {
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
    int64_t inner = program.atoms[atom.inner].size, last = range.start + (range.size - 1) * range.step;
    if (range.step == 1 && range.start % inner == 0 && range.size % inner == 0) {
      ranges[i] = {atom.outer, range.start / inner, range.size / inner};
      ranges.insert(ranges.begin() + i + 1, {atom.inner, 0, inner});
    } else if (range.start / inner == last / inner) {
      fixed.push_back({atom.outer, range.start / inner, 1});
      ranges[i] = {atom.inner, range.start % inner, range.size, range.step};
    } else if (range.step % inner == 0) { // the same coordinate of the inner one each time
      fixed.push_back({atom.inner, range.start % inner, 1});
      ranges[i] = {atom.outer, range.start / inner, range.size, range.step / inner};
    } else {
      return refuse("a slice cuts a dimension unevenly that is split elsewhere");
    }
  }
  return success();
}

LogicalResult ProgramReader::normalize(ValueAtoms &value) {
  std::vector<AtomRange> fixed;
  for (AtomRange range : value.fixed) {
    while (program.atoms[range.atom].outer >= 0) {
      const Atom &atom = program.atoms[range.atom];
      int64_t inner = program.atoms[atom.inner].size;
      std::vector<AtomRange> outer = {{atom.outer, range.start / inner, 1}};
      if (failed(normalizeRanges(outer, fixed)))
        return failure();
      range = {atom.inner, range.start % inner, 1};
    }
    fixed.push_back(range);
  }
  value.fixed = std::move(fixed);
  for (auto &dim : value.dims)
    if (failed(normalizeRanges(dim, value.fixed)))
      return failure();
  return success();
}

} // namespace manaslu::tiling
