// Products and casts of a graph after type selection.
#include "lib/Pipeline/SelectedTypes.h"

#include "dialects/Graph/HostValues.h"
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

std::string nameOf(Type type) {
  std::string name = isa<FloatType>(type) ? graph::precisionName(type) : std::string();
  if (name.empty())
    llvm::raw_string_ostream(name) << type;
  return name;
}

void addBytes(nlohmann::ordered_json &bytes, RankedTensorType type) {
  int64_t each = (type.getElementTypeBitWidth() + 7) / 8;
  auto &sum = bytes[nameOf(type.getElementType())];
  sum = (sum.is_null() ? 0 : sum.get<int64_t>()) + type.getNumElements() * each;
}

/// Adds a cast that loses bits to those between the same types in the same modes.
void addCast(nlohmann::ordered_json &casts, graph::CastOp cast, const std::string &name) {
  nlohmann::ordered_json entry = {{"from", nameOf(graph::tensorOf(cast.getX()).getElementType())},
                                  {"to", nameOf(graph::tensorOf(cast.getResult()).getElementType())},
                                  {"rounding", cast.getRounding().str()},
                                  {"overflow", cast.getOverflow().str()}};
  auto same = [&](const nlohmann::ordered_json &other) {
    return llvm::all_of(entry.items(), [&](const auto &item) { return other.at(item.key()) == item.value(); });
  };
  auto known = std::find_if(casts.begin(), casts.end(), same);
  if (known == casts.end()) {
    entry["at"] = nlohmann::ordered_json::array();
    casts.push_back(entry);
    known = casts.end() - 1;
  }
  (*known)["at"].push_back(name);
}

} // namespace

nlohmann::ordered_json selectedTypes(func::FuncOp function) {
  nlohmann::ordered_json products = nlohmann::ordered_json::object(), casts = nlohmann::ordered_json::array(),
                         bytes = {{"constants", nlohmann::ordered_json::object()}, {"values", nlohmann::ordered_json::object()}};
  graph::HostValues host;
  function.walk([&](mlir::Operation *op) {
    if (op->getName().getDialectNamespace() != "graph" || host.add(op))
      return;
    for (Value operand : op->getOperands())
      if (host.contains(operand))
        addBytes(bytes["constants"], graph::tensorOf(operand));
    for (Value result : op->getResults())
      addBytes(bytes["values"], graph::tensorOf(result));
  });
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
      if (from && to && !host.contains(cast.getX()) && !holds(to, from))
        addCast(casts, cast, name);
    }
  }
  return {{"products", products}, {"lossy_casts", casts}, {"bytes", bytes}};
}

} // namespace manaslu::pipeline
