// Runs a tile program operation by operation, every buffer in storage of its own: what the binary must equal bit for bit (docs/Architecture.md).
#pragma once

#include <cstddef>
#include <map>
#include <mlir/Dialect/Func/IR/FuncOps.h>
#include <span>
#include <string>

#include "lib/Support/Error.h"

namespace manaslu::interpreter {

/// Bytes of device regions by name. Inputs and constants are only read, outputs and states written; scratch regions need not be given.
using Regions = std::map<std::string, std::span<std::byte>, std::less<>>;

/// Runs the function once, in program order, without addresses, streams or time. A buffer's bytes are 0xff until written, anew at every execution of its
/// allocation. Errors: MN-INTERNAL when the program is not a tile program, a region is missing or of another size, or a view leaves its buffer; MN-RUN-INDEX as
/// on the chip; MN-USE-KERNELS and MN-RUN-KERNELS as for a machine.
Status interpret(mlir::func::FuncOp function, const Regions &regions);

} // namespace manaslu::interpreter
