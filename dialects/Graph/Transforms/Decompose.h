// The rules of decompose-graph, by family.
#pragma once

#include <mlir/IR/PatternMatch.h>

namespace manaslu::graph {

/// layer_norm, rms_norm, batch_norm, group_norm, softmax, log_softmax, reduce_mean, avg_pool2d, cumsum.
void addNormalizationDecompositions(mlir::RewritePatternSet &patterns);

/// linear, and the bias of conv2d.
void addContractionDecompositions(mlir::RewritePatternSet &patterns);

/// attention.
void addAttentionDecomposition(mlir::RewritePatternSet &patterns);

} // namespace manaslu::graph
