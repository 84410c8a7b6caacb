// f64 in foreign modules: intermediates become f32, everything that the host would see is refused.
#include "lib/Pipeline/ForeignLinalg.h"

#include <mlir/Dialect/Arith/IR/Arith.h>
#include <mlir/Dialect/Func/IR/FuncOps.h>
#include <mlir/IR/Builders.h>

using namespace mlir;

namespace manaslu::pipeline {

namespace {

bool isF64(Type type) { return getElementTypeOrSelf(type).isF64(); }

Type demoted(Type type) {
  Type f32 = Float32Type::get(type.getContext());
  if (auto shaped = dyn_cast<ShapedType>(type))
    return shaped.clone(f32);
  return f32;
}

class DemoteF64 : public PassWrapper<DemoteF64, OperationPass<func::FuncOp>> {
public:
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(DemoteF64)
  StringRef getArgument() const override { return "demote-f64"; }
  StringRef getDescription() const override { return "Compute f64 intermediates in f32"; }

  void runOnOperation() override {
    func::FuncOp function = getOperation();
    for (Type type : llvm::concat<const Type>(function.getArgumentTypes(), function.getResultTypes()))
      if (isF64(type)) {
        function.emitError("MN-NUM-F64: the model has an input or output of type ") << type << "; the chip has no f64: cast it to f32 in the model";
        return signalPassFailure();
      }
    llvm::SmallVector<mlir::Operation *> casts;
    bool good = true;
    function.walk([&](mlir::Operation *op) { good &= succeeded(demote(op)); });
    // Apart, because the arguments of a body get their types after its operations.
    function.walk([&](mlir::Operation *op) {
      if (mlir::isa<arith::ExtFOp, arith::TruncFOp>(op) && op->getOperand(0).getType() == op->getResult(0).getType())
        casts.push_back(op);
    });
    for (mlir::Operation *cast : casts) {
      cast->getResult(0).replaceAllUsesWith(cast->getOperand(0));
      cast->erase();
    }
    if (!good)
      signalPassFailure();
  }

private:
  static LogicalResult demote(mlir::Operation *op) {
    if (auto constant = dyn_cast<arith::ConstantOp>(op); constant && isF64(constant.getType())) {
      auto number = dyn_cast<FloatAttr>(constant.getValue());
      auto splat = dyn_cast<SplatElementsAttr>(constant.getValue());
      Builder builder(op->getContext());
      if (number)
        constant.setValueAttr(builder.getF32FloatAttr(static_cast<float>(number.getValueAsDouble())));
      else if (splat)
        constant.setValueAttr(
            DenseElementsAttr::get(cast<ShapedType>(demoted(constant.getType())), static_cast<float>(splat.getSplatValue<APFloat>().convertToDouble())));
      else
        return op->emitError("MN-NUM-F64: a constant of type ") << constant.getType() << "; the chip has no f64: store it as f32";
    }
    for (Value result : op->getResults())
      if (isF64(result.getType()))
        result.setType(demoted(result.getType()));
    for (Region &region : op->getRegions())
      for (Block &block : region)
        for (BlockArgument argument : block.getArguments())
          if (isF64(argument.getType()))
            argument.setType(demoted(argument.getType()));
    return success();
  }
};

} // namespace

std::unique_ptr<Pass> createDemoteF64() { return std::make_unique<DemoteF64>(); }

} // namespace manaslu::pipeline
