// select-types: the float type that every operator computes in, by a precision table.
#include <cmath>
#include <llvm/ADT/SetVector.h>
#include <llvm/ADT/TypeSwitch.h>
#include <llvm/Support/MemoryBuffer.h>
#include <mlir/IR/Matchers.h>

#include "dialects/Graph/Evaluate.h"
#include "dialects/Graph/Transforms/Build.h"
#include "dialects/Graph/Transforms/Passes.h"

using namespace mlir;

namespace manaslu::graph {

#define GEN_PASS_DEF_SELECTTYPES
#include "dialects/Graph/Transforms/Passes.h.inc"

namespace {

/// How many leading operands of a contraction the matrix engine reads; the others (bias, mask) have the type of values.
unsigned contractedOperands(Operation *op) {
  return llvm::TypeSwitch<Operation *, unsigned>(op)
      .Case<MatmulOp, LinearOp, Conv2dOp>([](auto) { return 2u; })
      .Case<AttentionOp>([](auto) { return 3u; })
      .Default([](Operation *) { return 0u; });
}

/// The chip's type of a product's operand.
std::optional<DType> productType(Type type) { return type.isTF32() ? std::optional(DType::TF32) : storageOf(type); }

bool isWide(Value value) { return isa<RankedTensorType>(value.getType()) && tensorOf(value).getElementType().isF32(); }
bool isByte(Type type) { return type.getIntOrFloatBitWidth() == 8; }

/// The largest finite number of a type.
double largest(FloatType type) { return APFloat::getLargest(type.getFloatSemantics()).convertToDouble(); }

/// Constants of a narrow type: finite stays finite (the usual -3.4e38 of masks would become -inf).
DenseElementsAttr narrowed(DenseElementsAttr value, FloatType narrow) {
  const llvm::fltSemantics &semantics = narrow.getFloatSemantics();
  auto convert = [&](const APFloat &wide) {
    APFloat out = wide;
    bool lost = false;
    out.convert(semantics, APFloat::rmNearestTiesToEven, &lost);
    if (out.isInfinity() && wide.isFinite())
      out = APFloat::getLargest(semantics, wide.isNegative());
    return out.bitcastToAPInt();
  };
  if (auto splat = dyn_cast<SplatElementsAttr>(value))
    return DenseElementsAttr::get(cast<ShapedType>(value.getType()).clone(narrow), APFloat(semantics, convert(splat.getSplatValue<APFloat>())));
  return cast<DenseFPElementsAttr>(value).mapValues(narrow, convert);
}

/// What a rule, or the default, says about one operator.
struct Selection {
  FloatType value;   ///< of its result and of what it reads beside a product's operands
  FloatType compute; ///< of a product's operands
  FloatType weights; ///< of an operand that depends on parameters alone
  StringRef scaling = "none";
  bool powersOfTwo = false;
};

/// Elements of a contracted dimension that share a scale of "block32".
constexpr int64_t kBlock = 32;

/// A product's operand in its type, and what its elements were divided by.
struct Quantized {
  Value value, scale;    ///< scale: f32, of the operand's rank with 1 in most dimensions; null for 1
  bool constant = false; ///< the scale is known when the program is compiled
};

struct SelectTypesPass : impl::SelectTypesBase<SelectTypesPass> {
  using Base::Base;
  SelectTypesPass(PrecisionTable table, std::set<DType> productTypes, std::string chip)
      : given(std::move(table)), productTypes(std::move(productTypes)), chip(std::move(chip)) {}

  void runOnOperation() override {
    if (failed(readTable()))
      return signalPassFailure();
    func::FuncOp function = getOperation();
    std::vector<std::pair<Operation *, std::string>> named = operatorNames(function);
    for (auto &[op, name] : named)
      names[op] = name;
    if (failed(findRules(named)))
      return signalPassFailure();
    if (table == PrecisionTable())
      return;
    SmallVector<Operation *> operations;
    function.walk([&](Operation *op) { operations.push_back(op); });
    for (Operation *op : operations) {
      if (computedOnHost(op))
        host.insert(op);
      for (Value result : op->getResults())
        if (isWide(result))
          wide.insert(result);
    }
    for (BlockArgument argument : function.getArguments())
      if (isWide(argument))
        wide.insert(argument);
    for (Operation *op : operations)
      select(op);
    SmallVector<CastOp> casts;
    function.walk([&](CastOp cast) { casts.push_back(cast); });
    for (CastOp cast : casts)
      roundOnce(cast);
  }

private:
  std::optional<PrecisionTable> given;
  std::optional<std::set<DType>> productTypes; ///< of the chip's matrix engine; not checked without
  std::string chip;
  PrecisionTable table;
  FloatType defaultType;
  llvm::DenseMap<Operation *, StringRef> names;
  llvm::DenseMap<Operation *, const PrecisionRule *> rules;
  std::map<std::string, FloatType> stateTypes; ///< of the states that rules name
  llvm::DenseSet<Operation *> host;            ///< membership only, never iterated
  llvm::DenseSet<Value> wide;                  ///< f32 before this pass, and what stands for such a value; membership only

  LogicalResult report(const Error &error) {
    for (const manaslu::Diagnostic &item : error.items())
      getOperation().emitError(item.code + ": " + (item.where.empty() ? "" : item.where + ": ") + item.message);
    return failure();
  }

  LogicalResult readTable() {
    if (given) {
      table = *given;
    } else if (!precision.empty()) {
      auto buffer = llvm::MemoryBuffer::getFile(precision);
      if (!buffer)
        return getOperation().emitError("MN-IO-001: ") << precision << ": " << buffer.getError().message();
      Result<PrecisionTable> read = parsePrecisionTable((*buffer)->getBuffer().str(), precision);
      if (!read)
        return report(read.error());
      table = *read;
    } else {
      if (mode != "none" && mode != "matmult" && mode != "all")
        return getOperation().emitError("MN-NUM-TYPE: the mode is none, matmult or all, not ") << mode;
      if (!precisionType(type, &getContext()) || type == "fp32")
        return getOperation().emitError("MN-NUM-TYPE: the type is bf16, fp16, tf32 or fp8_e4m3, not ") << type;
      table = autoCastTable(mode, type);
    }
    defaultType = precisionType(table.defaultType, &getContext());
    if (!defaultType || isByte(defaultType) || defaultType.isTF32())
      return getOperation().emitError("MN-NUM-TYPE: values between operators are fp32, bf16 or fp16, not ") << table.defaultType;
    return success();
  }

  /// The first rule that matches each operator; every rule that matches none, and every type that the chip's products lack, is an error.
  LogicalResult findRules(ArrayRef<std::pair<Operation *, std::string>> named) {
    std::vector<char> used(table.rules.size(), 0);
    Error error;
    std::map<std::string, std::pair<int, std::string>> lacking; // type to how many operators and the first
    for (auto &[op, name] : named) {
      for (size_t i = 0; i < table.rules.size(); ++i) {
        if (!table.rules[i].state.empty() || (table.rules[i].productsOnly && contractedOperands(op) == 0))
          continue;
        if (!globMatches(table.rules[i].match, name) && !globMatches(table.rules[i].match, modulePath(op->getLoc())))
          continue;
        used[i] = true;
        rules.insert({op, &table.rules[i]});
        break;
      }
      if (const PrecisionRule *rule = rules.lookup(op); rule && rule->scaling == "block32" && contractedOperands(op) && !isa<AttentionOp>(op))
        if (std::string why = whyNotInBlocks(op); !why.empty())
          error.add("MN-NUM-RULE", "rule " + std::to_string(rule - table.rules.data() + 1) + " wants scales for blocks of " + name + ": " + why);
      if (contractedOperands(op) && productTypes) {
        Selection selection = selectionOf(op);
        llvm::SmallSetVector<Type, 2> asked;
        asked.insert(selection.compute);
        asked.insert(selection.weights);
        for (Type type : asked)
          if (std::optional<DType> own = productType(type); own && !productTypes->count(*own))
            if (auto &entry = lacking[precisionName(type)]; entry.first++ == 0)
              entry.second = name;
      }
    }
    findStates(used, error);
    for (auto &[type, entry] : lacking)
      if (table != PrecisionTable()) // what the model itself asks for is the chip's own error
        error.add("MN-NUM-CHIP", chip + " multiplies no " + type + "; " + std::to_string(entry.first) + " operators ask for it, the first is " + entry.second);
    for (size_t i = 0; i < used.size(); ++i)
      if (!used[i] && table.rules[i].match != "*")
        error.add("MN-NUM-RULE", "rule " + std::to_string(i + 1) + " matches no " + (table.rules[i].state.empty() ? "operator" : "state") + ": \"" +
                                     table.rules[i].match + "\"" + (table.rules[i].state.empty() ? nearest(table.rules[i].match, named) : listedStates()));
    for (auto &[name, scale] : table.scales)
      if (llvm::none_of(named, [&](auto &entry) { return entry.second == name && contractedOperands(entry.first); }))
        error.add("MN-NUM-RULE", "a scale is given for \"" + name + "\", which is no product" + nearest(name, named));
    return error.empty() ? success() : report(error);
  }

  /// Name of what reads or writes a state, and its float tensor type; the type is null for other operations and other types.
  static std::pair<StringRef, RankedTensorType> stateOf(Operation *op) {
    auto read = dyn_cast<StateReadOp>(op);
    auto write = dyn_cast<StateWriteOp>(op);
    if (!read && !write)
      return {};
    RankedTensorType type = tensorOf(read ? read.getResult() : write.getValue());
    return {read ? read.getName() : write.getName(), isa<FloatType>(type.getElementType()) ? type : RankedTensorType()};
  }

  /// The type of each state that a rule names: the first such rule counts.
  void findStates(std::vector<char> &used, Error &error) {
    std::set<std::string> wrong;
    getOperation().walk([&](Operation *op) {
      auto [name, type] = stateOf(op);
      for (size_t i = 0; i < table.rules.size() && !name.empty(); ++i) {
        if (table.rules[i].state.empty() || !globMatches(table.rules[i].match, name))
          continue;
        used[i] = true;
        if (type && type.getElementType().isF32())
          stateTypes.insert({name.str(), precisionType(table.rules[i].state, &getContext())});
        else if (wrong.insert(name.str()).second)
          error.add("MN-NUM-RULE",
                    "rule " + std::to_string(i + 1) + " names the state \"" + name.str() + "\", which is not fp32: its type stays that of the model");
        break;
      }
    });
  }

  std::string listedStates() {
    std::set<std::string> names;
    getOperation().walk([&](Operation *op) { names.insert(stateOf(op).first.str()); });
    names.erase("");
    std::string text;
    for (const std::string &name : names)
      text += (text.empty() ? "; the states are \"" : ", \"") + name + "\"";
    return text.empty() ? "; the model has none" : text;
  }

  static std::string nearest(StringRef glob, ArrayRef<std::pair<Operation *, std::string>> named) {
    std::string plain;
    for (char c : glob)
      if (c != '*')
        plain += c;
    unsigned least = UINT_MAX;
    std::string best;
    for (auto &[op, name] : named)
      for (const std::string &candidate : {name, modulePath(op->getLoc())})
        if (unsigned distance = StringRef(candidate).edit_distance(plain); distance < least)
          least = distance, best = candidate;
    return best.empty() ? "" : "; the nearest is \"" + best + "\"";
  }

  Selection selectionOf(Operation *op) {
    auto typeOr = [&](StringRef name, FloatType otherwise) { return name.empty() ? otherwise : precisionType(name, &getContext()); };
    Selection out{defaultType ? defaultType : FloatType(Float32Type::get(&getContext())), {}, {}};
    const PrecisionRule *rule = rules.lookup(op);
    out.compute = typeOr(rule ? StringRef(rule->compute) : StringRef(), out.value);
    out.weights = typeOr(rule ? StringRef(rule->weights) : StringRef(), out.compute);
    if (rule && !rule->scaling.empty())
      out.scaling = rule->scaling;
    out.powersOfTwo = rule && rule->powersOfTwo;
    // An operator without products computes, and leaves its result, in the type that its rule names.
    if (contractedOperands(op) == 0 && !isByte(out.compute) && !out.compute.isTF32())
      out.value = out.compute;
    return out;
  }

  /// What depends on parameters and constants alone is folded before the chip sees it: it stays in f32 (rotary angles would suffer) and is rounded once, at its
  /// border.
  bool computedOnHost(Operation *op) {
    if (op->getNumResults() != 1 || !isMemoryEffectFree(op))
      return false;
    if (op->getNumOperands() == 0)
      return isa<ParameterOp, ConstantOp, IotaOp>(op);
    return contractedOperands(op) == 0 && llvm::all_of(op->getOperands(), [&](Value operand) { return onHost(operand); });
  }
  bool onHost(Value value) { return value.getDefiningOp() && host.contains(value.getDefiningOp()); }

  Value converted(Build &build, Value value, FloatType to) {
    DenseElementsAttr elements;
    if (tensorOf(value).getElementType() != to && matchPattern(value, m_Constant(&elements)) && to.getIntOrFloatBitWidth() == 16)
      return ConstantOp::create(build.b, value.getLoc(), narrowed(elements, to));
    return build.cast(value, to);
  }

  void select(Operation *op) {
    if (host.contains(op))
      return;
    OpBuilder builder(op);
    Build build(builder, op->getLoc());
    if (auto read = dyn_cast<StateReadOp>(op))
      return widenState(read);
    if (isa<func::ReturnOp, StateWriteOp>(op))
      return castBack(build, op);
    if (auto cast = dyn_cast<CastOp>(op)) {
      if (wide.contains(cast.getResult()))
        cast.getResult().setType(tensorOf(cast.getResult()).clone(selectionOf(op).value));
      return;
    }
    if (op->getName().getDialectNamespace() != "graph")
      return;
    Selection selection = selectionOf(op);
    if (inBlocks(op, selection))
      return multiplyBlocks(build, op, selection);
    unsigned products = contractedOperands(op);
    Value constant;              // the scales that are known, multiplied
    SmallVector<Value> computed; // the others
    for (OpOperand &operand : op->getOpOperands().take_front(products))
      if (wide.contains(operand.get())) {
        Quantized quantized = quantize(build, op, operand, selection);
        operand.set(quantized.value);
        if (!quantized.scale)
          continue;
        Value scale = alongResult(build, op, operand.getOperandNumber(), quantized.scale);
        if (quantized.constant)
          constant = constant ? build.make<MulOp>(constant, scale) : scale;
        else
          computed.push_back(scale);
      }
    for (OpOperand &operand : op->getOpOperands().drop_front(products))
      if (wide.contains(operand.get()))
        operand.set(converted(build, operand.get(), selection.value));
    for (Value result : op->getResults())
      if (wide.contains(result))
        result.setType(tensorOf(result).clone(selection.value));
    if (constant)
      computed.insert(computed.begin(), constant);
    if (!computed.empty())
      rescale(op, computed, selection.value);
  }

  /// Whether an operand of a product has 8 bits and a scale for each block.
  bool inBlocks(Operation *op, const Selection &selection) {
    return selection.scaling == "block32" && isa<MatmulOp, LinearOp>(op) && llvm::any_of(op->getOperands().take_front(2), [&](Value x) {
             return wide.contains(x) && isByte(onHost(x) ? selection.weights : selection.compute);
           });
  }

  /// Blocks need a contracted dimension of whole blocks, and operands whose batch dimensions are equal.
  static std::string whyNotInBlocks(Operation *op) {
    if (isa<Conv2dOp>(op))
      return "a convolution has no scales for blocks";
    int64_t rank = tensorOf(op->getOperand(0)).getRank(), other = tensorOf(op->getOperand(1)).getRank();
    int64_t contracted = tensorOf(op->getOperand(0)).getDimSize(contractedAxis(op, 0, rank));
    if (contracted % kBlock)
      return "its contracted dimension has " + std::to_string(contracted) + " elements, which are not whole blocks of 32";
    auto batch = [&](unsigned number) { return tensorOf(op->getOperand(number)).getShape().drop_back(2); };
    if (isa<MatmulOp>(op) && (rank != other || rank < 2 || batch(0) != batch(1)))
      return "its operands are broadcast against each other";
    return "";
  }

  /// A product of blocks: each [.., M, 32] x [.., N, 32] is a product of its own with a scale for each row of both; scaled, the products are added up.
  void multiplyBlocks(Build &build, Operation *op, const Selection &selection) {
    auto result = op->getResult(0);
    RankedTensorType type = tensorOf(result);
    Value scales, factors[2];
    for (unsigned number : {0u, 1u}) {
      Value x = op->getOperand(number);
      int64_t rank = tensorOf(x).getRank(), axis = contractedAxis(op, number, rank);
      if (isa<LinearOp>(op)) {
        int64_t contracted = tensorOf(x).getDimSize(axis);
        x = build.reshape(x, {tensorOf(x).getNumElements() / contracted, contracted});
        rank = 2;
      } else if (axis != rank - 1) {
        x = build.transpose(x, exchanged(rank, rank - 1, rank - 2));
      }
      Shape split(tensorOf(x).getShape());
      split.back() /= kBlock;
      split.push_back(kBlock);
      x = build.transpose(build.reshape(x, split), exchanged(rank + 1, rank - 1, rank - 2)); // [.., blocks, rows, 32]
      bool weight = onHost(op->getOperand(number));
      FloatType to = weight ? selection.weights : selection.compute;
      if (wide.contains(op->getOperand(number)) && isByte(to)) {
        Value scale = scaleOf(build, op, number, build.f32(x), {rank}, selection, weight, to).first;
        x = build.make<MulOp>(build.f32(x), build.make<DivOp>(build.splat(1, scale), scale));
        if (number == 1)
          scale = build.transpose(scale, exchanged(rank + 1, rank, rank - 1)); // along the columns of the result
        scales = scales ? build.make<MulOp>(scales, scale) : scale;
      }
      factors[number] = build.cast(x, to);
    }
    Value out = build.make<MulOp>(build.matmul(factors[0], factors[1], build.b.getF32Type(), /*transposeY=*/true), scales);
    out = build.reshape(sumOfBlocks(build, out), type.getShape());
    if (op->getNumOperands() > 2)
      out = build.make<AddOp>(out, build.along(build.f32(op->getOperand(2)), type.getRank() - 1, type.getRank()));
    out = build.cast(out, wide.contains(result) ? selection.value : cast<FloatType>(type.getElementType()));
    if (wide.contains(result))
      wide.insert(out);
    result.replaceAllUsesWith(out);
    op->erase();
  }

  /// The sum over the third dimension from the end, one addition after the other: a reduction of products would be taken for a product itself.
  static Value sumOfBlocks(Build &build, Value x) {
    RankedTensorType type = tensorOf(x);
    int64_t axis = type.getRank() - 3;
    Shape starts(type.getRank(), 0), limits(type.getShape()), strides(type.getRank(), 1);
    Value sum;
    for (int64_t block = 0; block < type.getDimSize(axis); ++block) {
      starts[axis] = block, limits[axis] = block + 1;
      Value part = build.make<SliceOp>(x, build.b.getDenseI64ArrayAttr(starts), build.b.getDenseI64ArrayAttr(limits), build.b.getDenseI64ArrayAttr(strides));
      sum = sum ? build.make<AddOp>(sum, part) : part;
    }
    return sum;
  }

  /// The identity of `rank` dimensions with two exchanged.
  static Shape exchanged(int64_t rank, int64_t a, int64_t b) {
    Shape permutation;
    for (int64_t i = 0; i < rank; ++i)
      permutation.push_back(i == a ? b : i == b ? a : i);
    return permutation;
  }

  /// The scale of an operand of 8 bits (f32, 1 along `axes`), and whether it is known when the program is compiled.
  std::pair<Value, bool> scaleOf(Build &build, Operation *op, unsigned number, Value x, ArrayRef<int64_t> axes, const Selection &selection, bool weight,
                                 FloatType to) {
    auto given = table.scales.find(names.lookup(op).str());
    if (!weight && number == 0 && given != table.scales.end()) {
      double scale = selection.powersOfTwo ? std::exp2(std::ceil(std::log2(given->second))) : given->second;
      return {build.reshape(build.splat(scale, x), Shape(tensorOf(x).getRank(), 1)), true};
    }
    Value magnitude = build.make<AbsOp>(x);
    for (int64_t axis : llvm::reverse(axes)) // one at a time: the first result is small
      magnitude = build.max(magnitude, {axis});
    Value least = build.splat(1e-30, x); // a row of zeros keeps a scale that can be divided by
    Value scale = build.make<MulOp>(build.make<MaxOp>(magnitude, least), build.splat(1 / largest(to), x));
    if (selection.powersOfTwo) { // 2^ceil(log2 scale)
      Value power = build.make<NegOp>(build.make<FloorOp>(build.make<MulOp>(build.make<LogOp>(scale), build.splat(-1 / std::log(2.0), x))));
      scale = build.make<Exp2Op>(power);
    }
    return {scale, weight};
  }

  /// An operand of a product in its type. With a scale, 8-bit elements are x / scale, saturated: the largest magnitude becomes the type's largest number
  /// (the "max" rule; docs/Numerics.md, operators).
  Quantized quantize(Build &build, Operation *op, OpOperand &operand, const Selection &selection) {
    bool weight = onHost(operand.get());
    FloatType to = weight ? selection.weights : selection.compute;
    if (!isByte(to) || selection.scaling == "none" || isa<AttentionOp>(op))
      return {converted(build, operand.get(), to), {}};
    Value x = build.f32(operand.get());
    auto [scale, known] = scaleOf(build, op, operand.getOperandNumber(), x, reducedAxes(op, operand, selection.scaling), selection, weight, to);
    Value inverse = build.make<DivOp>(build.splat(1, x), scale);
    return {build.cast(build.make<MulOp>(x, inverse), to), scale, known};
  }

  /// The dimensions that share a scale: all of them, or for rows the contracted ones of an operand (of a convolution's input all but the batch).
  static SmallVector<int64_t> reducedAxes(Operation *op, OpOperand &operand, StringRef scaling) {
    int64_t rank = tensorOf(operand.get()).getRank();
    SmallVector<int64_t> all;
    for (int64_t axis = 0; axis < rank; ++axis)
      all.push_back(axis);
    if (scaling == "tensor" || rank == 0)
      return all;
    if (isa<Conv2dOp>(op))
      return {all.begin() + 1, all.end()}; // weight: by output channel; input: by sample
    return {contractedAxis(op, operand.getOperandNumber(), rank)};
  }
  static int64_t contractedAxis(Operation *op, unsigned number, int64_t rank) {
    auto matmul = dyn_cast<MatmulOp>(op);
    if (!matmul)
      return rank - 1; // of both operands of linear
    return number == 0 ? (matmul.getTransposeA() ? rank - 2 : rank - 1) : (matmul.getTransposeB() ? rank - 1 : rank - 2);
  }

  /// A scale of an operand's rank, for the result's dimensions.
  static Value alongResult(Build &build, Operation *op, unsigned number, Value scale) {
    int64_t count = tensorOf(scale).getNumElements(), rank = tensorOf(op->getResult(0)).getRank();
    if (count == 1)
      return build.reshape(scale, Shape());
    if (isa<Conv2dOp>(op))
      return build.along(scale, number, rank); // weight: channels, dimension 1; input: samples, dimension 0
    if (isa<LinearOp>(op))
      return number == 1 ? build.along(scale, rank - 1, rank) : scale;
    auto matmul = cast<MatmulOp>(op);
    // The contracted dimension is 1 in the scale: the last of the result's for a, the last but one for b.
    int64_t own = tensorOf(scale).getRank();
    if (!(number == 0 ? matmul.getTransposeA() : matmul.getTransposeB()) || own < 2)
      return scale;
    SmallVector<int64_t> permutation;
    for (int64_t i = 0; i < own; ++i)
      permutation.push_back(i);
    std::swap(permutation[own - 1], permutation[own - 2]);
    return build.transpose(scale, permutation);
  }

  /// The product in f32, times the scales, plus the bias, rounded once: what is known is one operand of the eviction from PSUM.
  void rescale(Operation *op, ArrayRef<Value> scales, FloatType value) {
    OpBuilder builder(op->getContext());
    builder.setInsertionPointAfter(op);
    Build build(builder, op->getLoc());
    Value result = op->getResult(0), bias = op->getNumOperands() > 2 ? op->getOperand(2) : Value();
    int64_t rank = tensorOf(result).getRank();
    if (bias)
      op->eraseOperand(2);
    result.setType(tensorOf(result).clone(FloatType(build.b.getF32Type())));
    Value out = build.make<MulOp>(result, scales.front());
    Operation *user = out.getDefiningOp();
    for (Value scale : scales.drop_front())
      out = build.make<MulOp>(out, scale);
    if (bias)
      out = build.make<AddOp>(out, build.along(build.f32(bias), isa<Conv2dOp>(op) ? 1 : rank - 1, rank));
    out = build.cast(out, value);
    wide.insert(out);
    result.replaceUsesWithIf(out, [&](OpOperand &use) { return use.getOwner() != user; });
  }

  /// What a product leaves for other products alone takes their type as it leaves PSUM: one rounding and one pass less. Moves in between take it along.
  void roundOnce(CastOp cast) {
    RankedTensorType to = tensorOf(cast.getResult());
    SmallVector<Value> chain;
    for (Value value = cast.getX(); value.hasOneUse() && wide.contains(value); value = value.getDefiningOp()->getOperand(0)) {
      Operation *op = value.getDefiningOp();
      if (!op)
        return;
      chain.push_back(value);
      if (contractedOperands(op) > 0)
        break;
      if (!isa<ReshapeOp, TransposeOp>(op))
        return;
    }
    if (chain.empty() || contractedOperands(chain.back().getDefiningOp()) == 0 || !isByte(to.getElementType()))
      return;
    for (Value value : chain)
      value.setType(tensorOf(value).clone(to.getElementType()));
    cast.getResult().replaceAllUsesWith(cast.getX());
    cast.erase();
  }

  /// A state of another type than the model's becomes a value as it is read.
  void widenState(StateReadOp read) {
    auto kept = stateTypes.find(read.getName().str());
    if (kept == stateTypes.end())
      return;
    OpBuilder builder(read->getContext());
    builder.setInsertionPointAfter(read);
    Build build(builder, read.getLoc());
    Value result = read.getResult();
    result.setType(tensorOf(result).clone(kept->second));
    Value widened = build.cast(result, selectionOf(read).value);
    if (widened == result)
      return;
    wide.insert(widened);
    result.replaceAllUsesExcept(widened, widened.getDefiningOp());
  }

  /// Results and states keep the types of the signature.
  void castBack(Build &build, Operation *op) {
    auto function = getOperation();
    for (OpOperand &operand : op->getOpOperands()) {
      if (!wide.contains(operand.get()))
        continue;
      bool returned = isa<func::ReturnOp>(op);
      auto expected = returned ? cast<RankedTensorType>(function.getResultTypes()[operand.getOperandNumber()]) : stateType(cast<StateWriteOp>(op));
      if (expected)
        operand.set(build.cast(operand.get(), expected.getElementType()));
    }
  }

  /// The type under which a state is kept; f32 for one that is only written and that no rule names.
  RankedTensorType stateType(StateWriteOp write) {
    auto kept = stateTypes.find(write.getName().str());
    RankedTensorType type = tensorOf(write.getValue()).clone(kept != stateTypes.end() ? kept->second : FloatType(Float32Type::get(&getContext())));
    getOperation().walk([&](StateReadOp read) {
      if (read.getName() == write.getName())
        type = tensorOf(read.getResult());
    });
    return type;
  }
};

} // namespace

std::unique_ptr<Pass> createSelectTypesPass(PrecisionTable table, std::set<DType> productTypes, std::string chip) {
  return std::make_unique<SelectTypesPass>(std::move(table), std::move(productTypes), std::move(chip));
}

} // namespace manaslu::graph
