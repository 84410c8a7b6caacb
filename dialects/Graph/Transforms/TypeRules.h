// What a precision table says about the operators and states of one function.
#pragma once

#include <llvm/ADT/DenseMap.h>
#include <mlir/Dialect/Func/IR/FuncOps.h>

#include <map>
#include <optional>
#include <set>

#include "dialects/Graph/Precision.h"
#include "lib/Support/DType.h"

namespace manaslu::graph {

/// How many leading operands of a contraction the matrix engine reads; the others (bias, mask) have the type of values.
unsigned contractedOperands(mlir::Operation *op);

/// The contracted dimension of a linear layer's or matrix product's operand (0 or 1) of so many dimensions.
int64_t contractedAxis(mlir::Operation *op, unsigned number, int64_t rank);

/// Elements of a contracted dimension that share a scale of "block32".
inline constexpr int64_t kBlock = 32;

/// What a rule, or the default, says about one operator.
struct Selection {
  mlir::FloatType value;   ///< of its result and of what it reads beside a product's operands
  mlir::FloatType compute; ///< of a product's operands
  mlir::FloatType weights; ///< of an operand that depends on parameters alone
  llvm::StringRef scaling = "none";
  bool powersOfTwo = false; ///< scales are rounded up to powers of two
};

/// The first rule of a table that matches each operator and each state.
class TypeRules {
public:
  /// Matches a table whose default is a type of values. productTypes: of the chip's matrix engine, not checked without. Errors, all at once: MN-NUM-RULE for
  /// rules and scales that match nothing and for scales that a product cannot have, MN-NUM-CHIP for types that products of the chip lack.
  Error match(mlir::func::FuncOp function, PrecisionTable table, const std::optional<std::set<DType>> &productTypes, llvm::StringRef chip);

  const PrecisionTable &table() const { return table_; }
  Selection of(mlir::Operation *op) const;
  /// The type in which a state is kept; null when no rule names it.
  mlir::FloatType ofState(llvm::StringRef name) const;
  /// The scale that the table gives for a product's activation.
  std::optional<double> givenScale(mlir::Operation *op) const;

private:
  void matchStates(mlir::func::FuncOp function, std::vector<char> &used, Error &error);

  PrecisionTable table_;
  mlir::FloatType defaultType_;
  llvm::DenseMap<mlir::Operation *, std::string> names_;
  llvm::DenseMap<mlir::Operation *, const PrecisionRule *> rules_;
  std::map<std::string, mlir::FloatType, std::less<>> states_; ///< of the states that rules name
};

} // namespace manaslu::graph
