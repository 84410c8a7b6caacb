// What a tensor program can be asked, and how one is made.
#include "lib/Conversion/LinalgToTile/ProgramReader.h"

using namespace mlir;

namespace manaslu::tiling {

const AtomIndex *Access::find(AtomId atom) const {
  for (const AtomIndex &index : atoms)
    if (index.atom == atom)
      return &index;
  return nullptr;
}

AtomId Access::atomOfLoop(int loop) const {
  for (const AtomIndex &index : atoms)
    if (index.loops.size() == 1 && index.loops[0].first == loop && index.loops[0].second == 1)
      return index.atom;
  return -1;
}

std::vector<AtomId> TensorProgram::leaves(AtomId atom) const {
  if (atoms[atom].outer < 0)
    return {atom};
  std::vector<AtomId> out = leaves(atoms[atom].outer), inner = leaves(atoms[atom].inner);
  out.insert(out.end(), inner.begin(), inner.end());
  return out;
}

void TensorProgram::relink() {
  for (Storage &storage : storages) {
    storage.writers.clear();
    storage.readers.clear();
  }
  for (int n = 0; n < static_cast<int>(nodes.size()); ++n) {
    const Node &node = nodes[n];
    if (node.kind == NodeKind::Removed)
      continue;
    if (node.output.storage >= 0)
      storages[node.output.storage].writers.push_back(n);
    for (const Access &input : node.inputs)
      if (auto &readers = storages[input.storage].readers; readers.empty() || readers.back() != n)
        readers.push_back(n);
  }
}

double numberOf(Attribute attribute) {
  if (auto number = dyn_cast<FloatAttr>(attribute))
    return number.getValueAsDouble();
  auto integer = cast<IntegerAttr>(attribute);
  return integer.getType().isInteger(1) ? static_cast<double>(integer.getValue().getZExtValue()) : static_cast<double>(integer.getInt());
}

FailureOr<TensorProgram> TensorProgram::build(func::FuncOp function, const IntegerSupport &support) {
  IntegerRanges ranges(function);
  OwnStorages own;
  while (true) {
    TensorProgram program;
    ProgramReader reader(program, function, support, ranges, own);
    if (succeeded(reader.run())) {
      simplify(program, function.getContext());
      return program;
    }
    if (!reader.again())
      return failure();
  }
}

} // namespace manaslu::tiling
