// Following indices from gathers back to function arguments, in the graph dialect and in linalg.
#include "lib/Pipeline/IndexLimits.h"
#include "dialects/Graph/Graph.h"

#include <mlir/Dialect/Arith/IR/Arith.h>
#include <mlir/Dialect/Linalg/IR/Linalg.h>
#include <mlir/Dialect/Tensor/IR/Tensor.h>

using namespace mlir;

namespace manaslu::pipeline {

namespace {

class Tracer {
public:
  explicit Tracer(func::FuncOp function) : function_(function) {}

  std::map<std::string, int64_t> run() {
    function_.walk([&](graph::GatherOp gather) {
      auto table = cast<RankedTensorType>(gather.getTable().getType());
      int64_t axis = gather.getAxis() < 0 ? gather.getAxis() + table.getRank() : gather.getAxis();
      tensor(gather.getIndices(), table.getDimSize(axis));
    });
    function_.walk([&](tensor::ExtractOp extract) {
      for (auto [dimension, index] : llvm::enumerate(extract.getIndices()))
        scalar(index, cast<RankedTensorType>(extract.getTensor().getType()).getDimSize(dimension));
    });
    return std::move(limits_);
  }

private:
  /// A tensor whose elements index a table of `rows`.
  void tensor(Value value, int64_t rows) {
    if (auto argument = dyn_cast<BlockArgument>(value)) {
      if (argument.getOwner() != &function_.getBody().front())
        return;
      auto [entry, fresh] = limits_.try_emplace(inputName(function_, argument.getArgNumber()), rows);
      entry->second = std::min(entry->second, rows);
      return;
    }
    mlir::Operation *op = value.getDefiningOp();
    if (mlir::isa<graph::CastOp, graph::ReshapeOp, graph::TransposeOp, graph::SliceOp, graph::BroadcastToOp, graph::ConcatOp, tensor::CollapseShapeOp,
                  tensor::ExpandShapeOp, tensor::ExtractSliceOp, arith::TruncIOp, arith::ExtSIOp>(op)) {
      for (Value operand : op->getOperands())
        tensor(operand, rows);
    } else if (auto generic = dyn_cast<linalg::GenericOp>(op)) {
      scalar(generic.getBody()->getTerminator()->getOperand(cast<OpResult>(value).getResultNumber()), rows);
    }
  }

  /// A scalar inside a linalg body that indexes a table of `rows`.
  void scalar(Value value, int64_t rows) {
    while (mlir::Operation *op = value.getDefiningOp()) {
      if (!mlir::isa<arith::IndexCastOp, arith::IndexCastUIOp, arith::TruncIOp, arith::ExtSIOp, arith::ExtUIOp>(op))
        return;
      value = op->getOperand(0);
    }
    auto argument = cast<BlockArgument>(value);
    if (auto generic = dyn_cast<linalg::GenericOp>(argument.getOwner()->getParentOp()); generic && argument.getArgNumber() < generic.getNumDpsInputs())
      tensor(generic.getInputs()[argument.getArgNumber()], rows);
  }

  func::FuncOp function_;
  std::map<std::string, int64_t> limits_;
};

} // namespace

std::string inputName(func::FuncOp function, unsigned index) {
  auto name = function.getArgAttrOfType<StringAttr>(index, graph::kNameAttribute);
  return name ? name.str() : std::to_string(index);
}

std::map<std::string, std::pair<int64_t, int64_t>> valueRanges(func::FuncOp function) {
  std::map<std::string, std::pair<int64_t, int64_t>> ranges;
  for (unsigned i = 0; i < function.getNumArguments(); ++i)
    if (auto range = function.getArgAttrOfType<DenseI64ArrayAttr>(i, graph::kRangeAttribute); range && range.size() == 2)
      ranges[inputName(function, i)] = {range[0], range[1]};
  return ranges;
}

std::map<std::string, int64_t> indexLimits(func::FuncOp function) { return Tracer(function).run(); }

} // namespace manaslu::pipeline
