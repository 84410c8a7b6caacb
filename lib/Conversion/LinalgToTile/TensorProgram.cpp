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

double numberOf(Attribute attribute) {
  if (auto number = dyn_cast<FloatAttr>(attribute))
    return number.getValueAsDouble();
  auto integer = cast<IntegerAttr>(attribute);
  return integer.getType().isInteger(1) ? static_cast<double>(integer.getValue().getZExtValue()) : static_cast<double>(integer.getInt());
}

FailureOr<TensorProgram> TensorProgram::build(func::FuncOp function) {
  TensorProgram program;
  if (failed(ProgramReader(program).run(function)))
    return failure();
  simplify(program, function.getContext());
  return program;
}

} // namespace manaslu::tiling
