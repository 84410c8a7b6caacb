// What type selection did, for the report of a compilation.
#pragma once

#include <mlir/Dialect/Func/IR/FuncOps.h>
#include <nlohmann/json.hpp>

namespace manaslu::pipeline {

/// `products`: for each product by operator name, in program order, the types of its operands and of its result ("fp32", "bf16", ...); `lossy_casts`: how many
/// casts on the chip lose bits, by "from to to" ("fp32 to bf16").
nlohmann::ordered_json selectedTypes(mlir::func::FuncOp function);

} // namespace manaslu::pipeline
