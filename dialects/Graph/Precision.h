// The precision table: which types operators compute in (interfaces.md, "Precision table"), and the names by which its rules know them.
#pragma once

#include <map>
#include <mlir/Dialect/Func/IR/FuncOps.h>
#include <string>
#include <vector>

#include "lib/Support/Error.h"

namespace manaslu::graph {

/// One rule; an empty member leaves what the default says.
struct PrecisionRule {
  std::string match;         ///< glob over an operator's name or its module's path; `*` stands for any characters, dots too, `?` for one
  std::string compute;       ///< type of the products' operands, or of an operator's result
  std::string weights;       ///< type in which weights are stored, if it is not `compute`
  std::string state;         ///< type in which the states (KV caches) are kept whose names match; such a rule is for states alone
  std::string scaling;       ///< of 8-bit operands: "none", "tensor", "row" or "block32"
  bool powersOfTwo = false;  ///< scales are rounded up to powers of two
  bool productsOnly = false; ///< not for operators without products, whatever their names

  bool operator==(const PrecisionRule &) const = default;
};

/// `defaultType` is the type of operators that no rule matches and of values between operators ("fp32" where that cannot be a type of values).
struct PrecisionTable {
  std::string defaultType = "fp32";
  std::vector<PrecisionRule> rules;
  std::map<std::string, double> scales; ///< by operator name: the static scale of its activation (first operand), x = scale * stored

  bool operator==(const PrecisionTable &) const = default;
};

/// "fp32" "tf32" "bf16" "fp16" "fp8_e4m3" "fp8_e5m2" "fp8_e3m4" to a type; null for another name.
mlir::FloatType precisionType(llvm::StringRef name, mlir::MLIRContext *context);
/// The name of a type; empty for others.
std::string precisionName(mlir::Type type);

/// Reads a table from JSON with // comments. MN-NUM-TABLE lists every problem: unknown keys, types and scalings, scales that are not positive finite numbers.
Result<PrecisionTable> parsePrecisionTable(const std::string &text, const std::string &where);

/// The table as JSON text that parsePrecisionTable reads back to the same.
std::string toJson(const PrecisionTable &table);

/// What `--auto-cast none|matmult|all` and `--auto-cast-type` say, as a table.
PrecisionTable autoCastTable(const std::string &mode, const std::string &type);

/// Name of an operator: its module's path, a dot, its kind; `_1`, `_2`, ... tell later ones of that name apart. Only operators of the graph dialect have one.
std::vector<std::pair<mlir::Operation *, std::string>> operatorNames(mlir::func::FuncOp function);

/// The path of the framework's module in a location; empty without one.
std::string modulePath(mlir::Location location);

/// Whether a glob matches a text as a whole.
bool globMatches(llvm::StringRef glob, llvm::StringRef text);

} // namespace manaslu::graph
