// What integer inputs may hold: the tables that they index, so that random inputs stay inside them, and the ranges that the arithmetic was proved for.
#pragma once

#include <cstdint>
#include <map>
#include <mlir/Dialect/Func/IR/FuncOps.h>
#include <string>

namespace manaslu::pipeline {

/// For every input of the function whose elements index a table (directly or through moves and casts): the rows of the smallest such table, by input name.
std::map<std::string, int64_t> indexLimits(mlir::func::FuncOp function);

/// The integers that `narrow-integers` assumes of inputs, by input name, where they are fewer than the type holds: the host must reject others.
std::map<std::string, std::pair<int64_t, int64_t>> valueRanges(mlir::func::FuncOp function);

/// The name of an input in the model's signature; its position where the module has none.
std::string inputName(mlir::func::FuncOp function, unsigned index);

} // namespace manaslu::pipeline
