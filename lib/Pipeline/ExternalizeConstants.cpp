// Large constants of foreign modules become parameters; results that nobody reads go away.
#include "dialects/Tile/TileDialect.h"
#include "lib/Pipeline/ForeignLinalg.h"

#include <mlir/Dialect/Arith/IR/Arith.h>
#include <mlir/Dialect/Func/IR/FuncOps.h>
#include <mlir/Dialect/Linalg/IR/Linalg.h>
#include <mlir/Dialect/Linalg/Transforms/Transforms.h>
#include <mlir/Dialect/MLProgram/IR/MLProgram.h>
#include <mlir/IR/BuiltinOps.h>
#include <mlir/IR/DialectResourceBlobManager.h>
#include <mlir/Transforms/GreedyPatternRewriteDriver.h>

using namespace mlir;

namespace manaslu::pipeline {

namespace {

constexpr int64_t kSmallest = 4096; ///< elements of a constant that leaves the text

/// The raw little-endian bytes of a constant; nothing for splats and types that a store cannot hold.
std::optional<std::vector<std::byte>> bytesOf(ElementsAttr elements) {
  auto stored = tile::dtypeOf(elements.getElementType());
  if (!stored || *stored == DType::Bool || elements.isSplat())
    return std::nullopt;
  llvm::ArrayRef<char> raw;
  if (auto dense = dyn_cast<DenseElementsAttr>(elements)) {
    raw = dense.getRawData();
  } else if (auto resource = dyn_cast<DenseResourceElementsAttr>(elements)) {
    if (AsmResourceBlob *blob = resource.getRawHandle().getBlob())
      raw = blob->getData();
  }
  if (static_cast<int64_t>(raw.size()) != elements.getNumElements() * sizeOf(*stored))
    return std::nullopt;
  auto *begin = reinterpret_cast<const std::byte *>(raw.data());
  return std::vector<std::byte>(begin, begin + raw.size());
}

class ExternalizeConstants : public PassWrapper<ExternalizeConstants, OperationPass<ModuleOp>> {
public:
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ExternalizeConstants)
  explicit ExternalizeConstants(std::shared_ptr<ParameterStore> store) : store_(std::move(store)) {}
  StringRef getArgument() const override { return "externalize-constants"; }
  StringRef getDescription() const override { return "Turn large constants into parameters"; }
  void getDependentDialects(DialectRegistry &registry) const override { registry.insert<ml_program::MLProgramDialect>(); }

  void runOnOperation() override {
    llvm::SmallVector<arith::ConstantOp> constants;
    getOperation().walk([&](arith::ConstantOp op) {
      auto elements = dyn_cast<ElementsAttr>(op.getValue());
      if (elements && mlir::isa<RankedTensorType>(op.getType()) &&
          (elements.getNumElements() >= kSmallest || mlir::isa<DenseResourceElementsAttr>(op.getValue())))
        constants.push_back(op);
    });
    int number = 0;
    for (arith::ConstantOp op : constants)
      if (failed(externalize(op, number)))
        return signalPassFailure();
  }

private:
  LogicalResult externalize(arith::ConstantOp op, int &number) {
    auto elements = cast<ElementsAttr>(op.getValue());
    auto bytes = bytesOf(elements);
    if (!bytes)
      return mlir::isa<DenseResourceElementsAttr>(op.getValue())
                 ? op.emitError("MN-IN-MLIR-BLOB: the resource of this constant is missing, has another length than ")
                       << op.getType() << ", or has a type that the chip lacks"
                 : success();
    std::string name;
    do
      name = "constant." + std::to_string(number++);
    while (store_->find(name) || getOperation().lookupSymbol(name));
    store_->add(name, *tile::dtypeOf(elements.getElementType()), cast<ShapedType>(op.getType()).getShape().vec(), std::move(*bytes));
    OpBuilder builder(getOperation().getBody(), getOperation().getBody()->begin());
    auto global = ml_program::GlobalOp::create(builder, op.getLoc(), name, op.getType(), false, ml_program::ExternAttr::get(&getContext(), op.getType()),
                                               builder.getStringAttr("private"));
    builder.setInsertionPoint(op);
    op.getResult().replaceAllUsesWith(ml_program::GlobalLoadConstOp::create(builder, op.getLoc(), op.getType(), SymbolRefAttr::get(global.getSymNameAttr())));
    op.erase();
    return success();
  }

  std::shared_ptr<ParameterStore> store_;
};

class EraseDeadResults : public PassWrapper<EraseDeadResults, OperationPass<func::FuncOp>> {
public:
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(EraseDeadResults)
  StringRef getArgument() const override { return "erase-dead-results"; }
  StringRef getDescription() const override { return "Remove results of linalg operations that nobody reads"; }
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    linalg::populateEraseUnusedOperandsAndResultsPatterns(patterns);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace

std::unique_ptr<Pass> createExternalizeConstants(std::shared_ptr<ParameterStore> store) { return std::make_unique<ExternalizeConstants>(std::move(store)); }
std::unique_ptr<Pass> createEraseDeadResults() { return std::make_unique<EraseDeadResults>(); }

} // namespace manaslu::pipeline
