// Passes that stay inside the graph dialect.
#pragma once

#include <memory>
#include <mlir/Dialect/Func/IR/FuncOps.h>
#include <mlir/IR/BuiltinOps.h>
#include <mlir/Pass/Pass.h>

#include <set>

#include "dialects/Graph/ParameterStore.h"
#include "dialects/Graph/Precision.h"
#include "lib/Support/DType.h"

namespace manaslu::graph {

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "dialects/Graph/Transforms/Passes.h.inc"

/// select-types with a table, for a chip of that name whose matrix engine takes `productTypes`.
std::unique_ptr<mlir::Pass> createSelectTypesPass(PrecisionTable table, std::set<DType> productTypes, std::string chip);

/// fold-parameters on a store that the caller keeps: new parameters are added to it.
std::unique_ptr<mlir::Pass> createFoldParametersPass(std::shared_ptr<ParameterStore> store);

} // namespace manaslu::graph
