// Reading .mlir text that may come from a stranger.
#pragma once

#include <mlir/IR/BuiltinOps.h>
#include <mlir/IR/OwningOpRef.h>

#include "lib/Support/Error.h"

namespace manaslu::driver {

/// Reads, scans and parses a module. Unless `trusted`, a child process with limits on memory and time parses it first, so that text that breaks the parser gives a code.
/// Errors: MN-IO-001, MN-IN-MLIR-*.
Result<mlir::OwningOpRef<mlir::ModuleOp>> readModule(const std::string &path, mlir::MLIRContext &context, bool trusted);

} // namespace manaslu::driver
