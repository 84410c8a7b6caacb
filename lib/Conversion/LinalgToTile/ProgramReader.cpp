// The walk over a linalg function: arguments, constants, states and results here, families of operations in Read*.cpp.
#include "lib/Conversion/LinalgToTile/ProgramReader.h"

#include <mlir/Dialect/Arith/IR/Arith.h>
#include <mlir/Dialect/MLProgram/IR/MLProgram.h>
#include <mlir/IR/Matchers.h>

using namespace mlir;

namespace manaslu::tiling {

ValueAtoms ProgramReader::addStorage(StorageKind kind, RankedTensorType type, Location loc, OwnStorages::value_type key) {
  ValueAtoms atoms;
  atoms.storage = program.storages.size();
  Storage storage(loc);
  storage.kind = kind;
  storage.element = type.getElementType();
  storage.propagates = isa<Float8E5M2Type>(storage.element); // until something that saturates writes it: moves keep its infinities
  storage.shape.assign(type.getShape().begin(), type.getShape().end());
  for (int64_t size : type.getShape()) {
    atoms.dims.emplace_back();
    if (size == 1)
      continue;
    AtomId atom = newAtom(size, atoms.storage);
    storage.atoms.push_back(atom);
    atoms.dims.back().push_back({atom, 0, size});
  }
  program.storages.push_back(std::move(storage));
  origins.push_back(key);
  return atoms;
}

int ProgramReader::newStorage(StorageKind kind, Value value) {
  values[value] = addStorage(kind, cast<RankedTensorType>(value.getType()), value.getLoc(), {value.getAsOpaquePointer(), kWhole});
  return values[value].storage;
}

ValueAtoms ProgramReader::materialize(Operation *op, int number, const ValueAtoms &value, RankedTensorType type) {
  // Keys of copies lie below those of operations.
  ValueAtoms copy = addStorage(StorageKind::Scratch, type, op->getLoc(), {op, kWhole - 2 - number});
  Draft &d = draft(NodeKind::Materialize, op, type.getShape(), SmallVector<bool>(type.getRank(), false));
  d.operands = {{value, AffineMap::getMultiDimIdentityMap(type.getRank(), op->getContext())}};
  d.numbers = {kWhole};
  program.nodes.back().output.storage = copy.storage;
  return copy;
}

std::optional<ValueAtoms> ProgramReader::operandOf(Operation *op, unsigned number) {
  Value operand = op->getOperand(number);
  auto type = cast<RankedTensorType>(operand.getType());
  auto known = values.find(operand);
  if (known == values.end()) {
    Attribute number;
    auto fill = operand.getDefiningOp<linalg::FillOp>();
    if (!fill || !matchPattern(fill.getInputs()[0], m_Constant(&number))) {
      (void)fail(op, "reads an undefined tensor");
      return std::nullopt;
    }
    ValueAtoms filled = addStorage(StorageKind::Computed, type, op->getLoc(), {operand.getAsOpaquePointer(), kWhole});
    addFill(op, filled, numberOf(number));
    return filled;
  }
  if (isWhole(known->second.storage) || own.count({op, static_cast<int>(number)}))
    return materialize(op, static_cast<int>(number), known->second, type);
  return known->second;
}

void ProgramReader::finishResult(Operation *op, Value result) {
  if (own.count({op, kResult}))
    values[result] = materialize(op, kResult, values[result], cast<RankedTensorType>(result.getType()));
}

ProgramReader::Draft &ProgramReader::draft(NodeKind kind, Operation *op, ArrayRef<int64_t> ranges, ArrayRef<bool> reduction) {
  program.nodes.emplace_back(op->getLoc());
  program.nodes.back().kind = kind;
  program.nodes.back().op = op;
  drafts.push_back({static_cast<int>(program.nodes.size()) - 1, {}, {}, SmallVector<int64_t>(ranges), SmallVector<bool>(reduction)});
  return drafts.back();
}

void ProgramReader::readArgument(BlockArgument argument) {
  int id = newStorage(StorageKind::Input, argument);
  auto name = function.getArgAttrOfType<StringAttr>(argument.getArgNumber(), "graph.name");
  program.storages[id].name = name ? name.str() : std::to_string(argument.getArgNumber());
}

LogicalResult ProgramReader::readOperation(Operation &op) {
  if (auto generic = dyn_cast<linalg::GenericOp>(op))
    return readGeneric(generic);
  if (auto collapse = dyn_cast<tensor::CollapseShapeOp>(op))
    return readCollapse(collapse);
  if (auto expand = dyn_cast<tensor::ExpandShapeOp>(op))
    return readExpand(expand);
  if (auto extract = dyn_cast<tensor::ExtractSliceOp>(op))
    return readSlice(extract);
  if (auto concat = dyn_cast<tensor::ConcatOp>(op))
    return readConcat(concat);
  if (auto insert = dyn_cast<tensor::InsertSliceOp>(op))
    return readInsert(insert);
  if (auto pad = dyn_cast<tensor::PadOp>(op))
    return readPad(pad);
  if (auto load = dyn_cast<ml_program::GlobalLoadConstOp>(op)) {
    program.storages[newStorage(StorageKind::Parameter, load.getResult())].name = load.getGlobal().getLeafReference().str();
    return success();
  }
  if (auto load = dyn_cast<ml_program::GlobalLoadOp>(op)) {
    program.storages[newStorage(StorageKind::State, load.getResult())].name = load.getGlobal().getLeafReference().str();
    return success();
  }
  if (auto store = dyn_cast<ml_program::GlobalStoreOp>(op)) {
    sinks.push_back({&op, &store->getOpOperand(0)});
    return success();
  }
  if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
    if (isa<RankedTensorType>(constant.getType()))
      program.storages[newStorage(StorageKind::Dense, constant.getResult())].dense = cast<ElementsAttr>(constant.getValue());
    return success();
  }
  if (auto transpose = dyn_cast<linalg::TransposeOp>(op)) {
    ValueAtoms in = values[transpose.getInput()], out = in;
    for (auto [i, from] : llvm::enumerate(transpose.getPermutation()))
      out.dims[i] = in.dims[from];
    values[transpose->getResult(0)] = out;
    return success();
  }
  if (isa<linalg::FillOp, tensor::EmptyOp>(op))
    return success(); // read where they are used
  if (auto cast = dyn_cast<tensor::CastOp>(op)) {
    values[cast.getResult()] = values[cast.getSource()];
    return success();
  }
  if (auto result = dyn_cast<func::ReturnOp>(op)) {
    for (OpOperand &operand : result->getOpOperands())
      sinks.push_back({&op, &operand});
    return success();
  }
  return fail(&op, "the tile lowering has no rule for '" + op.getName().getStringRef() + "'");
}

void ProgramReader::addSink(Operation *op, OpOperand &operand) {
  auto shape = cast<RankedTensorType>(operand.get().getType()).getShape();
  bool output = isa<func::ReturnOp>(op);
  Draft &d = draft(output ? NodeKind::Output : NodeKind::StateWrite, op, shape, SmallVector<bool>(shape.size(), false));
  d.operands = {{values[operand.get()], AffineMap::getMultiDimIdentityMap(shape.size(), op->getContext())}};
  d.numbers = {kWhole};
  Node &node = program.nodes.back();
  node.shape.assign(shape.begin(), shape.end());
  if (!output) {
    node.name = cast<ml_program::GlobalStoreOp>(op).getGlobal().getLeafReference().str();
    return;
  }
  auto name = function.getResultAttrOfType<StringAttr>(operand.getOperandNumber(), "graph.name");
  node.name = name ? name.str() : std::to_string(operand.getOperandNumber());
}

LogicalResult ProgramReader::run() {
  for (BlockArgument argument : function.getArguments())
    readArgument(argument);
  for (Operation &op : function.getBody().front())
    (void)readOperation(op);
  if (!ok)
    return failure();
  // States are written last: an output may be what a state held before.
  llvm::stable_sort(sinks, [](auto &a, auto &b) { return isa<func::ReturnOp>(a.first) && !isa<func::ReturnOp>(b.first); });
  for (auto [op, operand] : sinks) {
    if (!values.count(operand->get())) {
      auto filled = operandOf(op, operand->getOperandNumber());
      if (!filled)
        return failure();
      values[operand->get()] = *filled;
    }
    addSink(op, *operand);
  }
  if (failed(refine()))
    return failure();
  return finish();
}

} // namespace manaslu::tiling
