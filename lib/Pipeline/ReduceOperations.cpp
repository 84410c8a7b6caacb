// Makes a module that shows a bug smaller, operation by operation, with the reduction patterns of the dialects.
//
// Upstream's `reduction-tree` erases ranges of operations without regard to their uses and crashes on what is left of a function (LLVM 22.1.8).
#include "lib/Pipeline/ReductionPatterns.h"

#include <mlir/IR/Iterators.h>
#include <mlir/IR/PatternMatch.h>
#include <mlir/IR/Verifier.h>
#include <mlir/Interfaces/SideEffectInterfaces.h>
#include <mlir/Pass/Pass.h>
#include <mlir/Reducer/ReductionPatternInterface.h>
#include <mlir/Reducer/Tester.h>

using namespace mlir;

namespace manaslu::pipeline {

namespace {

/// The operation at a place in the order of a walk.
mlir::Operation *operationAt(ModuleOp module, int64_t place) {
  mlir::Operation *found = nullptr;
  module.walk([&](mlir::Operation *op) {
    if (place-- > 0)
      return WalkResult::advance();
    found = op;
    return WalkResult::interrupt();
  });
  return found;
}

int64_t countOperations(ModuleOp module) {
  int64_t count = 0;
  module.walk([&](mlir::Operation *) { ++count; });
  return count;
}

void eraseDeadOperations(ModuleOp module) {
  IRRewriter rewriter(module.getContext());
  module.walk<WalkOrder::PostOrder, mlir::ReverseIterator>([&](mlir::Operation *op) {
    if (isOpTriviallyDead(op))
      rewriter.eraseOp(op);
  });
}

class ReduceOperations : public PassWrapper<ReduceOperations, OperationPass<ModuleOp>> {
public:
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ReduceOperations)
  ReduceOperations() = default;
  ReduceOperations(const ReduceOperations &other) : PassWrapper(other) {}
  StringRef getArgument() const override { return "reduce-operations"; }
  StringRef getDescription() const override { return "Apply reduction patterns one by one and keep what the test script still finds interesting"; }

  void runOnOperation() override {
    ModuleOp module = getOperation();
    Tester tester(test_, {});
    if (tester.isInteresting(module).first != Tester::Interestingness::True) {
      module.emitError("MN-USE-002: the test script does not find the bug in the module as it is (it has to exit with 1 when it does)");
      return signalPassFailure();
    }
    RewritePatternSet patterns(&getContext());
    for (Dialect *dialect : getContext().getLoadedDialects())
      if (auto *interface = dyn_cast<DialectReductionPatternInterface>(dialect))
        interface->populateReductionPatterns(patterns);
    while (sweep(module, tester, patterns)) {
    }
  }

private:
  /// From the last operation to the first, because a late one that goes takes along what only fed it. Whether anything went.
  bool sweep(ModuleOp module, const Tester &tester, RewritePatternSet &patterns) {
    bool smaller = false;
    for (int64_t place = countOperations(module) - 1; place >= 0; --place)
      for (auto &pattern : patterns.getNativePatterns())
        if (place < countOperations(module))
          smaller |= tryAt(module, place, *pattern, tester);
    return smaller;
  }

  bool tryAt(ModuleOp module, int64_t place, const RewritePattern &pattern, const Tester &tester) {
    OwningOpRef<ModuleOp> variant = module.clone();
    mlir::Operation *op = operationAt(*variant, place);
    PatternRewriter rewriter(op->getContext());
    rewriter.setInsertionPoint(op);
    // The module itself is not to be rewritten.
    if (op == variant->getOperation() || failed(pattern.matchAndRewrite(op, rewriter)))
      return false;
    eraseDeadOperations(*variant);
    ScopedDiagnosticHandler silent(&getContext(), [](Diagnostic &) { return success(); });
    if (failed(verify(*variant)) || tester.isInteresting(*variant).first != Tester::Interestingness::True)
      return false;
    module.getBodyRegion().takeBody(variant->getBodyRegion());
    return true;
  }

  Option<std::string> test_{*this, "test", llvm::cl::desc("The script: called with the name of an .mlir file, it exits with 1 when the bug is there")};
};

} // namespace

void registerReduceOperations() { PassRegistration<ReduceOperations>(); }

} // namespace manaslu::pipeline
