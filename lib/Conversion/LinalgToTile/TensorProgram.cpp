// Reads linalg on tensors into storages and nodes: views dissolve into atoms, loops are refined until every operand agrees on their factors.
#include "lib/Conversion/LinalgToTile/TensorProgram.h"

#include <mlir/Dialect/Arith/IR/Arith.h>
#include <mlir/Dialect/MLProgram/IR/MLProgram.h>
#include <mlir/Dialect/Tensor/IR/Tensor.h>
#include <mlir/IR/Matchers.h>
#include <set>

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

namespace {

/// A linalg operation as read, before its loops are refined.
struct Pending {
  linalg::LinalgOp op;
  unsigned result;
};

class Builder {
public:
  explicit Builder(TensorProgram &program) : program(program) {}
  LogicalResult run(func::FuncOp function);

private:
  TensorProgram &program;
  llvm::DenseMap<Value, ValueAtoms> values;
  std::vector<Pending> pending;
  std::vector<std::pair<Operation *, OpOperand *>> sinks; // return and state stores
  bool ok = true;

  LogicalResult fail(Operation *op, const Twine &why) {
    ok = false;
    return op->emitError("MN-LOW-001: ") << why;
  }
  AtomId newAtom(int64_t size, int storage) {
    program.atoms.push_back({size, storage, -1, -1});
    return program.atoms.size() - 1;
  }
  int newStorage(StorageKind kind, Value value);
  void readArgument(func::FuncOp function, BlockArgument argument);
  LogicalResult readOperation(Operation &op);
  LogicalResult readGeneric(linalg::GenericOp op);
  LogicalResult readCollapse(tensor::CollapseShapeOp op);
  LogicalResult readExpand(tensor::ExpandShapeOp op);
  LogicalResult readSlice(tensor::ExtractSliceOp op);
  void addCopy(Operation *op, const ValueAtoms &from, const ValueAtoms &to, Type element);
  void addFill(Operation *op, const ValueAtoms &to, double value);
  LogicalResult readConcat(tensor::ConcatOp op);
  LogicalResult readInsert(tensor::InsertSliceOp op);
  LogicalResult readPad(tensor::PadOp op);

  LogicalResult normalize(Operation *op, ValueAtoms &value);
  LogicalResult normalizeRanges(Operation *op, std::vector<AtomRange> &ranges, std::vector<AtomRange> &fixed);
  LogicalResult slice(Operation *op, ValueAtoms &value, size_t dim, int64_t start, int64_t size);
  LogicalResult splitRanges(Operation *op, ArrayRef<AtomRange> ranges, ArrayRef<int64_t> sizes, bool &changed);
  std::vector<ValueAtoms *> operandsOf(int node);
  LogicalResult refine();
  LogicalResult finish();
  FailureOr<Access> access(Node &node, AffineMap map, ValueAtoms value);

  /// A node before its accesses are known: values of its inputs and output with their maps.
  struct Draft {
    int node;
    std::vector<std::pair<ValueAtoms, AffineMap>> operands; // inputs, then the output
    SmallVector<int64_t> ranges;
    SmallVector<bool> reduction;
  };
  std::vector<Draft> drafts;
  Draft &draft(NodeKind kind, Operation *op, ArrayRef<int64_t> ranges, ArrayRef<bool> reduction) {
    program.nodes.emplace_back(op->getLoc());
    program.nodes.back().kind = kind;
    program.nodes.back().op = op;
    drafts.push_back({static_cast<int>(program.nodes.size()) - 1, {}, SmallVector<int64_t>(ranges), SmallVector<bool>(reduction)});
    return drafts.back();
  }
};

int Builder::newStorage(StorageKind kind, Value value) {
  auto type = cast<RankedTensorType>(value.getType());
  int id = program.storages.size();
  Storage storage(value.getLoc());
  storage.kind = kind;
  storage.element = type.getElementType();
  storage.shape.assign(type.getShape().begin(), type.getShape().end());
  ValueAtoms atoms;
  atoms.storage = id;
  for (int64_t size : type.getShape()) {
    atoms.dims.emplace_back();
    if (size == 1)
      continue;
    AtomId atom = newAtom(size, id);
    storage.atoms.push_back(atom);
    atoms.dims.back().push_back({atom, 0, size});
  }
  program.storages.push_back(std::move(storage));
  values[value] = std::move(atoms);
  return id;
}

void Builder::readArgument(func::FuncOp function, BlockArgument argument) {
  int id = newStorage(StorageKind::Input, argument);
  auto name = function.getArgAttrOfType<StringAttr>(argument.getArgNumber(), "graph.name");
  program.storages[id].name = name ? name.str() : std::to_string(argument.getArgNumber());
}

LogicalResult Builder::readOperation(Operation &op) {
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

LogicalResult Builder::readCollapse(tensor::CollapseShapeOp op) {
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

LogicalResult Builder::readExpand(tensor::ExpandShapeOp op) {
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

/// Narrows dimension `dim` of a value to `size` coordinates from `start`.
LogicalResult Builder::slice(Operation *op, ValueAtoms &value, size_t dim, int64_t start, int64_t size) {
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

LogicalResult Builder::readSlice(tensor::ExtractSliceOp op) {
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

void Builder::addCopy(Operation *op, const ValueAtoms &from, const ValueAtoms &to, Type element) {
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

void Builder::addFill(Operation *op, const ValueAtoms &to, double value) {
  addCopy(op, to, to, {});
  drafts.back().operands.erase(drafts.back().operands.begin());
  ScalarOp constant;
  constant.kind = ScalarOp::Constant;
  constant.value = value;
  program.nodes.back().body = {constant};
}

LogicalResult Builder::readConcat(tensor::ConcatOp op) {
  newStorage(StorageKind::Computed, op.getResult());
  int64_t at = 0, dim = op.getDim();
  for (Value input : op.getInputs()) {
    ValueAtoms part = values[op.getResult()];
    int64_t size = cast<RankedTensorType>(input.getType()).getDimSize(dim);
    if (failed(normalize(op, part)) || failed(slice(op, part, dim, at, size)))
      return failure();
    addCopy(op, values[input], part, {});
    at += size;
  }
  return success();
}

LogicalResult Builder::readInsert(tensor::InsertSliceOp op) {
  if (op.getDestType().getRank() != op.getSourceType().getRank() || ShapedType::isDynamicShape(op.getStaticOffsets()) ||
      llvm::any_of(op.getStaticStrides(), [](int64_t s) { return s != 1; }))
    return fail(op, "inserts with a step, at run-time positions or with dropped dimensions are not supported");
  newStorage(StorageKind::Computed, op.getResult());
  Attribute fill;
  if (auto filled = op.getDest().getDefiningOp<linalg::FillOp>(); filled && matchPattern(filled.getInputs()[0], m_Constant(&fill))) {
    auto number = dyn_cast<FloatAttr>(fill);
    addFill(op, values[op.getResult()], number ? number.getValueAsDouble() : static_cast<double>(cast<IntegerAttr>(fill).getInt()));
  } else if (!op.getDest().getDefiningOp<tensor::EmptyOp>()) {
    addCopy(op, values[op.getDest()], values[op.getResult()], {});
  }
  ValueAtoms part = values[op.getResult()];
  for (size_t dim = 0; dim < part.dims.size(); ++dim)
    if (failed(normalize(op, part)) || failed(slice(op, part, dim, op.getStaticOffsets()[dim], op.getStaticSizes()[dim])))
      return failure();
  addCopy(op, values[op.getSource()], part, {});
  return success();
}

LogicalResult Builder::readPad(tensor::PadOp op) {
  Value padding = op.getConstantPaddingValue();
  Attribute attribute;
  if (!padding || !matchPattern(padding, m_Constant(&attribute)) || ShapedType::isDynamicShape(op.getStaticLow()))
    return fail(op, "only constant padding by constant amounts is supported");
  newStorage(StorageKind::Computed, op.getResult());
  double value = isa<FloatAttr>(attribute) ? cast<FloatAttr>(attribute).getValueAsDouble() : static_cast<double>(cast<IntegerAttr>(attribute).getInt());
  addFill(op, values[op.getResult()], value);
  ValueAtoms part = values[op.getResult()];
  for (size_t dim = 0; dim < part.dims.size(); ++dim)
    if (int64_t size = op.getSourceType().getDimSize(dim); size != op.getResultType().getDimSize(dim))
      part.dims[dim][0] = {part.dims[dim][0].atom, op.getStaticLow()[dim], size};
  addCopy(op, values[op.getSource()], part, {});
  return success();
}

/// Splits `ranges` so that they have (at least) the factors `sizes`, outermost first. `changed` tells whether an atom was split.
/// A range that a slice has cut unevenly stays whole: what is split elsewhere then indexes it by a sum of loops.
LogicalResult Builder::splitRanges(Operation *op, ArrayRef<AtomRange> ranges, ArrayRef<int64_t> sizes, bool &changed) {
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

LogicalResult Builder::normalizeRanges(Operation *op, std::vector<AtomRange> &ranges, std::vector<AtomRange> &fixed) {
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

LogicalResult Builder::normalize(Operation *op, ValueAtoms &value) {
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

LogicalResult Builder::readGeneric(linalg::GenericOp op) {
  SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  SmallVector<bool> reduction;
  for (utils::IteratorType type : op.getIteratorTypesArray())
    reduction.push_back(type == utils::IteratorType::reduction);
  bool reduces = llvm::is_contained(reduction, true);
  Block &body = op.getRegion().front();
  for (unsigned r = 0; r < op.getNumResults(); ++r) {
    Value result = op.getResult(r), yielded = body.getTerminator()->getOperand(r);
    if (result.use_empty())
      continue;
    // A pure copy through permutations and broadcasts is a view.
    if (auto argument = dyn_cast<BlockArgument>(yielded); argument && !reduces && argument.getArgNumber() < op.getNumDpsInputs()) {
      AffineMap in = op.getMatchingIndexingMap(op.getDpsInputOperand(argument.getArgNumber())), out = op.getIndexingMapMatchingResult(op->getResult(r));
      if (in.isProjectedPermutation(/*allowZeroInResults=*/true) && out.isPermutation() && values.count(op.getInputs()[argument.getArgNumber()])) {
        ValueAtoms from = values[op.getInputs()[argument.getArgNumber()]], to;
        to.storage = from.storage;
        to.fixed = from.fixed;
        for (AffineExpr expr : out.getResults()) {
          unsigned dim = cast<AffineDimExpr>(expr).getPosition();
          auto at = llvm::find_if(in.getResults(), [&](AffineExpr e) {
            auto d = dyn_cast<AffineDimExpr>(e);
            return d && d.getPosition() == dim;
          });
          if (at != in.getResults().end())
            to.dims.push_back(from.dims[at - in.getResults().begin()]);
          else if (ranges[dim] == 1)
            to.dims.push_back({});
          else
            to.dims.push_back({{newAtom(ranges[dim], -1), 0, ranges[dim]}});
        }
        values[result] = to;
        continue;
      }
    }
    Node node(op.getLoc());
    Value combined = yielded;
    unsigned accumulator = op.getNumDpsInputs() + r;
    if (reduces) {
      Operation *combiner = yielded.getDefiningOp();
      if (!combiner || combiner->getNumOperands() != 2)
        return fail(op, "a reduction must combine with one binary operation");
      auto isAccumulator = [&](Value v) {
        auto a = dyn_cast<BlockArgument>(v);
        return a && a.getArgNumber() == accumulator;
      };
      if (!isAccumulator(combiner->getOperand(0)) && !isAccumulator(combiner->getOperand(1)))
        return fail(op, "a reduction must combine its accumulator");
      combined = isAccumulator(combiner->getOperand(0)) ? combiner->getOperand(1) : combiner->getOperand(0);
      StringRef name = combiner->getName().getStringRef();
      node.combiner = llvm::StringSwitch<std::string>(name)
                          .Cases("arith.addf", "arith.addi", "add")
                          .Cases("arith.maximumf", "arith.maxnumf", "arith.maxsi", "arith.maxui", "arith.ori", "max")
                          .Cases("arith.minimumf", "arith.minnumf", "arith.minsi", "arith.minui", "arith.andi", "min")
                          .Case("arith.mulf", "mul")
                          .Default("");
      if (node.combiner.empty())
        return fail(op, "'" + name + "' is not a reduction that the chip has");
    }
    Draft *d = nullptr;
    if (auto extract = combined.getDefiningOp<tensor::ExtractOp>(); extract && !reduces) {
      // Gather of whole rows: the table's first index is data, the others are loop indices in order.
      auto rowPosition = extract.getIndices().empty() ? Value() : extract.getIndices()[0];
      while (rowPosition && isa_and_nonnull<arith::IndexCastOp, arith::IndexCastUIOp, arith::ExtSIOp, arith::ExtUIOp>(rowPosition.getDefiningOp()))
        rowPosition = rowPosition.getDefiningOp()->getOperand(0);
      auto index = dyn_cast_or_null<BlockArgument>(rowPosition);
      if (!index || op.getNumDpsInputs() != 1)
        return fail(op, "gathers must take rows of their table by one index");
      SmallVector<AffineExpr> table = {getAffineConstantExpr(0, op.getContext())};
      for (Value position : extract.getIndices().drop_front()) {
        auto loop = position.getDefiningOp<linalg::IndexOp>();
        if (!loop)
          return fail(op, "gathers must take whole rows");
        table.push_back(getAffineDimExpr(loop.getDim(), op.getContext()));
      }
      d = &draft(NodeKind::Gather, op, ranges, reduction);
      ValueAtoms rows = values[extract.getTensor()];
      program.nodes.back().gatherRows = mlir::cast<RankedTensorType>(extract.getTensor().getType()).getDimSize(0);
      d->operands.push_back({rows, AffineMap::get(ranges.size(), 0, table, op.getContext())});
      d->operands.push_back({values[op.getInputs()[0]], op.getMatchingIndexingMap(op.getDpsInputOperand(0))});
    } else {
      auto expression = readExpression(combined, body);
      if (failed(expression))
        return fail(op, "its body has an operation without a meaning on the chip");
      d = &draft(reduces ? NodeKind::Reduction : NodeKind::Elementwise, op, ranges, reduction);
      Node &added = program.nodes.back();
      added.combiner = node.combiner;
      // Scalar constants become immediates; the operands that remain are numbered anew.
      std::map<int, int> renumbered;
      for (ScalarOp &scalar : *expression) {
        if (scalar.kind != ScalarOp::Input)
          continue;
        Value operand = scalar.input < op.getNumDpsInputs() ? op.getInputs()[scalar.input] : op.getOutputs()[scalar.input - op.getNumDpsInputs()];
        Attribute attribute;
        SplatElementsAttr splat;
        if (auto fill = operand.getDefiningOp<linalg::FillOp>())
          matchPattern(fill.getInputs()[0], m_Constant(&attribute));
        else if (matchPattern(operand, m_Constant(&splat)))
          attribute = splat.getSplatValue<Attribute>();
        if (attribute) {
          scalar.kind = ScalarOp::Constant;
          scalar.value = isa<FloatAttr>(attribute)                             ? cast<FloatAttr>(attribute).getValueAsDouble()
                         : cast<IntegerAttr>(attribute).getType().isInteger(1) ? static_cast<double>(cast<IntegerAttr>(attribute).getValue().getZExtValue())
                                                                               : static_cast<double>(cast<IntegerAttr>(attribute).getInt());
          continue;
        }
        if (!values.count(operand))
          return fail(op, "reads an undefined tensor");
        auto [at, fresh] = renumbered.insert({scalar.input, static_cast<int>(renumbered.size())});
        if (fresh)
          d->operands.push_back({values[operand], op.getMatchingIndexingMap(&op->getOpOperand(scalar.input))});
        scalar.input = at->second;
      }
      added.body = std::move(*expression);
      const Expression &tree = added.body;
      if (reduces && node.combiner == "add" && tree.size() == 3 && tree[2].kind == ScalarOp::Binary && tree[2].name == "mul" &&
          tree[0].kind == ScalarOp::Input && tree[1].kind == ScalarOp::Input && tree[0].input != tree[1].input)
        added.kind = NodeKind::Contraction;
    }
    newStorage(StorageKind::Computed, result);
    ValueAtoms target = values[result];
    d->operands.push_back({target, op.getIndexingMapMatchingResult(op->getResult(r))});
    if (reduces) {
      Value init = op.getOutputs()[r];
      Attribute attribute;
      auto fill = init.getDefiningOp<linalg::FillOp>();
      DenseElementsAttr dense;
      bool constant = (fill && matchPattern(fill.getInputs()[0], m_Constant(&attribute)));
      if (!constant && matchPattern(init, m_Constant(&dense)) && dense.isSplat())
        attribute = dense.getSplatValue<Attribute>(), constant = true;
      double value = !constant                   ? 0
                     : isa<FloatAttr>(attribute) ? cast<FloatAttr>(attribute).getValueAsDouble()
                                                 : static_cast<double>(cast<IntegerAttr>(attribute).getInt());
      bool neutral = constant && ((node.combiner == "add" && value == 0) || (node.combiner == "mul" && value == 1) ||
                                  (node.combiner == "max" && (value <= -1e9 || op.getResult(r).getType() == Type())) ||
                                  (node.combiner == "max" && isa<IntegerType>(cast<RankedTensorType>(result.getType()).getElementType()) && value <= 0) ||
                                  (node.combiner == "min" && value >= 1));
      if (!neutral) {
        // The start value is combined afterwards: result = combine(sum, start).
        AffineMap identity = AffineMap::getMultiDimIdentityMap(cast<RankedTensorType>(result.getType()).getRank(), op.getContext());
        ValueAtoms partial = target;
        SmallVector<int64_t> shape(cast<RankedTensorType>(result.getType()).getShape());
        newStorage(StorageKind::Computed, result);
        Draft &after = draft(NodeKind::Elementwise, op, shape, SmallVector<bool>(shape.size(), false));
        after.operands = {{partial, identity}};
        ScalarOp a, b, both;
        b.input = 1;
        if (constant) {
          b.kind = ScalarOp::Constant;
          b.value = value;
        } else {
          if (!values.count(init))
            return fail(op, "starts a reduction from an undefined tensor");
          after.operands.push_back({values[init], identity});
        }
        both.kind = ScalarOp::Binary;
        both.name = node.combiner;
        both.args = {0, 1};
        program.nodes.back().body = {a, b, both};
        after.operands.push_back({values[result], identity});
      }
    }
  }
  return success();
}

/// Splits atoms until, for every loop dimension of every node, all operands indexed by it alone have the same factors.
LogicalResult Builder::refine() {
  for (bool changed = true; changed;) {
    changed = false;
    for (Draft &d : drafts) {
      Operation *op = program.nodes[d.node].op;
      for (unsigned dim = 0; dim < d.ranges.size(); ++dim) {
        std::set<int64_t> boundaries;
        std::vector<std::vector<AtomRange> *> lists;
        for (auto &[value, map] : d.operands) {
          if (failed(normalize(op, value)))
            return failure();
          for (auto [j, expr] : llvm::enumerate(map.getResults()))
            if (auto e = dyn_cast<AffineDimExpr>(expr); e && e.getPosition() == dim && d.ranges[dim] != 1) {
              lists.push_back(&value.dims[j]);
              int64_t inner = 1;
              for (const AtomRange &range : llvm::reverse(value.dims[j]))
                boundaries.insert(inner *= range.size);
            }
        }
        SmallVector<int64_t> sizes;
        int64_t previous = 1;
        for (int64_t boundary : boundaries) {
          if (boundary % previous)
            return fail(op, "dimension " + Twine(dim) + " is split in factors that have no common refinement");
          if (boundary != previous)
            sizes.insert(sizes.begin(), boundary / previous);
          previous = boundary;
        }
        for (auto *list : lists)
          if (list->size() != sizes.size() && failed(splitRanges(op, *list, sizes, changed)))
            return failure();
      }
    }
  }
  return success();
}

FailureOr<Access> Builder::access(Node &node, AffineMap map, ValueAtoms value) {
  Access out;
  out.storage = value.storage;
  auto loopsOf = [&](unsigned dim) {
    std::vector<int> loops;
    for (auto [i, loop] : llvm::enumerate(node.loops))
      if (loop.dim == static_cast<int>(dim))
        loops.push_back(i);
    return loops;
  };
  for (const AtomRange &range : value.fixed)
    if (!program.isBroadcast(range.atom))
      out.atoms.push_back({range.atom, range.start, {}});
  for (auto [j, expr] : llvm::enumerate(map.getResults())) {
    if (auto dim = dyn_cast<AffineDimExpr>(expr)) {
      auto loops = loopsOf(dim.getPosition());
      if (value.dims[j].size() == 1 && loops.size() > 1 && !program.isBroadcast(value.dims[j][0].atom)) { // left whole: a sum of loops
        AtomIndex index{value.dims[j][0].atom, value.dims[j][0].start, {}};
        for (int loop : loops)
          index.loops.push_back({loop, node.loops[loop].stride});
        out.atoms.push_back(index);
        continue;
      }
      if (loops.size() != value.dims[j].size())
        return FailureOr<Access>(fail(node.op, "dimension " + Twine(j) + " of an operand could not be split like its loop"));
      for (auto [range, loop] : llvm::zip(value.dims[j], loops))
        if (!program.isBroadcast(range.atom))
          out.atoms.push_back({range.atom, range.start, {{loop, 1}}});
      continue;
    }
    if (isa<AffineConstantExpr>(expr)) {
      for (const AtomRange &range : value.dims[j])
        out.atoms.push_back({range.atom, range.start + cast<AffineConstantExpr>(expr).getValue(), {}});
      continue;
    }
    if (value.dims[j].empty())
      continue;
    if (value.dims[j].size() != 1)
      return FailureOr<Access>(fail(node.op, "a window runs over a dimension that is split elsewhere"));
    AtomIndex index{value.dims[j][0].atom, value.dims[j][0].start, {}};
    for (unsigned dim = 0; dim < map.getNumDims(); ++dim) {
      // The coefficient of a dimension: the difference that one step makes.
      SmallVector<AffineExpr> zero(map.getNumDims(), getAffineConstantExpr(0, map.getContext())), one = zero;
      one[dim] = getAffineConstantExpr(1, map.getContext());
      auto at = [&](ArrayRef<AffineExpr> point) {
        return cast<AffineConstantExpr>(simplifyAffineExpr(expr.replaceDims(point), map.getNumDims(), 0)).getValue();
      };
      int64_t coefficient = at(one) - at(zero);
      if (coefficient)
        for (int loop : loopsOf(dim))
          index.loops.push_back({loop, coefficient * node.loops[loop].stride});
    }
    out.atoms.push_back(index);
  }
  return out;
}

LogicalResult Builder::finish() {
  for (Draft &d : drafts) {
    Node &node = program.nodes[d.node];
    for (unsigned dim = 0; dim < d.ranges.size(); ++dim) {
      if (d.ranges[dim] == 1)
        continue;
      const std::vector<AtomRange> *factors = nullptr;
      for (auto &[value, map] : d.operands)
        for (auto [j, expr] : llvm::enumerate(map.getResults()))
          if (auto e = dyn_cast<AffineDimExpr>(expr); e && e.getPosition() == dim && (!factors || value.dims[j].size() > factors->size()))
            factors = &value.dims[j];
      int64_t stride = d.ranges[dim];
      if (!factors) {
        node.loops.push_back({d.ranges[dim], static_cast<int>(dim), 1, d.reduction[dim]});
        continue;
      }
      for (const AtomRange &range : *factors)
        node.loops.push_back({range.size, static_cast<int>(dim), stride /= range.size, d.reduction[dim]});
    }
    std::vector<Access> accesses;
    for (auto &[value, map] : d.operands) {
      auto one = access(node, map, value);
      if (failed(one))
        return failure();
      accesses.push_back(std::move(*one));
    }
    if (node.kind != NodeKind::Output && node.kind != NodeKind::StateWrite) {
      node.output = std::move(accesses.back());
      accesses.pop_back();
      program.storages[node.output.storage].writers.push_back(d.node);
    }
    node.inputs = std::move(accesses);
    for (const Access &input : node.inputs)
      if (auto &readers = program.storages[input.storage].readers; readers.empty() || readers.back() != d.node)
        readers.push_back(d.node);
  }
  return success();
}

LogicalResult Builder::run(func::FuncOp function) {
  for (BlockArgument argument : function.getArguments())
    readArgument(function, argument);
  for (Operation &op : function.getBody().front())
    (void)readOperation(op);
  if (!ok)
    return failure();
  for (auto [op, operand] : sinks) {
    auto shape = cast<RankedTensorType>(operand->get().getType()).getShape();
    if (!values.count(operand->get()))
      return fail(op, "returns a tensor that is a constant or undefined");
    bool output = isa<func::ReturnOp>(op);
    Draft &d = draft(output ? NodeKind::Output : NodeKind::StateWrite, op, shape, SmallVector<bool>(shape.size(), false));
    d.operands = {{values[operand->get()], AffineMap::getMultiDimIdentityMap(shape.size(), op->getContext())}};
    program.nodes.back().shape.assign(shape.begin(), shape.end());
    StringAttr name;
    if (output)
      name = function.getResultAttrOfType<StringAttr>(operand->getOperandNumber(), "graph.name");
    program.nodes.back().name = !output ? cast<ml_program::GlobalStoreOp>(op).getGlobal().getLeafReference().str()
                                : name  ? name.str()
                                        : std::to_string(operand->getOperandNumber());
  }
  if (failed(refine()))
    return failure();
  return finish();
}

} // namespace

FailureOr<TensorProgram> TensorProgram::build(func::FuncOp function) {
  TensorProgram program;
  if (failed(Builder(program).run(function)))
    return failure();
  simplify(program, function.getContext());
  return program;
}

} // namespace manaslu::tiling
