// Products and casts of a graph after type selection.
#include "lib/Pipeline/SelectedTypes.h"

#include "dialects/Graph/Graph.h"
#include "dialects/Graph/Precision.h"

using namespace mlir;

namespace manaslu::pipeline {

namespace {

/// Every number of `from` is one of `to`.
bool holds(FloatType to, FloatType from) {
  const llvm::fltSemantics &a = to.getFloatSemantics(), &b = from.getFloatSemantics();
  return llvm::APFloat::semanticsPrecision(a) >= llvm::APFloat::semanticsPrecision(b) &&
         llvm::APFloat::semanticsMaxExponent(a) >= llvm::APFloat::semanticsMaxExponent(b) &&
         llvm::APFloat::semanticsMinExponent(a) <= llvm::APFloat::semanticsMinExponent(b);
}

/// Parameters and constants are cast when the program is compiled.
bool onHost(Value value) { return value.getDefiningOp() && isa<graph::ParameterOp, graph::ConstantOp>(value.getDefiningOp()); }

} // namespace

nlohmann::ordered_json selectedTypes(func::FuncOp function) {
  nlohmann::ordered_json products = nlohmann::ordered_json::object(), casts = nlohmann::ordered_json::object();
  for (auto &[op, name] : graph::operatorNames(function)) {
    auto typeOf = [](Value value) { return graph::precisionName(graph::tensorOf(value).getElementType()); };
    if (isa<graph::MatmulOp, graph::LinearOp, graph::Conv2dOp, graph::AttentionOp>(op)) {
      products[name] = {{"kind", op->getName().stripDialect().str()},
                        {"compute", typeOf(op->getOperand(0))},
                        {"weights", typeOf(op->getOperand(1))},
                        {"result", typeOf(op->getResult(0))}};
    } else if (auto cast = dyn_cast<graph::CastOp>(op)) {
      auto from = dyn_cast<FloatType>(graph::tensorOf(cast.getX()).getElementType()),
           to = dyn_cast<FloatType>(graph::tensorOf(cast.getResult()).getElementType());
      if (!from || !to || onHost(cast.getX()) || holds(to, from))
        continue;
      auto &count = casts[graph::precisionName(from) + " to " + graph::precisionName(to)];
      count = count.is_null() ? 1 : count.get<int>() + 1;
    }
  }
  return {{"products", products}, {"lossy_casts", casts}};
}

} // namespace manaslu::pipeline
