// How manaslu-reduce makes modules of our dialects smaller.
#pragma once

#include <mlir/IR/DialectRegistry.h>

namespace manaslu::pipeline {

/// Gives the graph, tile and isa dialects their reduction patterns: graph operations give way to an operand of their type or to zeros, engine operations
/// and instructions go away.
void registerReductionPatterns(mlir::DialectRegistry &registry);

} // namespace manaslu::pipeline
