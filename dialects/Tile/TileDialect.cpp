// Registration of the tile dialect and the mapping between builtin and storage types.
#include "dialects/Tile/TileDialect.h"

#include <llvm/ADT/TypeSwitch.h>
#include <mlir/IR/Builders.h>
#include <mlir/IR/DialectImplementation.h>

using namespace mlir;

#include "dialects/Tile/TileDialect.cpp.inc"
#include "dialects/Tile/TileEnums.cpp.inc"
#include "dialects/Tile/TileInterfaces.cpp.inc"

#define GET_TYPEDEF_CLASSES
#include "dialects/Tile/TileTypes.cpp.inc"

namespace manaslu::tile {

void TileDialect::initialize() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "dialects/Tile/TileTypes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialects/Tile/TileOps.cpp.inc"
      >();
}

std::optional<DType> dtypeOf(Type type) {
  if (type.isF32())
    return DType::F32;
  if (type.isTF32())
    return DType::TF32;
  if (type.isBF16())
    return DType::BF16;
  if (type.isF16())
    return DType::F16;
  if (isa<Float8E4M3FNType>(type))
    return DType::F8E4M3;
  if (isa<Float8E5M2Type>(type))
    return DType::F8E5M2;
  if (isa<Float8E3M4Type>(type))
    return DType::F8E3M4;
  if (type.isInteger(1))
    return DType::Bool;
  if (type.isUnsignedInteger(8))
    return DType::U8;
  if (type.isInteger(8))
    return DType::I8;
  if (type.isInteger(16))
    return DType::I16;
  if (type.isInteger(32))
    return DType::I32;
  return std::nullopt;
}

Type typeOf(DType type, MLIRContext *context) {
  Builder builder(context);
  switch (type) {
  case DType::F32: return builder.getF32Type();
  case DType::TF32: return builder.getTF32Type();
  case DType::BF16: return builder.getBF16Type();
  case DType::F16: return builder.getF16Type();
  case DType::F8E4M3: return Float8E4M3FNType::get(context);
  case DType::F8E5M2: return Float8E5M2Type::get(context);
  case DType::F8E3M4: return Float8E3M4Type::get(context);
  case DType::I8: return builder.getIntegerType(8);
  case DType::U8: return builder.getIntegerType(8, /*isSigned=*/false);
  case DType::I16: return builder.getIntegerType(16);
  case DType::I32: return builder.getI32Type();
  case DType::Bool: return builder.getI1Type();
  }
  return {};
}

} // namespace manaslu::tile
