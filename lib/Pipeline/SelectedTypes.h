// What type selection did, for the report of a compilation.
#pragma once

#include <mlir/Dialect/Func/IR/FuncOps.h>
#include <nlohmann/json.hpp>

namespace manaslu::pipeline {

/// `products`: for each product by operator name, in program order, the types of its operands and of its result ("fp32", "bf16", ...). `lossy_casts`: the casts
/// on the chip that lose bits, `at` their names, by types, rounding and overflow. `bytes` by type: of `constants` as operators read them, a weight of several
/// readers once for each, and of `values`, the results of all operators, whether the program stores them or not.
nlohmann::ordered_json selectedTypes(mlir::func::FuncOp function);

} // namespace manaslu::pipeline
