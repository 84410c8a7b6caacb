// Which integer inputs index which tables: so that random inputs stay inside them.
#pragma once

#include <cstdint>
#include <map>
#include <mlir/Dialect/Func/IR/FuncOps.h>
#include <string>

namespace manaslu::pipeline {

/// For every input of the function whose elements index a table (directly or through moves and casts): the rows of the smallest such table, by input name.
std::map<std::string, int64_t> indexLimits(mlir::func::FuncOp function);

/// The name of an input in the model's signature; its position where the module has none.
std::string inputName(mlir::func::FuncOp function, unsigned index);

} // namespace manaslu::pipeline
