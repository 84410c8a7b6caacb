// Decomposition and generalisation of named linalg operations.
#include "lib/Pipeline/GeneralizeLinalg.h"

#include <mlir/Dialect/Func/IR/FuncOps.h>
#include <mlir/Dialect/Linalg/IR/Linalg.h>
#include <mlir/Dialect/Linalg/Transforms/Transforms.h>

using namespace mlir;

namespace manaslu::pipeline {

namespace {

class GeneralizeLinalg : public PassWrapper<GeneralizeLinalg, OperationPass<func::FuncOp>> {
public:
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(GeneralizeLinalg)
  StringRef getArgument() const override { return "generalize-linalg"; }
  StringRef getDescription() const override { return "Turn named linalg operations except fills and transposes into linalg.generic"; }

  void runOnOperation() override {
    IRRewriter rewriter(&getContext());
    llvm::SmallVector<linalg::SoftmaxOp> softmaxes;
    getOperation().walk([&](linalg::SoftmaxOp op) { softmaxes.push_back(op); });
    for (linalg::SoftmaxOp op : softmaxes) {
      rewriter.setInsertionPoint(op);
      FailureOr<llvm::SmallVector<Value>> parts = op.decomposeOperation(rewriter);
      if (failed(parts))
        return signalPassFailure();
      rewriter.replaceOp(op, *parts);
    }
    llvm::SmallVector<linalg::LinalgOp> named;
    getOperation().walk([&](linalg::LinalgOp op) {
      if (!mlir::isa<linalg::GenericOp, linalg::FillOp, linalg::TransposeOp>(op))
        named.push_back(op);
    });
    for (linalg::LinalgOp op : named) {
      rewriter.setInsertionPoint(op);
      if (failed(linalg::generalizeNamedOp(rewriter, op)))
        return signalPassFailure();
    }
  }
};

} // namespace

std::unique_ptr<Pass> createGeneralizeLinalg() { return std::make_unique<GeneralizeLinalg>(); }

} // namespace manaslu::pipeline
