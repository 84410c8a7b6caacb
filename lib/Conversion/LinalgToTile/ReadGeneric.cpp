// linalg.generic: each result becomes a view, a gather of rows, or a node with a scalar expression.
#include "lib/Conversion/LinalgToTile/ProgramReader.h"

#include <llvm/ADT/StringSwitch.h>
#include <mlir/Dialect/Arith/IR/Arith.h>
#include <mlir/IR/Matchers.h>

using namespace mlir;

namespace manaslu::tiling {

namespace {

/// Whether a loop of each dimension is a reduction.
SmallVector<bool> reductionsOf(linalg::GenericOp op) {
  return llvm::map_to_vector(op.getIteratorTypesArray(), [](utils::IteratorType type) { return type == utils::IteratorType::reduction; });
}

/// The number that fills a whole tensor, or null.
Attribute splatOf(Value tensor) {
  Attribute number;
  DenseElementsAttr elements;
  if (auto fill = tensor.getDefiningOp<linalg::FillOp>())
    matchPattern(fill.getInputs()[0], m_Constant(&number));
  else if (matchPattern(tensor, m_Constant(&elements)) && elements.isSplat())
    number = elements.getSplatValue<Attribute>();
  return number;
}

/// The AluOp that an accumulation's operation is; empty when there is none.
StringRef combinerOf(Operation *op) {
  return llvm::StringSwitch<StringRef>(op->getName().getStringRef())
      .Cases("arith.addf", "arith.addi", "add")
      .Cases("arith.maximumf", "arith.maxnumf", "arith.maxsi", "arith.maxui", "arith.ori", "max")
      .Cases("arith.minimumf", "arith.minnumf", "arith.minsi", "arith.minui", "arith.andi", "min")
      .Case("arith.mulf", "mul")
      .Default("");
}

} // namespace

LogicalResult ProgramReader::readGeneric(linalg::GenericOp op) {
  for (unsigned r = 0; r < op.getNumResults(); ++r)
    if (!op.getResult(r).use_empty() && failed(readResult(op, r)))
      return failure();
  return success();
}

LogicalResult ProgramReader::readResult(linalg::GenericOp op, unsigned result) {
  Value yielded = op.getBlock()->getTerminator()->getOperand(result);
  if (op.getNumReductionLoops() == 0) {
    if (readCopy(op, result))
      return success();
    if (auto extract = yielded.getDefiningOp<tensor::ExtractOp>())
      return readGather(op, result, extract);
    return readBody(op, result, yielded, "");
  }
  Operation *combine = yielded.getDefiningOp();
  if (!combine || combine->getNumOperands() != 2)
    return fail(op, "a reduction must combine with one binary operation");
  Value accumulator = op.getBlock()->getArgument(op.getNumDpsInputs() + result);
  if (combine->getOperand(0) != accumulator && combine->getOperand(1) != accumulator)
    return fail(op, "a reduction must combine its accumulator");
  std::string combiner = combinerOf(combine).str();
  if (combiner.empty())
    return fail(op, "'" + combine->getName().getStringRef() + "' is not a reduction that the chip has");
  if (failed(readBody(op, result, combine->getOperand(combine->getOperand(0) == accumulator), combiner)))
    return failure();
  return addStart(op, result, combiner);
}

bool ProgramReader::readCopy(linalg::GenericOp op, unsigned result) {
  auto argument = dyn_cast<BlockArgument>(op.getBlock()->getTerminator()->getOperand(result));
  if (!argument || argument.getArgNumber() >= op.getNumDpsInputs())
    return false;
  Value input = op.getInputs()[argument.getArgNumber()];
  AffineMap in = op.getMatchingIndexingMap(op.getDpsInputOperand(argument.getArgNumber())), out = op.getIndexingMapMatchingResult(op->getResult(result));
  if (!in.isProjectedPermutation(/*allowZeroInResults=*/true) || !out.isPermutation() || !values.count(input))
    return false;
  SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  ValueAtoms from = values[input], to;
  to.storage = from.storage;
  to.fixed = from.fixed;
  for (AffineExpr expr : out.getResults()) {
    unsigned dim = cast<AffineDimExpr>(expr).getPosition();
    auto at = llvm::find(in.getResults(), expr);
    if (at != in.getResults().end())
      to.dims.push_back(from.dims[at - in.getResults().begin()]);
    else if (ranges[dim] == 1)
      to.dims.push_back({});
    else
      to.dims.push_back({{newAtom(ranges[dim], -1), 0, ranges[dim]}});
  }
  values[op.getResult(result)] = to;
  return true;
}

/// Gather of whole rows: the table's first index is data, the others are loop indices in order.
LogicalResult ProgramReader::readGather(linalg::GenericOp op, unsigned result, tensor::ExtractOp extract) {
  auto row = extract.getIndices().empty() ? Value() : extract.getIndices()[0];
  while (row && isa_and_nonnull<arith::IndexCastOp, arith::IndexCastUIOp, arith::ExtSIOp, arith::ExtUIOp>(row.getDefiningOp()))
    row = row.getDefiningOp()->getOperand(0);
  if (!isa_and_nonnull<BlockArgument>(row) || op.getNumDpsInputs() != 1)
    return fail(op, "gathers must take rows of their table by one index");
  SmallVector<AffineExpr> table = {getAffineConstantExpr(0, op.getContext())};
  for (Value position : extract.getIndices().drop_front()) {
    auto loop = position.getDefiningOp<linalg::IndexOp>();
    if (!loop)
      return fail(op, "gathers must take whole rows");
    table.push_back(getAffineDimExpr(loop.getDim(), op.getContext()));
  }
  SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  newStorage(StorageKind::Computed, op.getResult(result));
  Draft &d = draft(NodeKind::Gather, op, ranges, reductionsOf(op));
  program.nodes.back().gatherRows = cast<RankedTensorType>(extract.getTensor().getType()).getDimSize(0);
  d.operands = {{values[extract.getTensor()], AffineMap::get(ranges.size(), 0, table, op.getContext())},
                {values[op.getInputs()[0]], op.getMatchingIndexingMap(op.getDpsInputOperand(0))},
                {values[op.getResult(result)], op.getIndexingMapMatchingResult(op->getResult(result))}};
  return success();
}

LogicalResult ProgramReader::readBody(linalg::GenericOp op, unsigned result, Value scalar, StringRef combiner) {
  auto expression = readExpression(scalar, *op.getBlock());
  if (failed(expression))
    return fail(op, "its body has an operation without a meaning on the chip");
  newStorage(StorageKind::Computed, op.getResult(result));
  Draft &d = draft(combiner.empty() ? NodeKind::Elementwise : NodeKind::Reduction, op, op.getStaticLoopRanges(), reductionsOf(op));
  // Scalar constants become immediates; the operands that remain are numbered anew.
  std::map<int, int> renumbered;
  for (ScalarOp &leaf : *expression) {
    if (leaf.kind != ScalarOp::Input)
      continue;
    Value operand = op->getOperand(leaf.input);
    if (Attribute number = splatOf(operand)) {
      leaf.kind = ScalarOp::Constant;
      leaf.value = numberOf(number);
      continue;
    }
    if (!values.count(operand))
      return fail(op, "reads an undefined tensor");
    auto [at, fresh] = renumbered.insert({leaf.input, static_cast<int>(renumbered.size())});
    if (fresh)
      d.operands.push_back({values[operand], op.getMatchingIndexingMap(&op->getOpOperand(leaf.input))});
    leaf.input = at->second;
  }
  d.operands.push_back({values[op.getResult(result)], op.getIndexingMapMatchingResult(op->getResult(result))});
  Node &node = program.nodes.back();
  node.combiner = combiner.str();
  node.body = std::move(*expression);
  const Expression &tree = node.body;
  if (combiner == "add" && tree.size() == 3 && tree[2].kind == ScalarOp::Binary && tree[2].name == "mul" && tree[0].kind == ScalarOp::Input &&
      tree[1].kind == ScalarOp::Input && tree[0].input != tree[1].input)
    node.kind = NodeKind::Contraction;
  return success();
}

LogicalResult ProgramReader::addStart(linalg::GenericOp op, unsigned result, const std::string &combiner) {
  Value init = op.getOutputs()[result];
  auto type = cast<RankedTensorType>(op.getResult(result).getType());
  Attribute start = splatOf(init);
  double value = start ? numberOf(start) : 0;
  bool neutral = start && ((combiner == "add" && value == 0) || (combiner == "mul" && value == 1) || (combiner == "max" && value <= -1e9) ||
                           (combiner == "max" && type.getElementType().isInteger() && value <= 0) || (combiner == "min" && value >= 1));
  if (neutral)
    return success();
  // The start value is combined afterwards: result = combine(sum, start).
  AffineMap identity = AffineMap::getMultiDimIdentityMap(type.getRank(), op.getContext());
  ValueAtoms partial = values[op.getResult(result)];
  newStorage(StorageKind::Computed, op.getResult(result));
  Draft &after = draft(NodeKind::Elementwise, op, type.getShape(), SmallVector<bool>(type.getRank(), false));
  after.operands = {{partial, identity}};
  ScalarOp a, b, both;
  b.input = 1;
  if (start) {
    b.kind = ScalarOp::Constant;
    b.value = value;
  } else {
    if (!values.count(init))
      return fail(op, "starts a reduction from an undefined tensor");
    after.operands.push_back({values[init], identity});
  }
  both.kind = ScalarOp::Binary;
  both.name = combiner;
  both.args = {0, 1};
  program.nodes.back().body = {a, b, both};
  after.operands.push_back({values[op.getResult(result)], identity});
  return success();
}

} // namespace manaslu::tiling
