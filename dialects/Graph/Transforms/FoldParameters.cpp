// fold-parameters: what depends on parameters and constants alone is computed at compile time and becomes a new parameter.
#include "dialects/Graph/EvaluateKernels.h"
#include "dialects/Graph/Transforms/Passes.h"

using namespace mlir;

namespace manaslu::graph {

#define GEN_PASS_DEF_FOLDPARAMETERS
#include "dialects/Graph/Transforms/Passes.h.inc"

namespace {

/// Results of up to this many elements become constants in the text; larger ones live in the store.
constexpr int64_t kConstantLimit = 16;

struct FoldParametersPass : impl::FoldParametersBase<FoldParametersPass> {
  using Base::Base;
  explicit FoldParametersPass(std::shared_ptr<ParameterStore> given) : store(std::move(given)) {}

  void runOnOperation() override {
    if (!store && failed(openWeights()))
      return signalPassFailure();
    bool damaged = false;
    Evaluator evaluator([&](ParameterOp op) { return load(op, damaged); });
    SmallVector<Operation *> operations;
    getOperation().walk([&](Operation *op) { operations.push_back(op); });
    for (Operation *op : operations)
      if (dependsOnParametersAlone(op))
        constant.insert(op);
    for (Operation *op : operations)
      if (constant.contains(op) && isBorder(op))
        fold(op, evaluator);
    if (damaged)
      return signalPassFailure();
    for (Operation *op : llvm::reverse(operations))
      if (isOpTriviallyDead(op))
        op->erase();
  }

private:
  std::shared_ptr<ParameterStore> store;
  llvm::DenseSet<Operation *> constant; ///< membership only, never iterated
  int count = 0;

  LogicalResult openWeights() {
    store = std::make_shared<ParameterStore>();
    if (weights.empty())
      return success();
    Status status = store->addFile(weights);
    if (status)
      return success();
    const Diagnostic &first = status.error().items().front();
    return getOperation().emitError(first.code + ": " + first.message + " (" + first.where + ")");
  }

  /// Float results only need this pass when a parameter is among the leaves or the result is a float; small integer graphs are fold-graph-constants' work.
  bool dependsOnParametersAlone(Operation *op) {
    if (op->getNumResults() != 1 || !isMemoryEffectFree(op) || op->getName().getDialectNamespace() != "graph")
      return false;
    if (op->getNumOperands() == 0)
      return isa<ParameterOp, ConstantOp, IotaOp>(op);
    return llvm::all_of(op->getOperands(), [&](Value operand) { return operand.getDefiningOp() && constant.contains(operand.getDefiningOp()); });
  }

  /// Computed, and used by something that is not: the values worth storing. Broadcasts are left to the chip, stored small; so are iotas.
  bool isBorder(Operation *op) {
    if (op->getNumOperands() == 0 || isa<BroadcastToOp>(op) || isMaskComparison(op))
      return false;
    return llvm::any_of(op->getUsers(), [&](Operation *user) { return !constant.contains(user) || isa<BroadcastToOp>(user) || isMaskComparison(user); });
  }
  bool isMaskComparison(Operation *op) {
    return isa<CompareOp>(op) && llvm::all_of(op->getOperands(), [](Value operand) { return operand.getDefiningOp<IotaOp>() != nullptr; });
  }

  /// The bytes of a parameter; reports one that the store lacks, when there is a store with weights at all.
  std::optional<Array> load(ParameterOp op, bool &damaged) {
    RankedTensorType type = tensorOf(op.getResult());
    const Parameter *parameter = store->find(op.getName());
    if (!parameter && store->all().empty())
      return std::nullopt;
    Type element = type.getElementType().isInteger(64) ? IntegerType::get(&getContext(), 32) : type.getElementType();
    if (!parameter || ArrayRef<int64_t>(parameter->shape) != type.getShape() || storageOf(element) != parameter->type) {
      std::string reason = store->reasonAgainst(op.getName());
      op.emitError("MN-IN-WEIGHTS-NAME: parameter '") << op.getName() << "' of type " << type
                                                      << (parameter ? " is stored under another shape or type" : " is not in the weights")
                                                      << (reason.empty() ? "" : ": ") << reason;
      damaged = true;
      return std::nullopt;
    }
    Array narrow{type.clone(element), parameter->data, nullptr};
    if (element == type.getElementType())
      return narrow;
    Array wide = Array::make(type);
    for (int64_t i = 0; i < type.getNumElements(); ++i)
      reinterpret_cast<int64_t *>(wide.bytes())[i] = loadI32(narrow.data, i);
    return wide;
  }

  void fold(Operation *op, Evaluator &evaluator) {
    RankedTensorType type = tensorOf(op->getResult(0));
    std::optional<Array> array = evaluator.value(op->getResult(0));
    if (!array || (!storageOf(type.getElementType()) && type.getNumElements() > kConstantLimit))
      return;
    OpBuilder builder(op);
    Value replacement;
    if (type.getNumElements() <= kConstantLimit) {
      replacement = ConstantOp::create(builder, op->getLoc(), toAttribute(*array));
    } else {
      std::string name = freshName(op);
      store->add(name, *storageOf(type.getElementType()), type.getShape().vec(), takeBytes(*array));
      replacement = ParameterOp::create(builder, op->getLoc(), type, builder.getStringAttr(name));
    }
    op->getResult(0).replaceAllUsesWith(replacement);
    constant.insert(replacement.getDefiningOp());
  }

  /// The array's bytes; moved where it owns them, since weights are large. `data` stays valid: the store keeps what was moved.
  static std::vector<std::byte> takeBytes(Array &array) {
    size_t size = array.type.getNumElements() * bytesOf(array.type.getElementType());
    if (array.owned && array.owned->size() == size && array.owned->data() == array.data)
      return std::move(*array.owned);
    return {array.data, array.data + size};
  }

  /// "folded.<n>.<first parameter under the operation>": the same for the same module.
  std::string freshName(Operation *op) {
    Operation *leaf = op;
    while (leaf->getNumOperands() > 0)
      leaf = leaf->getOperand(0).getDefiningOp();
    std::string base = isa<ParameterOp>(leaf) ? "." + cast<ParameterOp>(leaf).getName().str() : "";
    std::string name;
    do
      name = "folded." + std::to_string(count++) + base;
    while (store->find(name));
    return name;
  }
};

} // namespace

std::unique_ptr<Pass> createFoldParametersPass(std::shared_ptr<ParameterStore> store) { return std::make_unique<FoldParametersPass>(std::move(store)); }

} // namespace manaslu::graph
