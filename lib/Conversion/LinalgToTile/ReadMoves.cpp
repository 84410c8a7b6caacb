// Operations that assemble a tensor from parts: concatenation, insertion, padding. Each part is a copy into a range of a fresh storage.
#include "lib/Conversion/LinalgToTile/ProgramReader.h"

#include <mlir/IR/Matchers.h>

using namespace mlir;

namespace manaslu::tiling {

namespace {

SmallVector<int64_t> extentsOf(const ValueAtoms &value) {
  SmallVector<int64_t> extents;
  for (auto &dim : value.dims) {
    extents.push_back(1);
    for (const AtomRange &range : dim)
      extents.back() *= range.size;
  }
  return extents;
}

} // namespace

LogicalResult ProgramReader::addCopy(Operation *op, unsigned operand, const ValueAtoms &to) {
  std::optional<ValueAtoms> from = operandOf(op, operand);
  if (!from)
    return failure();
  SmallVector<int64_t> ranges = extentsOf(to);
  Draft &d = draft(NodeKind::Elementwise, op, ranges, SmallVector<bool>(ranges.size(), false));
  AffineMap identity = AffineMap::getMultiDimIdentityMap(ranges.size(), op->getContext());
  d.operands = {{*from, identity}, {to, identity}};
  d.numbers = {static_cast<int>(operand), kResult};
  program.nodes.back().body = {ScalarOp{}};
  return success();
}

void ProgramReader::addFill(Operation *op, const ValueAtoms &to, double value) {
  SmallVector<int64_t> ranges = extentsOf(to);
  Draft &d = draft(NodeKind::Elementwise, op, ranges, SmallVector<bool>(ranges.size(), false));
  d.operands = {{to, AffineMap::getMultiDimIdentityMap(ranges.size(), op->getContext())}};
  d.numbers = {kResult};
  ScalarOp constant;
  constant.kind = ScalarOp::Constant;
  constant.value = value;
  program.nodes.back().body = {constant};
}

LogicalResult ProgramReader::readConcat(tensor::ConcatOp op) {
  newStorage(StorageKind::Computed, op.getResult());
  int64_t at = 0, dim = op.getDim();
  for (auto [number, input] : llvm::enumerate(op.getInputs())) {
    ValueAtoms part = values[op.getResult()];
    int64_t size = cast<RankedTensorType>(input.getType()).getDimSize(dim);
    if (failed(normalize(part)) || failed(slice(part, dim, at, size)))
      return fail(op, reason);
    if (failed(addCopy(op, number, part)))
      return failure();
    at += size;
  }
  finishResult(op, op.getResult());
  return success();
}

LogicalResult ProgramReader::readInsert(tensor::InsertSliceOp op) {
  if (op.getDestType().getRank() != op.getSourceType().getRank() || ShapedType::isDynamicShape(op.getStaticOffsets()) ||
      ShapedType::isDynamicShape(op.getStaticStrides()) || llvm::any_of(op.getStaticStrides(), [](int64_t step) { return step < 1; }))
    return fail(op, "inserts with a step below 1, at run-time positions or with dropped dimensions are not supported");
  newStorage(StorageKind::Computed, op.getResult());
  if (!op.getDest().getDefiningOp<tensor::EmptyOp>() && failed(addCopy(op, op.getDestMutable().getOperandNumber(), values[op.getResult()])))
    return failure();
  ValueAtoms part = values[op.getResult()];
  for (size_t dim = 0; dim < part.dims.size(); ++dim)
    if (failed(normalize(part)) || failed(slice(part, dim, op.getStaticOffsets()[dim], op.getStaticSizes()[dim], op.getStaticStrides()[dim])))
      return fail(op, reason);
  if (failed(addCopy(op, op.getSourceMutable().getOperandNumber(), part)))
    return failure();
  finishResult(op, op.getResult());
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
  if (failed(addCopy(op, op.getSourceMutable().getOperandNumber(), part)))
    return failure();
  finishResult(op, op.getResult());
  return success();
}

} // namespace manaslu::tiling
