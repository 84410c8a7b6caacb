// Passes that stay inside the graph dialect.
#pragma once

#include <memory>
#include <mlir/Dialect/Func/IR/FuncOps.h>
#include <mlir/IR/BuiltinOps.h>
#include <mlir/Pass/Pass.h>

#include "dialects/Graph/ParameterStore.h"

namespace manaslu::graph {

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "dialects/Graph/Transforms/Passes.h.inc"

/// fold-parameters on a store that the caller keeps: new parameters are added to it.
std::unique_ptr<mlir::Pass> createFoldParametersPass(std::shared_ptr<ParameterStore> store);

} // namespace manaslu::graph
