// Reading .mlir text that may come from a stranger.
#pragma once

#include <mlir/IR/BuiltinOps.h>
#include <mlir/IR/OwningOpRef.h>

#include "lib/Support/Error.h"

namespace manaslu::driver {

/// Reads, scans and parses a module; `shownName` stands for the file in locations. Unless `trusted`, a child process with limits on memory and time parses it
/// first, so that text that breaks the parser gives a code. Errors: MN-IO-001, MN-IN-MLIR-*.
Result<mlir::OwningOpRef<mlir::ModuleOp>> readModule(const std::string &path, const std::string &shownName, mlir::MLIRContext &context, bool trusted);

} // namespace manaslu::driver
