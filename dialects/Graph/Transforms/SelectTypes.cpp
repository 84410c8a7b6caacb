// select-types: the float type that every operator computes in, by a precision table.
#include <cmath>
#include <llvm/Support/MemoryBuffer.h>
#include <mlir/IR/Matchers.h>

#include "dialects/Graph/Evaluate.h"
#include "dialects/Graph/HostValues.h"
#include "dialects/Graph/Transforms/Build.h"
#include "dialects/Graph/Transforms/Passes.h"
#include "dialects/Graph/Transforms/TypeRules.h"

using namespace mlir;

namespace manaslu::graph {

#define GEN_PASS_DEF_SELECTTYPES
#include "dialects/Graph/Transforms/Passes.h.inc"

namespace {

bool isWide(Value value) { return isa<RankedTensorType>(value.getType()) && tensorOf(value).getElementType().isF32(); }

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
    std::optional<PrecisionTable> table = readTable();
    if (!table)
      return signalPassFailure();
    func::FuncOp function = getOperation();
    if (Error error = rules.match(function, std::move(*table), productTypes, chip); !error.empty()) {
      report(error);
      return signalPassFailure();
    }
    if (rules.table() == PrecisionTable())
      return;
    SmallVector<Operation *> operations;
    function.walk([&](Operation *op) { operations.push_back(op); });
    for (Operation *op : operations) {
      if (contractedOperands(op) == 0)
        host.add(op);
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
  TypeRules rules;
  /// Folded before the chip sees it: it stays in f32 (rotary angles would suffer) and is rounded once, at its border. Products go to the chip.
  HostValues host;
  llvm::DenseSet<Value> wide; ///< f32 before this pass, and what stands for such a value; membership only

  void report(const Error &error) {
    for (const manaslu::Diagnostic &item : error.items())
      getOperation().emitError(item.code + ": " + (item.where.empty() ? "" : item.where + ": ") + item.message);
  }

  /// The table that the pass was given, reads from a file or makes of its flags; nothing after an error.
  std::optional<PrecisionTable> readTable() {
    PrecisionTable table;
    auto refuse = [&](const std::string &code, const std::string &message) {
      report(Error(code, message));
      return std::nullopt;
    };
    if (given) {
      table = *given;
    } else if (!precision.empty()) {
      auto buffer = llvm::MemoryBuffer::getFile(precision);
      if (!buffer)
        return refuse("MN-IO-001", precision + ": " + buffer.getError().message());
      Result<PrecisionTable> read = parsePrecisionTable((*buffer)->getBuffer().str(), precision);
      if (!read) {
        report(read.error());
        return std::nullopt;
      }
      table = *read;
    } else {
      if (mode != "none" && mode != "matmult" && mode != "all")
        return refuse("MN-NUM-TYPE", "the mode is none, matmult or all, not " + mode);
      if (!precisionType(type, &getContext()) || type == "fp32")
        return refuse("MN-NUM-TYPE", "the type is bf16, fp16, tf32 or fp8_e4m3, not " + type);
      table = autoCastTable(mode, type);
    }
    FloatType defaultType = precisionType(table.defaultType, &getContext());
    if (!defaultType || isFloat8(defaultType) || defaultType.isTF32())
      return refuse("MN-NUM-TYPE", "values between operators are fp32, bf16 or fp16, not " + table.defaultType);
    return table;
  }

  Value converted(Build &build, Value value, FloatType to) {
    DenseElementsAttr elements;
    if (tensorOf(value).getElementType() != to && matchPattern(value, m_Constant(&elements)) && to.getIntOrFloatBitWidth() == 16)
      return ConstantOp::create(build.b, value.getLoc(), narrowed(elements, to));
    return build.cast(value, to);
  }

  void select(Operation *op) {
    if (op->getNumResults() == 1 && host.contains(op->getResult(0)))
      return;
    OpBuilder builder(op);
    Build build(builder, op->getLoc());
    if (auto read = dyn_cast<StateReadOp>(op))
      return widenState(read);
    if (isa<func::ReturnOp, StateWriteOp>(op))
      return castBack(build, op);
    if (auto cast = dyn_cast<CastOp>(op)) {
      if (wide.contains(cast.getResult()))
        cast.getResult().setType(tensorOf(cast.getResult()).clone(rules.of(op).value));
      return;
    }
    if (op->getName().getDialectNamespace() != "graph")
      return;
    Selection selection = rules.of(op);
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
             return wide.contains(x) && isFloat8(host.contains(x) ? selection.weights : selection.compute);
           });
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
        x = build.exchange(x, rank - 1, rank - 2);
      }
      Shape split(tensorOf(x).getShape());
      split.back() /= kBlock;
      split.push_back(kBlock);
      x = build.exchange(build.reshape(x, split), rank - 1, rank - 2); // [.., blocks, rows, 32]
      bool weight = host.contains(op->getOperand(number));
      FloatType to = weight ? selection.weights : selection.compute;
      if (wide.contains(op->getOperand(number)) && isFloat8(to)) {
        Value scale = scaleOf(build, op, number, build.f32(x), {rank}, selection, weight, to).first;
        x = build.make<MulOp>(build.f32(x), build.make<DivOp>(build.splat(1, scale), scale));
        if (number == 1)
          scale = build.exchange(scale, rank, rank - 1); // along the columns of the result
        scales = scales ? build.make<MulOp>(scales, scale) : scale;
      }
      factors[number] = build.cast(x, to);
    }
    Value out = build.make<MulOp>(build.matmul(factors[0], factors[1], build.b.getF32Type(), /*transposeY=*/true), scales);
    // A reduction of products would be taken for a product itself.
    out = build.reshape(build.addSlices(out, tensorOf(out).getRank() - 3), type.getShape());
    if (op->getNumOperands() > 2)
      out = build.make<AddOp>(out, build.along(build.f32(op->getOperand(2)), type.getRank() - 1, type.getRank()));
    out = build.cast(out, wide.contains(result) ? selection.value : cast<FloatType>(type.getElementType()));
    if (wide.contains(result))
      wide.insert(out);
    result.replaceAllUsesWith(out);
    wide.erase(result); // another value may get its address
    op->erase();
  }

  /// The scale of an operand of 8 bits (f32, 1 along `axes`), and whether it is known when the program is compiled.
  std::pair<Value, bool> scaleOf(Build &build, Operation *op, unsigned number, Value x, ArrayRef<int64_t> axes, const Selection &selection, bool weight,
                                 FloatType to) {
    if (std::optional<double> given = rules.givenScale(op); given && !weight && number == 0) {
      double scale = selection.powersOfTwo ? std::exp2(std::ceil(std::log2(*given))) : *given;
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
    bool weight = host.contains(operand.get());
    FloatType to = weight ? selection.weights : selection.compute;
    if (!isFloat8(to) || selection.scaling == "none" || isa<AttentionOp>(op))
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
    return build.exchange(scale, own - 1, own - 2);
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
    if (chain.empty() || contractedOperands(chain.back().getDefiningOp()) == 0 || !isFloat8(to.getElementType()))
      return;
    for (Value value : chain)
      value.setType(tensorOf(value).clone(to.getElementType()));
    cast.getResult().replaceAllUsesWith(cast.getX());
    cast.erase();
  }

  /// A state of another type than the model's becomes a value as it is read.
  void widenState(StateReadOp read) {
    FloatType kept = rules.ofState(read.getName());
    if (!kept)
      return;
    OpBuilder builder(read->getContext());
    builder.setInsertionPointAfter(read);
    Build build(builder, read.getLoc());
    Value result = read.getResult();
    result.setType(tensorOf(result).clone(kept));
    Value widened = build.cast(result, rules.of(read).value);
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
    FloatType kept = rules.ofState(write.getName());
    RankedTensorType type = tensorOf(write.getValue()).clone(kept ? kept : FloatType(Float32Type::get(&getContext())));
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
