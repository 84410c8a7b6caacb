// Reads the scalar bodies of linalg operations; integers by the ranges that were proved for them.
#pragma once

#include "lib/Conversion/LinalgToTile/ExpressionTree.h"

#include <mlir/Dialect/Arith/IR/Arith.h>

namespace manaslu::tiling {

/// One body. Members that read give the index of a subtree, or nothing after they said in `problem` why not.
class ExpressionReader {
public:
  ExpressionReader(mlir::Block &body, const IntegerRanges &ranges, const IntegerSupport &support) : body(body), ranges(ranges), support(support) {}

  ExpressionTree tree;
  std::string problem; ///< an error with its code

  std::optional<int> read(mlir::Value value);

private:
  using Args = llvm::ArrayRef<int>;

  mlir::Block &body;
  const IntegerRanges &ranges;
  const IntegerSupport &support;
  llvm::DenseMap<mlir::Value, int> indices;

  std::optional<int> readFresh(mlir::Value value);
  std::optional<int> fail(std::string why) {
    problem = std::move(why);
    return std::nullopt;
  }
  std::optional<int> noMeaning(mlir::Operation *op, llvm::StringRef why = "");

  std::optional<int> readFloat(mlir::Operation *op, Args args);
  std::optional<int> compareFloats(mlir::arith::CmpFPredicate predicate, int a, int b);
  int isNan(int x) { return tree.binary("ne", x, x); }
  /// NaN only if both are: the number wins.
  int numericExtremum(llvm::StringRef name, int a, int b);
  /// Towards zero, as an integral fp32 number.
  int truncated(int x);
  /// To the nearest integral number, ties to even.
  int roundedToEven(int x);

  // Powers (ReadPower.cpp)
  /// x to the y as C's pow; the exact rules and the accuracy are in docs/Numerics.md.
  int power(int x, int y);
  int powerByConstant(int x, double exponent);
  /// x to the n by squaring, n >= 1.
  int repeatedProduct(int x, int64_t n);
  /// x below zero, or -0.
  int isNegative(int x);

  // Integers and bools (ReadIntegers.cpp)
  std::optional<int> readInteger(mlir::Operation *op, Args args);
  /// a - floor(a / b) * b in int32; nothing, and no problem, where `op` is not that.
  std::optional<int> readRemainder(mlir::Operation *op);
  std::optional<int> readBool(mlir::Operation *op, Args args);
  std::optional<int> readConversion(mlir::Operation *op, Args args);
  std::optional<int> compareIntegers(mlir::arith::CmpIOp op, Args args);
  std::optional<int> chooseInteger(mlir::arith::SelectOp op, Args args);
  /// add, sub or mul; int8 wraps around in its own width.
  std::optional<int> arithmetic(mlir::Operation *op, llvm::StringRef name, Args args);
  std::optional<int> division(mlir::Operation *op, Args args);
  std::optional<int> integerPower(mlir::Operation *op, Args args);
  /// x in two's complement of so many bits.
  std::optional<int> wrapped(mlir::Operation *op, int x, unsigned bits, bool isUnsigned, bool inFloat);
  /// An operation that only ge does; an error on a chip without it.
  std::optional<int> onGeneral(mlir::Operation *op, llvm::StringRef name, int a, int b);
  bool hasGeneral(mlir::Operation *op);
  struct Division {
    int quotient, remainder;
  };
  /// floor(a / b) and a - floor(a / b) * b in int32, any a and b but b = 0.
  Division floorDivision(int a, int b);
  bool exactInFloat(mlir::Value value) const { return ranges.of(value).within(kExactInFloat); }
};

} // namespace manaslu::tiling
