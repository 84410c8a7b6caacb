// How manaslu-reduce makes modules of our dialects smaller.
#pragma once

#include <mlir/IR/DialectRegistry.h>

namespace manaslu::pipeline {

/// Gives the graph, tile and isa dialects their reduction patterns: graph operations give way to an operand of their type or to zeros, engine operations
/// and instructions go away.
void registerReductionPatterns(mlir::DialectRegistry &registry);

/// The pass `--reduce-operations=test=SCRIPT`: tries the reduction patterns operation by operation, whatever depends on it, and keeps a smaller module while
/// the script exits with 1 for it.
void registerReduceOperations();

} // namespace manaslu::pipeline
