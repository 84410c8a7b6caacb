// The isa dialect: one operation per instruction, with the operand structs of lib/ISA as attributes.
#pragma once

#include "lib/ISA/Instructions.h"

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"

namespace manaslu::isa {

/// Hashes for attribute storage, over the encoded values.
llvm::hash_code hash_value(const Sync &sync);
llvm::hash_code hash_value(const TileOperand &operand);
llvm::hash_code hash_value(const DeviceOperand &operand);
llvm::hash_code hash_value(const Narrowing &narrowing);

} // namespace manaslu::isa

#include "dialects/Isa/IsaEnumParsers.h.inc"

#include "dialects/Isa/IsaDialect.h.inc"

#define GET_ATTRDEF_CLASSES
#include "dialects/Isa/IsaAttributes.h.inc"

#define GET_OP_CLASSES
#include "dialects/Isa/IsaOps.h.inc"

namespace manaslu::isa {

/// The instruction that an operation of the dialect stands for, or nothing for isa.program, isa.region, isa.stream and foreign operations.
std::optional<Instruction> toStruct(mlir::Operation *operation);

/// The operation for an instruction, inserted at the builder's place.
mlir::Operation *build(mlir::OpBuilder &builder, mlir::Location location, const Instruction &instruction);

} // namespace manaslu::isa
