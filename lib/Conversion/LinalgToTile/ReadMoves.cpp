// Operations that assemble a tensor from parts: concatenation, insertion, padding. Each part is a copy into a range of a fresh storage.
#include "lib/Conversion/LinalgToTile/ProgramReader.h"

#include <mlir/IR/Matchers.h>

using namespace mlir;

namespace manaslu::tiling {

void ProgramReader::addCopy(Operation *op, const ValueAtoms &from, const ValueAtoms &to) {
  SmallVector<int64_t> ranges;
  for (auto &dim : to.dims) {
    int64_t extent = 1;
    for (const AtomRange &range : dim)
      extent *= range.size;
    ranges.push_back(extent);
  }
  Draft &d = draft(NodeKind::Elementwise, op, ranges, SmallVector<bool>(ranges.size(), false));
  AffineMap identity = AffineMap::getMultiDimIdentityMap(ranges.size(), op->getContext());
  d.operands = {{from, identity}, {to, identity}};
  program.nodes.back().body = {ScalarOp{}};
}

void ProgramReader::addFill(Operation *op, const ValueAtoms &to, double value) {
  addCopy(op, to, to);
  drafts.back().operands.erase(drafts.back().operands.begin());
  ScalarOp constant;
  constant.kind = ScalarOp::Constant;
  constant.value = value;
  program.nodes.back().body = {constant};
}

LogicalResult ProgramReader::readConcat(tensor::ConcatOp op) {
  newStorage(StorageKind::Computed, op.getResult());
  int64_t at = 0, dim = op.getDim();
  for (Value input : op.getInputs()) {
    ValueAtoms part = values[op.getResult()];
    int64_t size = cast<RankedTensorType>(input.getType()).getDimSize(dim);
    if (failed(normalize(op, part)) || failed(slice(op, part, dim, at, size)))
      return failure();
    addCopy(op, values[input], part);
    at += size;
  }
  return success();
}

LogicalResult ProgramReader::readInsert(tensor::InsertSliceOp op) {
  if (op.getDestType().getRank() != op.getSourceType().getRank() || ShapedType::isDynamicShape(op.getStaticOffsets()) ||
      llvm::any_of(op.getStaticStrides(), [](int64_t s) { return s != 1; }))
    return fail(op, "inserts with a step, at run-time positions or with dropped dimensions are not supported");
  newStorage(StorageKind::Computed, op.getResult());
  Attribute fill;
  if (auto filled = op.getDest().getDefiningOp<linalg::FillOp>(); filled && matchPattern(filled.getInputs()[0], m_Constant(&fill))) {
    addFill(op, values[op.getResult()], numberOf(fill));
  } else if (!op.getDest().getDefiningOp<tensor::EmptyOp>()) {
    addCopy(op, values[op.getDest()], values[op.getResult()]);
  }
  ValueAtoms part = values[op.getResult()];
  for (size_t dim = 0; dim < part.dims.size(); ++dim)
    if (failed(normalize(op, part)) || failed(slice(op, part, dim, op.getStaticOffsets()[dim], op.getStaticSizes()[dim])))
      return failure();
  addCopy(op, values[op.getSource()], part);
  return success();
}

LogicalResult ProgramReader::readPad(tensor::PadOp op) {
  Value padding = op.getConstantPaddingValue();
  Attribute attribute;
  if (!padding || !matchPattern(padding, m_Constant(&attribute)) || ShapedType::isDynamicShape(op.getStaticLow()))
    return fail(op, "only constant padding by constant amounts is supported");
  newStorage(StorageKind::Computed, op.getResult());
  addFill(op, values[op.getResult()], numberOf(attribute));
  ValueAtoms part = values[op.getResult()];
  for (size_t dim = 0; dim < part.dims.size(); ++dim)
    if (int64_t size = op.getSourceType().getDimSize(dim); size != op.getResultType().getDimSize(dim))
      part.dims[dim][0] = {part.dims[dim][0].atom, op.getStaticLow()[dim], size};
  addCopy(op, values[op.getSource()], part);
  return success();
}

} // namespace manaslu::tiling
