// A scalar expression under construction: equal subtrees share an index, composite functions (sigmoid, gelu, ...) are recognised as they appear.
#pragma once

#include "lib/Conversion/LinalgToTile/TensorProgram.h"

namespace manaslu::tiling {

/// Every member returns the index of a subtree in `ops`.
class ExpressionTree {
public:
  Expression ops;

  int input(int number);
  int constant(double value);
  int loopIndex(int dim);
  int unary(llvm::StringRef name, int x);
  int binary(llvm::StringRef name, int a, int b);
  int select(int condition, int a, int b);
  /// An operation in int32 modulo 2^32 (an IntOp name).
  int integer(llvm::StringRef name, int a, int b);
  /// A choice between int32 values.
  int integerSelect(int condition, int a, int b);
  bool isConstant(int i) const { return ops[i].kind == ScalarOp::Constant; }

private:
  int add(ScalarOp op);
  int make(ScalarOp::Kind kind, llvm::StringRef name, std::vector<int> args, bool integer = false);
  bool is(int i, llvm::StringRef name) const;
  /// coefficient * product of factors
  void product(int i, double &coefficient, std::vector<int> &factors) const;
  /// constant + sum of terms
  void sum(int i, double &constant, std::vector<int> &terms) const;
  /// i == 1 + term
  bool onePlus(int i, int &term) const;
  bool scaled(int i, double factor, int &x) const;
  /// Replaces a composite whose root is i; returns the new root.
  int recognize(int i);
  int recognizeProduct(int i);
  /// i == sqrt(2/pi) * (x + 0.044715 * x^3)
  bool isGeluPolynomial(int i, int x) const;
};

} // namespace manaslu::tiling
