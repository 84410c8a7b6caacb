// The tile dialect: buffers with a place, access patterns, and one operation per engine instruction.
#pragma once

#include <mlir/Bytecode/BytecodeOpInterface.h>
#include <mlir/IR/BuiltinTypes.h>
#include <mlir/IR/Dialect.h>
#include <mlir/IR/OpDefinition.h>
#include <mlir/IR/OpImplementation.h>
#include <mlir/Interfaces/SideEffectInterfaces.h>
#include <optional>

#include "lib/Support/DType.h"

#include "dialects/Tile/TileDialect.h.inc"
#include "dialects/Tile/TileEnums.h.inc"
#include "dialects/Tile/TileInterfaces.h.inc"

#define GET_TYPEDEF_CLASSES
#include "dialects/Tile/TileTypes.h.inc"

#define GET_OP_CLASSES
#include "dialects/Tile/TileOps.h.inc"

namespace manaslu::tile {

/// The chip's storage type of a builtin element type (i1 is bool, signless integers are signed); nothing for types the chip lacks.
std::optional<DType> dtypeOf(mlir::Type type);

/// The builtin type of a storage type.
mlir::Type typeOf(DType type, mlir::MLIRContext *context);

/// Bytes of one element.
inline int64_t elementBytes(mlir::Type type) { return sizeOf(*dtypeOf(type)); }

} // namespace manaslu::tile
