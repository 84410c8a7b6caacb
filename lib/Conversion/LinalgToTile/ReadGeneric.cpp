// linalg.generic: each result becomes a view, a gather of rows, or a node with a scalar expression.
#include "lib/Conversion/LinalgToTile/ProgramReader.h"

#include <limits>
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

/// How many values a reduction combines into one.
int64_t reducedCount(linalg::GenericOp op) {
  int64_t count = 1;
  for (auto [size, type] : llvm::zip(op.getStaticLoopRanges(), op.getIteratorTypesArray()))
    count *= type == utils::IteratorType::reduction ? size : 1;
  return count;
}

/// The AluOp that an accumulation of floats or bools is; empty when there is none. Of i1, a signed true is -1.
StringRef combinerOf(Operation *op) {
  if (op->getResult(0).getType().isInteger(1))
    return llvm::StringSwitch<StringRef>(op->getName().getStringRef())
        .Case("arith.ori", "max")
        .Case("arith.maxui", "max")
        .Case("arith.minsi", "max")
        .Case("arith.andi", "min")
        .Case("arith.minui", "min")
        .Case("arith.maxsi", "min")
        .Default("");
  return llvm::StringSwitch<StringRef>(op->getName().getStringRef())
      .Case("arith.addf", "add")
      .Case("arith.mulf", "mul")
      .Case("arith.maximumf", "max")
      .Case("arith.maxnumf", "max")
      .Case("arith.minimumf", "min")
      .Case("arith.minnumf", "min")
      .Default("");
}

/// The IntOp that an accumulation of integers is; empty when there is none.
StringRef integerCombinerOf(Operation *op) {
  return llvm::StringSwitch<StringRef>(op->getName().getStringRef())
      .Case("arith.addi", "add")
      .Case("arith.muli", "mul")
      .Case("arith.maxsi", "max")
      .Case("arith.maxui", "max")
      .Case("arith.minsi", "min")
      .Case("arith.minui", "min")
      .Case("arith.andi", "and")
      .Case("arith.ori", "or")
      .Case("arith.xori", "xor")
      .Default("");
}

/// Replaces a NaN result by `other`.
void replaceNan(Expression &body, double other) {
  int x = static_cast<int>(body.size()) - 1;
  ScalarOp isNan, number, choice;
  isNan.kind = ScalarOp::Binary;
  isNan.name = "ne";
  isNan.args = {x, x};
  number.kind = ScalarOp::Constant;
  number.value = other;
  choice.kind = ScalarOp::Select;
  choice.args = {x + 1, x + 2, x};
  body.insert(body.end(), {isNan, number, choice});
}

/// Float sums of products of two inputs: work of the matrix engine.
bool isContraction(StringRef combiner, Type type, const Expression &tree) {
  return isa<FloatType>(type) && combiner == "add" && tree.size() == 3 && tree[2].kind == ScalarOp::Binary && tree[2].name == "mul" &&
         tree[0].kind == ScalarOp::Input && tree[1].kind == ScalarOp::Input && tree[0].input != tree[1].input;
}

} // namespace

LogicalResult ProgramReader::readGeneric(linalg::GenericOp op) {
  for (unsigned r = 0; r < op.getNumResults(); ++r) {
    if (op.getResult(r).use_empty())
      continue;
    if (failed(readResult(op, r)))
      return failure();
    if (auto narrow = op.getBlock()->getTerminator()->getOperand(r).getDefiningOp<arith::TruncFOp>())
      program.storages[values[op.getResult(r)].storage].propagates = narrow->hasAttr("graph.propagate");
  }
  return success();
}

LogicalResult ProgramReader::readResult(linalg::GenericOp op, unsigned result) {
  Value yielded = op.getBlock()->getTerminator()->getOperand(result);
  if (op.getNumReductionLoops() == 0) {
    if (readCopy(op, result))
      return success();
    if (auto extract = yielded.getDefiningOp<tensor::ExtractOp>())
      return readGather(op, result, extract);
    if (failed(readBody(op, result, yielded, nullptr)))
      return failure();
    finishResult(op, op.getResult(result));
    return success();
  }
  Operation *combine = yielded.getDefiningOp();
  Value accumulator = op.getBlock()->getArgument(op.getNumDpsInputs() + result);
  if (!combine || combine->getNumOperands() != 2 || !llvm::is_contained(combine->getOperands(), accumulator))
    return fail(op, "a reduction must combine its accumulator with a value, by one binary operation");
  auto combiner = readCombiner(op, combine, accumulator);
  if (failed(combiner) || failed(readBody(op, result, combine->getOperand(combine->getOperand(0) == accumulator), &*combiner)))
    return failure();
  if (failed(addStart(op, result, combine, *combiner)))
    return failure();
  finishResult(op, op.getResult(result));
  return success();
}

FailureOr<ProgramReader::Combiner> ProgramReader::readCombiner(linalg::GenericOp op, Operation *combine, Value accumulator) {
  Type type = accumulator.getType();
  bool isInteger = type.isIntOrIndex() && !type.isInteger(1);
  StringRef name = isInteger ? integerCombinerOf(combine) : combinerOf(combine);
  if (name.empty())
    return FailureOr<Combiner>(fail(op, "'" + combine->getName().getStringRef() + "' is not a reduction that the chip has"));
  if (!isInteger)
    return Combiner{name.str(), false};
  Bounds term = ranges.of(combine->getOperand(combine->getOperand(0) == accumulator));
  if (isa<arith::MaxUIOp, arith::MinUIOp>(combine) && term.low < 0)
    return FailureOr<Combiner>(fail(op, "'" + combine->getName().getStringRef() + "' of integers that are not proved to be positive"));
  // Partial sums stay within the sum of sizes, in whatever order they are taken.
  __int128 count = name == "add" ? reducedCount(op) : 1, size = count * std::max(std::abs(term.low), std::abs(term.high));
  __int128 limit = type.getIntOrFloatBitWidth() == 32 ? INT64_MAX : std::min<int64_t>(boundsOf(type).high, INT32_MAX);
  if (name == "add" && size > limit) {
    ok = false;
    op.emitError("MN-NUM-RANGE: a sum of ") << reducedCount(op) << " values of " << type << " in " << term.text() << " may leave the type; sum in int32";
    return failure();
  }
  bool exact = size <= kExactInFloat.high && (name == "add" || name == "max" || name == "min");
  if (!exact && !support.hasGeneral) {
    ok = false;
    op.emitError("MN-CHIP-ENGINE: a reduction of ")
        << reducedCount(op) << " integers in " << term.text() << " on chip " << support.chip
        << ", which has no ge engine: only integers that are proved to stay within 2^24 are exact there; bound them "
           "(clamp) or reduce floats";
    return failure();
  }
  return Combiner{name.str(), !exact};
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

/// Gather of rows: one index of the table is data, the others are loop indices.
LogicalResult ProgramReader::readGather(linalg::GenericOp op, unsigned result, tensor::ExtractOp extract) {
  std::optional<unsigned> axis;
  BlockArgument row;
  SmallVector<AffineExpr> table;
  for (auto [dim, position] : llvm::enumerate(extract.getIndices())) {
    if (auto loop = position.getDefiningOp<linalg::IndexOp>()) {
      table.push_back(getAffineDimExpr(loop.getDim(), op.getContext()));
      continue;
    }
    Value index = position;
    while (isa_and_nonnull<arith::IndexCastOp, arith::IndexCastUIOp, arith::ExtSIOp, arith::ExtUIOp>(index.getDefiningOp()))
      index = index.getDefiningOp()->getOperand(0);
    row = dyn_cast<BlockArgument>(index);
    if (!row || axis || row.getArgNumber() >= op.getNumDpsInputs())
      return fail(op, "a gather must take its table's elements at one index that is an operand and at loop indices");
    axis = dim;
    table.push_back(getAffineConstantExpr(0, op.getContext()));
  }
  if (!axis)
    return fail(op, "a gather must take its table's elements at an index that is an operand");
  auto type = cast<RankedTensorType>(extract.getTensor().getType());
  auto found = values.find(extract.getTensor());
  std::optional<ValueAtoms> indices = operandOf(op, row.getArgNumber());
  if (found == values.end() || !indices)
    return fail(op, "gathers from an undefined tensor");
  // Rows are taken from device memory, where steps from row to row must be equal; an instruction takes its index from partitions that begin at the first.
  ValueAtoms from = found->second;
  std::optional<AtomRange> rows = evenSteps(from, *axis);
  if (!rows || program.storages[from.storage].kind == StorageKind::Computed || own.count({op, kTable})) {
    from = materialize(op, kTable, from, type);
    rows = evenSteps(from, *axis);
  }
  if (!coversStorage(*indices))
    indices = materialize(op, static_cast<int>(row.getArgNumber()), *indices, cast<RankedTensorType>(op.getInputs()[row.getArgNumber()].getType()));
  SmallVector<int64_t> loops = op.getStaticLoopRanges();
  newStorage(StorageKind::Computed, op.getResult(result));
  Draft &d = draft(NodeKind::Gather, op, loops, reductionsOf(op));
  Node &node = program.nodes.back();
  node.gatherRows = type.getDimSize(*axis);
  if (rows) {
    node.gatherAtom = rows->atom;
    node.gatherStep = rows->step;
  }
  d.operands = {{from, AffineMap::get(loops.size(), 0, table, op.getContext())},
                {*indices, op.getMatchingIndexingMap(op.getDpsInputOperand(row.getArgNumber()))},
                {values[op.getResult(result)], op.getIndexingMapMatchingResult(op->getResult(result))}};
  d.numbers = {kTable, static_cast<int>(row.getArgNumber()), kResult};
  finishResult(op, op.getResult(result));
  return success();
}

std::optional<AtomRange> ProgramReader::evenSteps(ValueAtoms &value, unsigned dim) {
  if (failed(normalize(value)))
    return std::nullopt;
  const std::vector<AtomRange> &ranges = value.dims[dim];
  if (ranges.empty())
    return AtomRange{-1, 0, 1};
  const auto &order = program.storages[value.storage].atoms;
  for (size_t i = 0; i < ranges.size(); ++i) {
    if (program.isBroadcast(ranges[i].atom))
      return std::nullopt;
    // Neighbours in the storage, the inner one whole.
    if (i == 0)
      continue;
    auto at = llvm::find(order, ranges[i].atom);
    if (at == order.begin() || *(at - 1) != ranges[i - 1].atom || ranges[i].size != program.atoms[ranges[i].atom].size || ranges[i - 1].step != 1)
      return std::nullopt;
  }
  return ranges.back();
}

bool ProgramReader::coversStorage(const ValueAtoms &value) const {
  if (!value.fixed.empty())
    return false;
  for (auto &dim : value.dims)
    for (const AtomRange &range : dim)
      if (program.isBroadcast(range.atom) || range.start != 0 || range.step != 1 || range.size != program.atoms[range.atom].size)
        return false;
  return true;
}

LogicalResult ProgramReader::readBody(linalg::GenericOp op, unsigned result, Value scalar, const Combiner *combiner) {
  std::string problem;
  auto expression = readExpression(scalar, *op.getBlock(), ranges, support, problem);
  if (failed(expression)) {
    ok = false;
    return op.emitError(problem);
  }
  // Scalar constants become immediates; the operands that remain are numbered anew.
  std::vector<std::pair<ValueAtoms, AffineMap>> operands;
  std::vector<int> numbers;
  std::map<int, int> renumbered;
  for (ScalarOp &leaf : *expression) {
    if (leaf.kind != ScalarOp::Input)
      continue;
    if (Attribute number = splatOf(op->getOperand(leaf.input))) {
      leaf.kind = ScalarOp::Constant;
      leaf.value = numberOf(number);
      continue;
    }
    auto [at, fresh] = renumbered.insert({leaf.input, static_cast<int>(renumbered.size())});
    if (fresh) {
      std::optional<ValueAtoms> value = operandOf(op, leaf.input);
      if (!value)
        return failure();
      operands.push_back({*value, op.getMatchingIndexingMap(&op->getOpOperand(leaf.input))});
      numbers.push_back(leaf.input);
    }
    leaf.input = at->second;
  }
  newStorage(StorageKind::Computed, op.getResult(result));
  operands.push_back({values[op.getResult(result)], op.getIndexingMapMatchingResult(op->getResult(result))});
  numbers.push_back(kResult);
  Draft &d = draft(combiner ? NodeKind::Reduction : NodeKind::Elementwise, op, op.getStaticLoopRanges(), reductionsOf(op));
  d.operands = std::move(operands);
  d.numbers = std::move(numbers);
  Node &node = program.nodes.back();
  node.body = std::move(*expression);
  if (!combiner)
    return success();
  node.combiner = combiner->name;
  node.integer = combiner->integer;
  if (isContraction(combiner->name, scalar.getType(), node.body))
    node.kind = NodeKind::Contraction;
  return success();
}

/// Whether combining with `start` changes nothing.
static bool isNeutral(const ProgramReader::Combiner &combiner, double start, std::optional<Bounds> term) {
  double infinity = std::numeric_limits<double>::infinity();
  StringRef name = combiner.name;
  if (name == "max")
    return term ? start <= static_cast<double>(term->low) : start == -infinity;
  if (name == "min")
    return term ? start >= static_cast<double>(term->high) : start == infinity;
  return start == (name == "mul" ? 1 : name == "and" ? -1 : 0);
}

LogicalResult ProgramReader::addStart(linalg::GenericOp op, unsigned result, Operation *combine, const Combiner &combiner) {
  Value init = op.getOutputs()[result], accumulator = op.getBlock()->getArgument(op.getNumDpsInputs() + result);
  auto type = cast<RankedTensorType>(op.getResult(result).getType());
  std::optional<Bounds> term;
  if (type.getElementType().isIntOrIndex())
    term = ranges.of(combine->getOperand(combine->getOperand(0) == accumulator));
  Attribute start = splatOf(init);
  double value = start ? numberOf(start) : 0;
  // The numeric extrema ignore a NaN: it becomes their neutral element, and all of them the start.
  if (isa<arith::MaxNumFOp, arith::MinNumFOp>(combine))
    replaceNan(program.nodes.back().body, (combiner.name == "max" ? -1 : 1) * std::numeric_limits<double>::infinity());
  if (start && isNeutral(combiner, value, term))
    return success();
  // The start value is combined afterwards: result = combine(sum, start).
  AffineMap identity = AffineMap::getMultiDimIdentityMap(type.getRank(), op.getContext());
  std::vector<std::pair<ValueAtoms, AffineMap>> operands = {{values[op.getResult(result)], identity}};
  std::vector<int> numbers = {kResult};
  ScalarOp a, b, both;
  b.input = 1;
  if (start) {
    b.kind = ScalarOp::Constant;
    b.value = value;
  } else {
    std::optional<ValueAtoms> begin = operandOf(op, op.getDpsInitOperand(result)->getOperandNumber());
    if (!begin)
      return failure();
    operands.push_back({*begin, identity});
    numbers.push_back(op.getDpsInitOperand(result)->getOperandNumber());
  }
  newStorage(StorageKind::Computed, op.getResult(result));
  operands.push_back({values[op.getResult(result)], identity});
  numbers.push_back(kResult);
  Draft &after = draft(NodeKind::Elementwise, op, type.getShape(), SmallVector<bool>(type.getRank(), false));
  after.operands = std::move(operands);
  after.numbers = std::move(numbers);
  both.kind = ScalarOp::Binary;
  both.name = combiner.name;
  both.args = {0, 1};
  both.integer = combiner.integer || (term && !ranges.of(init).within(kExactInFloat));
  program.nodes.back().body = {a, b, both};
  return success();
}

} // namespace manaslu::tiling
