// Shapes and types of results: one function a rule, used by type inference, verifiers and the lowerings.
#pragma once

#include <mlir/IR/BuiltinTypes.h>
#include <mlir/IR/Value.h>
#include <mlir/IR/ValueRange.h>
#include <optional>

namespace manaslu::graph {

using Shape = llvm::SmallVector<int64_t>;
using MaybeLocation = std::optional<mlir::Location>; ///< where to report; nothing: fail silently

/// The integers of `array<i64: ...>` or `[...]`; empty for a null attribute.
llvm::SmallVector<int64_t> integersOf(mlir::Attribute attribute);

/// Unit and true are yes; null and false are no.
bool flagOf(mlir::Attribute attribute);

/// The value of a float, integer or bool attribute.
double numberOf(mlir::Attribute attribute);

/// [top, left, bottom, right] of a padding that may be written as [height, width].
llvm::SmallVector<int64_t, 4> fullPadding(llvm::ArrayRef<int64_t> padding);

/// NumPy's common shape, or nothing.
std::optional<Shape> broadcastShapes(llvm::ArrayRef<int64_t> a, llvm::ArrayRef<int64_t> b);

/// Elements of a window sequence: how often a kernel of `kernel` taps, `dilation` apart, fits into `size` padded by `padding` in sum.
/// With `ceil` the last window may begin inside the data (or the padding before it, `low`) and end outside.
int64_t windowCount(int64_t size, int64_t kernel, int64_t stride, int64_t low, int64_t padding, int64_t dilation, bool ceil);

/// Batch dimensions, rows and columns of a matrix product; nothing if the operands do not fit.
std::optional<Shape> matmulShape(llvm::ArrayRef<int64_t> a, llvm::ArrayRef<int64_t> b, bool transposeA, bool transposeB);

/// `axis` counted from the front; nothing if it is out of range.
std::optional<int64_t> normalizeAxis(int64_t axis, int64_t rank);

// Type inference: the result type, or failure after a message at `location`.
llvm::FailureOr<mlir::Type> inferSame(MaybeLocation location, mlir::Value x);
llvm::FailureOr<mlir::Type> inferBroadcast(MaybeLocation location, mlir::ValueRange operands);
llvm::FailureOr<mlir::Type> inferCompare(MaybeLocation location, mlir::ValueRange operands);
llvm::FailureOr<mlir::Type> inferSelect(MaybeLocation location, mlir::ValueRange operands);
llvm::FailureOr<mlir::Type> inferReduction(MaybeLocation location, mlir::Value x, llvm::ArrayRef<int64_t> axes, bool keepdims);
llvm::FailureOr<mlir::Type> inferGather(MaybeLocation location, mlir::Value table, mlir::Value indices, int64_t axis);
llvm::FailureOr<mlir::Type> inferTranspose(MaybeLocation location, mlir::Value x, llvm::ArrayRef<int64_t> permutation);
llvm::FailureOr<mlir::Type> inferSlice(MaybeLocation location, mlir::Value x, llvm::ArrayRef<int64_t> starts, llvm::ArrayRef<int64_t> limits,
                                       llvm::ArrayRef<int64_t> strides);
llvm::FailureOr<mlir::Type> inferConcat(MaybeLocation location, mlir::ValueRange inputs, int64_t axis);
llvm::FailureOr<mlir::Type> inferPad(MaybeLocation location, mlir::Value x, llvm::ArrayRef<int64_t> low, llvm::ArrayRef<int64_t> high);

} // namespace manaslu::graph
