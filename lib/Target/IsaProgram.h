// A program of lib/ISA as a module of the isa dialect and back, so that the last stage can be read, edited and entered again like the others.
#pragma once

#include "lib/ISA/Program.h"

#include <mlir/IR/BuiltinOps.h>
#include <mlir/IR/OwningOpRef.h>

namespace manaslu::target {

/// The module: one isa.program with its regions and streams. The bytes of constants are not in it; each constant region names them by `weight`, its own name.
/// Debug entries become the locations of the operations.
mlir::OwningOpRef<mlir::ModuleOp> toModule(const isa::Program &program, mlir::MLIRContext *context);

/// The program of the module's isa.program, without the bytes of constants. Errors: MN-ISA-MODULE.
Result<isa::Program> fromModule(mlir::ModuleOp module);

} // namespace manaslu::target
