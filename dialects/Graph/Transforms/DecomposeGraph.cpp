// decompose-graph: composite operators become simple operations.
#include <mlir/Transforms/GreedyPatternRewriteDriver.h>

#include "dialects/Graph/Graph.h"
#include "dialects/Graph/Transforms/Decompose.h"
#include "dialects/Graph/Transforms/Passes.h"

using namespace mlir;

namespace manaslu::graph {

#define GEN_PASS_DEF_DECOMPOSEGRAPH
#include "dialects/Graph/Transforms/Passes.h.inc"

namespace {

struct DecomposeGraphPass : impl::DecomposeGraphBase<DecomposeGraphPass> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    addNormalizationDecompositions(patterns);
    addContractionDecompositions(patterns);
    addAttentionDecomposition(patterns);
    for (StringRef name : {"graph.cast", "graph.reshape", "graph.transpose"})
      if (auto registered = RegisteredOperationName::lookup(name, &getContext()))
        registered->getCanonicalizationPatterns(patterns, &getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace

} // namespace manaslu::graph
