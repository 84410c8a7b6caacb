// Sources, state, gather and operations that move elements.
#include <llvm/ADT/TypeSwitch.h>
#include <mlir/Dialect/MLProgram/IR/MLProgram.h>

#include "lib/Conversion/GraphToLinalg/Lowering.h"

using namespace mlir;

namespace manaslu {

namespace {

/// The global of that name, made at the module's start when it is not there; null after an error when it is there with another type.
ml_program::GlobalOp globalOf(Lowering &lowering, Operation *op, StringRef name, Type type, bool isMutable) {
  auto module = op->getParentOfType<ModuleOp>();
  if (Operation *found = module.lookupSymbol(name)) {
    auto global = dyn_cast<ml_program::GlobalOp>(found);
    if (global && global.getType() == type && global.getIsMutable() == isMutable)
      return global;
    op->emitOpError("MN-IN-WEIGHTS-NAME: '") << name << "' is used twice in one module, as different things";
    return {};
  }
  OpBuilder::InsertionGuard guard(lowering.b);
  // After the globals that are there, so that they stand in order of first use.
  Operation *before = &module.getBody()->front();
  while (isa<ml_program::GlobalOp>(before))
    before = before->getNextNode();
  lowering.b.setInsertionPoint(before);
  return ml_program::GlobalOp::create(lowering.b, name, type, isMutable, ml_program::ExternAttr::get(lowering.b.getContext(), type),
                                      lowering.b.getStringAttr("private"));
}

LogicalResult lowerParameter(Lowering &lowering, graph::ParameterOp op) {
  RankedTensorType type = signlessType(op.getType());
  auto global = globalOf(lowering, op, op.getName(), type, false);
  if (!global)
    return failure();
  lowering.set(op.getResult(), ml_program::GlobalLoadConstOp::create(lowering.b, type, SymbolRefAttr::get(global.getSymNameAttr())));
  return success();
}

LogicalResult lowerStateRead(Lowering &lowering, graph::StateReadOp op) {
  RankedTensorType type = signlessType(op.getType());
  auto global = globalOf(lowering, op, op.getName(), type, true);
  if (!global)
    return failure();
  lowering.set(op.getResult(), ml_program::GlobalLoadOp::create(lowering.b, type, SymbolRefAttr::get(global.getSymNameAttr())));
  return success();
}

LogicalResult lowerStateWrite(Lowering &lowering, graph::StateWriteOp op) {
  Value value = lowering.tensor(op.getValue());
  auto global = globalOf(lowering, op, op.getName(), value.getType(), true);
  if (!global)
    return failure();
  ml_program::GlobalStoreOp::create(lowering.b, SymbolRefAttr::get(global.getSymNameAttr()), value);
  return success();
}

/// result[before.., index.., after..] = table[before.., indices[index..], after..]
LogicalResult lowerGather(Lowering &lowering, graph::GatherOp op) {
  Value table = lowering.tensor(op.getTable()), indices = lowering.tensor(op.getIndices());
  RankedTensorType type = signlessType(op.getType());
  unsigned rank = type.getRank(), indexRank = graph::tensorOf(indices).getRank();
  unsigned axis = *graph::normalizeAxis(op.getAxis(), graph::tensorOf(table).getRank());
  AffineMap identity = lowering.b.getMultiDimIdentityMap(rank);
  Value out = lowering.generic(indices, lowering.empty(type.getShape(), type.getElementType()), {identity.getSliceMap(axis, indexRank), identity}, 0,
                               [&](ValueRange arguments) {
                                 SmallVector<Value> at;
                                 for (unsigned dim = 0; dim < static_cast<unsigned>(graph::tensorOf(table).getRank()); ++dim)
                                   at.push_back(dim == axis ? Value(arith::IndexCastOp::create(lowering.b, lowering.b.getIndexType(), arguments[0]))
                                                            : Value(linalg::IndexOp::create(lowering.b, dim < axis ? dim : dim + indexRank - 1)));
                                 return tensor::ExtractOp::create(lowering.b, table, at);
                               });
  lowering.set(op.getResult(), out);
  return success();
}

LogicalResult lowerTranspose(Lowering &lowering, graph::TransposeOp op) {
  RankedTensorType type = signlessType(op.getType());
  Value empty = lowering.empty(type.getShape(), type.getElementType());
  lowering.set(op.getResult(), linalg::TransposeOp::create(lowering.b, lowering.tensor(op.getX()), empty, op.getPermutation())->getResult(0));
  return success();
}

LogicalResult lowerSlice(Lowering &lowering, graph::SliceOp op) {
  RankedTensorType type = signlessType(op.getType());
  auto attributes = [&](ArrayRef<int64_t> values) {
    return llvm::map_to_vector(values, [&](int64_t value) -> OpFoldResult { return lowering.b.getIndexAttr(value); });
  };
  Value x = lowering.tensor(op.getX());
  lowering.set(op.getResult(),
               tensor::ExtractSliceOp::create(lowering.b, type, x, attributes(op.getStarts()), attributes(type.getShape()), attributes(op.getStrides())));
  return success();
}

LogicalResult lowerConcat(Lowering &lowering, graph::ConcatOp op) {
  SmallVector<Value> inputs = llvm::map_to_vector(op.getInputs(), [&](Value input) { return lowering.tensor(input); });
  RankedTensorType type = signlessType(op.getType());
  lowering.set(op.getResult(), tensor::ConcatOp::create(lowering.b, type, *graph::normalizeAxis(op.getAxis(), type.getRank()), inputs));
  return success();
}

} // namespace

LogicalResult lowerMovement(Lowering &lowering, Operation *op) {
  return llvm::TypeSwitch<Operation *, LogicalResult>(op)
      .Case<graph::ParameterOp>([&](auto parameter) { return lowerParameter(lowering, parameter); })
      .Case<graph::StateReadOp>([&](auto read) { return lowerStateRead(lowering, read); })
      .Case<graph::StateWriteOp>([&](auto write) { return lowerStateWrite(lowering, write); })
      .Case<graph::GatherOp>([&](auto gather) { return lowerGather(lowering, gather); })
      .Case<graph::TransposeOp>([&](auto transpose) { return lowerTranspose(lowering, transpose); })
      .Case<graph::SliceOp>([&](auto slice) { return lowerSlice(lowering, slice); })
      .Case<graph::ConcatOp>([&](auto concat) { return lowerConcat(lowering, concat); })
      .Case<graph::ReshapeOp>([&](graph::ReshapeOp reshape) {
        lowering.set(reshape.getResult(), lowering.reshape(lowering.tensor(reshape.getX()), graph::tensorOf(reshape.getResult()).getShape()));
        return success();
      })
      .Case<graph::PadOp>([&](graph::PadOp pad) {
        lowering.set(pad.getResult(), lowering.pad(lowering.tensor(pad.getX()), pad.getLow(), pad.getHigh(), pad.getValue()));
        return success();
      })
      .Default([](Operation *) { return failure(); });
}

} // namespace manaslu
