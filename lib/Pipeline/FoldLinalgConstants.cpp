// Evaluates element-wise linalg operations on constants: the statistics of a batch norm, for example, and the assertions that torch-mlir puts beside them.
#include "lib/Pipeline/ForeignLinalg.h"

#include <cmath>
#include <llvm/ADT/DenseMap.h>
#include <mlir/Dialect/Arith/IR/Arith.h>
#include <mlir/Dialect/ControlFlow/IR/ControlFlowOps.h>
#include <mlir/Dialect/Func/IR/FuncOps.h>
#include <mlir/Dialect/Linalg/IR/Linalg.h>
#include <mlir/Dialect/Math/IR/Math.h>
#include <mlir/Dialect/Tensor/IR/Tensor.h>
#include <mlir/IR/DialectResourceBlobManager.h>
#include <mlir/IR/Matchers.h>

using namespace mlir;

namespace manaslu::pipeline {

namespace {

constexpr int64_t kLargest = 1 << 20; ///< elements of a constant that is evaluated

/// The f32 or bool elements of a constant, or nothing.
std::optional<std::vector<float>> elementsOf(Value value) {
  ElementsAttr attribute;
  if (!matchPattern(value, m_Constant(&attribute)) || attribute.getNumElements() > kLargest || !attribute.getElementType().isF32())
    return std::nullopt;
  std::vector<float> values;
  if (auto dense = dyn_cast<DenseElementsAttr>(attribute)) {
    auto range = dense.getValues<float>();
    values.assign(range.begin(), range.end());
    return values;
  }
  if (auto resource = dyn_cast<DenseF32ResourceElementsAttr>(attribute))
    if (std::optional<llvm::ArrayRef<float>> range = resource.tryGetAsArrayRef(); range && static_cast<int64_t>(range->size()) == attribute.getNumElements()) {
      values.assign(range->begin(), range->end());
      return values;
    }
  return std::nullopt;
}

/// One scalar operation of a body; arguments and result are slots.
struct ScalarStep {
  mlir::Operation *op;
  llvm::SmallVector<int, 3> arguments;
  int result;
};

/// The functions whose f32 result is exact or correctly rounded when double precision computes it: the same on every host.
bool supported(mlir::Operation *op) {
  return mlir::isa<arith::AddFOp, arith::SubFOp, arith::MulFOp, arith::DivFOp, arith::NegFOp, arith::MaximumFOp, arith::MinimumFOp, arith::CmpFOp,
                   arith::SelectOp, math::SqrtOp, math::RsqrtOp, cf::AssertOp>(op);
}

double apply(mlir::Operation *op, llvm::ArrayRef<double> x) {
  if (mlir::isa<arith::AddFOp>(op))
    return x[0] + x[1];
  if (mlir::isa<arith::SubFOp>(op))
    return x[0] - x[1];
  if (mlir::isa<arith::MulFOp>(op))
    return x[0] * x[1];
  if (mlir::isa<arith::DivFOp>(op))
    return x[0] / x[1];
  if (mlir::isa<arith::NegFOp>(op))
    return -x[0];
  if (mlir::isa<math::SqrtOp>(op))
    return std::sqrt(x[0]);
  if (mlir::isa<math::RsqrtOp>(op))
    return 1 / std::sqrt(x[0]);
  if (mlir::isa<arith::SelectOp>(op))
    return x[0] != 0 ? x[1] : x[2];
  if (mlir::isa<arith::MaximumFOp>(op))
    return std::isnan(x[0]) || std::isnan(x[1]) ? NAN : std::max(x[0], x[1]);
  if (mlir::isa<arith::MinimumFOp>(op))
    return std::isnan(x[0]) || std::isnan(x[1]) ? NAN : std::min(x[0], x[1]);
  auto compare = cast<arith::CmpFOp>(op);
  return arith::applyCmpPredicate(compare.getPredicate(), APFloat(x[0]), APFloat(x[1]));
}

/// The body of an operation as steps over slots.
class Body {
public:
  /// False when the body holds something that is not evaluated.
  bool read(linalg::GenericOp op) {
    Block &block = *op.getBody();
    for (BlockArgument argument : block.getArguments())
      slots_[argument] = static_cast<int>(initial.size()), initial.push_back(0);
    for (mlir::Operation &inner : block.without_terminator()) {
      ScalarStep step{&inner, {}, -1};
      for (Value operand : inner.getOperands()) {
        int slot = slotOf(operand);
        if (slot < 0)
          return false;
        step.arguments.push_back(slot);
      }
      if (!supported(&inner))
        return false;
      if (inner.getNumResults()) {
        step.result = static_cast<int>(initial.size());
        slots_[inner.getResult(0)] = step.result;
        initial.push_back(0);
      }
      steps.push_back(std::move(step));
    }
    yielded = slotOf(block.getTerminator()->getOperand(0));
    return yielded >= 0;
  }

  std::vector<double> initial;
  std::vector<ScalarStep> steps;
  int yielded = -1;

private:
  int slotOf(Value value) {
    if (auto known = slots_.find(value); known != slots_.end())
      return known->second;
    FloatAttr number;
    if (!matchPattern(value, m_Constant(&number)))
      return -1;
    initial.push_back(number.getValueAsDouble());
    return slots_[value] = static_cast<int>(initial.size()) - 1;
  }
  llvm::DenseMap<Value, int> slots_;
};

/// For every loop the elements that one iteration moves an operand by; nothing when the map is not a projection.
std::optional<llvm::SmallVector<int64_t>> stridesOf(AffineMap map, llvm::ArrayRef<int64_t> shape) {
  llvm::SmallVector<int64_t> strides(map.getNumDims(), 0);
  int64_t stride = 1;
  for (size_t i = shape.size(); i-- > 0; stride *= shape[i]) {
    if (auto dim = dyn_cast<AffineDimExpr>(map.getResult(i)))
      strides[dim.getPosition()] += stride;
    else if (auto constant = dyn_cast<AffineConstantExpr>(map.getResult(i)); !constant || constant.getValue() != 0)
      return std::nullopt;
  }
  return strides;
}

class FoldLinalgConstants : public PassWrapper<FoldLinalgConstants, OperationPass<func::FuncOp>> {
public:
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(FoldLinalgConstants)
  StringRef getArgument() const override { return "fold-linalg-constants"; }
  StringRef getDescription() const override { return "Evaluate element-wise linalg operations on constants and check their assertions"; }

  void runOnOperation() override {
    bool good = true;
    for (Block &block : getOperation().getBody())
      for (mlir::Operation &op : llvm::make_early_inc_range(block)) {
        if (auto generic = dyn_cast<linalg::GenericOp>(op))
          good &= succeeded(fold(generic));
        else if (mlir::isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(op))
          reshape(&op);
      }
    getOperation().walk([&](cf::AssertOp op) {
      op.emitError("MN-LOW-006: the assertion \"") << op.getMsg() << "\" cannot be proved when the model is compiled";
      good = false;
    });
    if (!good)
      signalPassFailure();
  }

private:
  static LogicalResult fold(linalg::GenericOp op) {
    auto type = op.getNumResults() == 1 ? dyn_cast<RankedTensorType>(op.getResult(0).getType()) : RankedTensorType();
    if (!type || !type.hasStaticShape() || !type.getElementType().isF32() || type.getNumElements() > kLargest || op.getNumParallelLoops() != op.getNumLoops())
      return success();
    Body body;
    std::vector<std::vector<float>> inputs;
    std::vector<llvm::SmallVector<int64_t>> strides;
    for (OpOperand *operand : op.getDpsInputOperands()) {
      auto values = elementsOf(operand->get());
      auto walk = values ? stridesOf(op.getMatchingIndexingMap(operand), cast<ShapedType>(operand->get().getType()).getShape()) : std::nullopt;
      if (!walk)
        return success();
      inputs.push_back(std::move(*values));
      strides.push_back(std::move(*walk));
    }
    auto out = stridesOf(op.getMatchingIndexingMap(op.getDpsInitOperand(0)), type.getShape());
    if (inputs.empty() || !out || !body.read(op))
      return success();
    std::vector<float> result(type.getNumElements());
    if (failed(evaluate(op, body, inputs, strides, *out, result)))
      return failure();
    OpBuilder builder(op);
    op.getResult(0).replaceAllUsesWith(arith::ConstantOp::create(builder, op.getLoc(), DenseElementsAttr::get(type, llvm::ArrayRef<float>(result))));
    op.erase();
    return success();
  }

  static LogicalResult evaluate(linalg::GenericOp op, const Body &body, const std::vector<std::vector<float>> &inputs,
                                const std::vector<llvm::SmallVector<int64_t>> &strides, llvm::ArrayRef<int64_t> out, std::vector<float> &result) {
    llvm::SmallVector<int64_t> sizes = op.getStaticLoopRanges(), index(sizes.size(), 0);
    std::vector<double> slots = body.initial;
    for (size_t point = 0; point < result.size(); ++point) {
      int64_t target = 0;
      for (size_t i = 0; i < index.size(); ++i)
        target += index[i] * out[i];
      for (size_t k = 0; k < inputs.size(); ++k) {
        int64_t at = 0;
        for (size_t i = 0; i < index.size(); ++i)
          at += index[i] * strides[k][i];
        slots[k] = inputs[k][at];
      }
      for (const ScalarStep &step : body.steps) {
        llvm::SmallVector<double, 3> arguments;
        for (int slot : step.arguments)
          arguments.push_back(slots[slot]);
        if (auto assertion = dyn_cast<cf::AssertOp>(step.op)) {
          if (arguments[0] == 0)
            return assertion.emitError("MN-LOW-006: the assertion \"") << assertion.getMsg() << "\" fails on the model's constants";
          continue;
        }
        double value = apply(step.op, arguments);
        // Every f32 operation rounds once.
        slots[step.result] = step.op->getResult(0).getType().isF32() ? static_cast<float>(value) : value;
      }
      result[target] = static_cast<float>(slots[body.yielded]);
      for (size_t i = index.size(); i-- > 0 && ++index[i] == sizes[i];)
        index[i] = 0;
    }
    return success();
  }

  /// A reshape of a constant is the constant in another shape.
  static void reshape(mlir::Operation *op) {
    auto type = cast<RankedTensorType>(op->getResult(0).getType());
    auto values = type.hasStaticShape() ? elementsOf(op->getOperand(0)) : std::nullopt;
    if (!values)
      return;
    OpBuilder builder(op);
    op->getResult(0).replaceAllUsesWith(arith::ConstantOp::create(builder, op->getLoc(), DenseElementsAttr::get(type, llvm::ArrayRef<float>(*values))));
    op->erase();
  }
};

} // namespace

std::unique_ptr<Pass> createFoldLinalgConstants() { return std::make_unique<FoldLinalgConstants>(); }

} // namespace manaslu::pipeline
