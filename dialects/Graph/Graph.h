// The graph dialect: whole-tensor operators with the framework's meaning. Includes every operation class.
#pragma once

#include <mlir/Bytecode/BytecodeOpInterface.h>
#include <mlir/IR/BuiltinAttributes.h>
#include <mlir/IR/BuiltinTypes.h>
#include <mlir/IR/Dialect.h>
#include <mlir/IR/OpDefinition.h>
#include <mlir/IR/OpImplementation.h>
#include <mlir/IR/PatternMatch.h>
#include <mlir/Interfaces/InferTypeOpInterface.h>
#include <mlir/Interfaces/SideEffectInterfaces.h>

#include "dialects/Graph/ShapeRules.h"

#include "dialects/Graph/GraphDialect.h.inc"

#define GET_OP_CLASSES
#include "dialects/Graph/GraphOps.h.inc"

namespace manaslu::graph {

/// Attributes of function arguments and results.
inline constexpr llvm::StringLiteral kNameAttribute = "graph.name";          ///< string: the name in the model's signature
inline constexpr llvm::StringLiteral kHostTypeAttribute = "graph.host_type"; ///< string: the framework's type ("int64") where the chip's differs
inline constexpr llvm::StringLiteral kRangeAttribute = "graph.range";        ///< array<i64: low, high>: the host rejects other values (MN-RUN-RANGE)

/// Of an arith.truncf to an 8-bit float: a cast whose overflow is `propagate`. Without it such a truncf saturates.
inline constexpr llvm::StringLiteral kPropagateAttribute = "graph.propagate";

/// The float types whose casts may saturate.
inline bool isFloat8(mlir::Type type) { return llvm::isa<mlir::FloatType>(type) && type.getIntOrFloatBitWidth() == 8; }

/// The tensor type of a value of this dialect.
inline mlir::RankedTensorType tensorOf(mlir::Value value) { return llvm::cast<mlir::RankedTensorType>(value.getType()); }

} // namespace manaslu::graph
