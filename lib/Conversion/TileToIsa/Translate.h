// One engine operation of the tile dialect as one instruction. The program's emission and the reference interpreter both use this translation, each with its
// own storage.
#pragma once

#include "dialects/Tile/TileDialect.h"
#include "lib/ISA/Instructions.h"
#include "lib/Support/Error.h"

#include <mlir/IR/Operation.h>

namespace manaslu::tile {

/// Says where the views of an operation lie. Called once per operand of the operation, with a result of `tile.view`.
struct OperandResolver {
  llvm::function_ref<isa::TileOperand(mlir::Value view)> tile;     ///< SBUF and PSUM views
  llvm::function_ref<isa::DeviceOperand(mlir::Value view)> device; ///< device views
};

/// The instruction of an engine operation, with an empty Sync. Errors: MN-INTERNAL for an operation or attribute that no instruction has.
Result<isa::Instruction> translate(mlir::Operation *operation, const OperandResolver &resolver);

/// The access pattern of an SBUF or PSUM view whose buffer starts at partition `partition`, byte `offset`; the part that depends on indices is left to the
/// caller (`reg`, or added to `offset`). Errors: MN-MEM-PATTERN when sizes or strides do not fit an instruction, MN-INTERNAL when the start partition is
/// not a multiple of the smallest of 32, 64, 128 that holds the partition count.
Result<isa::TileOperand> tileOperand(ViewOp view, int64_t partition, int64_t offset);

/// The access pattern of a device view in region `region`, `offset` bytes from its start; the part that depends on indices is left to the caller.
Result<isa::DeviceOperand> deviceOperand(ViewOp view, uint16_t region, int64_t offset);

/// Bytes that iteration `indices` adds to the view's offset: sum of coefficient * index * bytes of an element.
int64_t indexBytes(ViewOp view, llvm::ArrayRef<int64_t> indices);

/// The partitions that a start partition must be a multiple of: the smallest of 32, 64, 128 not below `count`.
constexpr int64_t partitionQuantum(int64_t count) { return count <= 32 ? 32 : count <= 64 ? 64 : 128; }

/// "what (file:line:column)" of an operation, for messages and the debug map.
std::string describe(mlir::Operation *operation);

} // namespace manaslu::tile
