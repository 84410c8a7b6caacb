// Which values of a graph are computed when the program is compiled.
#pragma once

#include "dialects/Graph/Graph.h"

#include <llvm/ADT/DenseSet.h>
#include <mlir/Interfaces/SideEffectInterfaces.h>

namespace manaslu::graph {

/// The results of operations that depend on parameters and constants alone.
class HostValues {
public:
  /// Whether the operation is one of them. Operations are asked for in program order; those that are left out go to the chip, and what depends on them.
  bool add(mlir::Operation *op) {
    bool source = llvm::isa<ParameterOp, ConstantOp, IotaOp>(op);
    bool host =
        source || (op->getNumOperands() > 0 && mlir::isMemoryEffectFree(op) && llvm::all_of(op->getOperands(), [&](mlir::Value x) { return contains(x); }));
    if (host)
      values_.insert(op->result_begin(), op->result_end());
    return host;
  }
  bool contains(mlir::Value value) const { return values_.contains(value); }

private:
  llvm::DenseSet<mlir::Value> values_; ///< membership only
};

} // namespace manaslu::graph
