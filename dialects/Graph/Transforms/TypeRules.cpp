// Rules of a precision table against the operators and states of a function.
#include "dialects/Graph/Transforms/TypeRules.h"

#include <llvm/ADT/SetVector.h>
#include <llvm/ADT/TypeSwitch.h>

#include "dialects/Graph/Evaluate.h"

using namespace mlir;

namespace manaslu::graph {

namespace {

/// The chip's type of a product's operand.
std::optional<DType> productType(Type type) { return type.isTF32() ? std::optional(DType::TF32) : storageOf(type); }

/// Blocks need a contracted dimension of whole blocks, and operands whose batch dimensions are equal.
std::string whyNotInBlocks(Operation *op) {
  if (isa<Conv2dOp>(op))
    return "a convolution has no scales for blocks";
  int64_t rank = tensorOf(op->getOperand(0)).getRank(), other = tensorOf(op->getOperand(1)).getRank();
  int64_t contracted = tensorOf(op->getOperand(0)).getDimSize(contractedAxis(op, 0, rank));
  if (contracted % kBlock)
    return "its contracted dimension has " + std::to_string(contracted) + " elements, which are not whole blocks of 32";
  auto batch = [&](unsigned number) { return tensorOf(op->getOperand(number)).getShape().drop_back(2); };
  if (isa<MatmulOp>(op) && (rank != other || rank < 2 || batch(0) != batch(1)))
    return "its operands are broadcast against each other";
  return "";
}

/// Name of what reads or writes a state, and its float tensor type; the type is null for other operations and other types.
std::pair<StringRef, RankedTensorType> stateOf(Operation *op) {
  auto read = dyn_cast<StateReadOp>(op);
  auto write = dyn_cast<StateWriteOp>(op);
  if (!read && !write)
    return {};
  RankedTensorType type = tensorOf(read ? read.getResult() : write.getValue());
  return {read ? read.getName() : write.getName(), isa<FloatType>(type.getElementType()) ? type : RankedTensorType()};
}

std::string listedStates(func::FuncOp function) {
  std::set<std::string> names;
  function.walk([&](Operation *op) { names.insert(stateOf(op).first.str()); });
  names.erase("");
  std::string text;
  for (const std::string &name : names)
    text += (text.empty() ? "; the states are \"" : ", \"") + name + "\"";
  return text.empty() ? "; the model has none" : text;
}

std::string nearest(StringRef glob, ArrayRef<std::pair<Operation *, std::string>> named) {
  std::string plain;
  for (char c : glob)
    if (c != '*')
      plain += c;
  unsigned least = UINT_MAX;
  std::string best;
  for (auto &[op, name] : named)
    for (const std::string &candidate : {name, modulePath(op->getLoc())})
      if (unsigned distance = StringRef(candidate).edit_distance(plain); distance < least)
        least = distance, best = candidate;
  return best.empty() ? "" : "; the nearest is \"" + best + "\"";
}

} // namespace

unsigned contractedOperands(Operation *op) {
  return llvm::TypeSwitch<Operation *, unsigned>(op)
      .Case<MatmulOp, LinearOp, Conv2dOp>([](auto) { return 2u; })
      .Case<AttentionOp>([](auto) { return 3u; })
      .Default([](Operation *) { return 0u; });
}

int64_t contractedAxis(Operation *op, unsigned number, int64_t rank) {
  auto matmul = dyn_cast<MatmulOp>(op);
  if (!matmul)
    return rank - 1; // of both operands of linear
  return number == 0 ? (matmul.getTransposeA() ? rank - 2 : rank - 1) : (matmul.getTransposeB() ? rank - 1 : rank - 2);
}

Error TypeRules::match(func::FuncOp function, PrecisionTable table, const std::optional<std::set<DType>> &productTypes, StringRef chip) {
  table_ = std::move(table);
  defaultType_ = precisionType(table_.defaultType, function.getContext());
  std::vector<std::pair<Operation *, std::string>> named = operatorNames(function);
  std::vector<char> used(table_.rules.size(), 0);
  Error error;
  std::map<std::string, std::pair<int, std::string>> lacking; // type to how many operators and the first
  for (auto &[op, name] : named) {
    names_[op] = name;
    for (size_t i = 0; i < table_.rules.size(); ++i) {
      if (!table_.rules[i].state.empty() || (table_.rules[i].productsOnly && contractedOperands(op) == 0))
        continue;
      if (!globMatches(table_.rules[i].match, name) && !globMatches(table_.rules[i].match, modulePath(op->getLoc())))
        continue;
      used[i] = true;
      rules_.insert({op, &table_.rules[i]});
      break;
    }
    if (const PrecisionRule *rule = rules_.lookup(op); rule && rule->scaling == "block32" && contractedOperands(op) && !isa<AttentionOp>(op))
      if (std::string why = whyNotInBlocks(op); !why.empty())
        error.add("MN-NUM-RULE", "rule " + std::to_string(rule - table_.rules.data() + 1) + " wants scales for blocks of " + name + ": " + why);
    if (contractedOperands(op) && productTypes) {
      Selection selection = of(op);
      llvm::SmallSetVector<Type, 2> asked;
      asked.insert(selection.compute);
      asked.insert(selection.weights);
      for (Type type : asked)
        if (std::optional<DType> own = productType(type); own && !productTypes->count(*own))
          if (auto &entry = lacking[precisionName(type)]; entry.first++ == 0)
            entry.second = name;
    }
  }
  matchStates(function, used, error);
  for (auto &[type, entry] : lacking)
    if (table_ != PrecisionTable()) // what the model itself asks for is the chip's own error
      error.add("MN-NUM-CHIP",
                chip.str() + " multiplies no " + type + "; " + std::to_string(entry.first) + " operators ask for it, the first is " + entry.second);
  for (size_t i = 0; i < used.size(); ++i)
    if (!used[i] && table_.rules[i].match != "*")
      error.add("MN-NUM-RULE", "rule " + std::to_string(i + 1) + " matches no " + (table_.rules[i].state.empty() ? "operator" : "state") + ": \"" +
                                   table_.rules[i].match + "\"" +
                                   (table_.rules[i].state.empty() ? nearest(table_.rules[i].match, named) : listedStates(function)));
  for (auto &[name, scale] : table_.scales)
    if (llvm::none_of(named, [&](auto &entry) { return entry.second == name && contractedOperands(entry.first); }))
      error.add("MN-NUM-RULE", "a scale is given for \"" + name + "\", which is no product" + nearest(name, named));
  return error;
}

/// The first rule that names each state counts.
void TypeRules::matchStates(func::FuncOp function, std::vector<char> &used, Error &error) {
  std::set<std::string> wrong;
  function.walk([&](Operation *op) {
    auto [name, type] = stateOf(op);
    for (size_t i = 0; i < table_.rules.size() && !name.empty(); ++i) {
      if (table_.rules[i].state.empty() || !globMatches(table_.rules[i].match, name))
        continue;
      used[i] = true;
      if (type && type.getElementType().isF32())
        states_.insert({name.str(), precisionType(table_.rules[i].state, function.getContext())});
      else if (wrong.insert(name.str()).second)
        error.add("MN-NUM-RULE",
                  "rule " + std::to_string(i + 1) + " names the state \"" + name.str() + "\", which is not fp32: its type stays that of the model");
      break;
    }
  });
}

Selection TypeRules::of(Operation *op) const {
  auto typeOr = [&](StringRef name, FloatType otherwise) { return name.empty() ? otherwise : precisionType(name, op->getContext()); };
  Selection out{defaultType_, {}, {}};
  const PrecisionRule *rule = rules_.lookup(op);
  out.compute = typeOr(rule ? StringRef(rule->compute) : StringRef(), out.value);
  out.weights = typeOr(rule ? StringRef(rule->weights) : StringRef(), out.compute);
  if (rule && !rule->scaling.empty())
    out.scaling = rule->scaling;
  out.powersOfTwo = rule && rule->powersOfTwo;
  // An operator without products computes, and leaves its result, in the type that its rule names.
  if (contractedOperands(op) == 0 && !isFloat8(out.compute) && !out.compute.isTF32())
    out.value = out.compute;
  return out;
}

FloatType TypeRules::ofState(StringRef name) const {
  auto kept = states_.find(name);
  return kept == states_.end() ? FloatType() : kept->second;
}

std::optional<double> TypeRules::givenScale(Operation *op) const {
  auto name = names_.find(op);
  auto scale = name == names_.end() ? table_.scales.end() : table_.scales.find(name->second);
  return scale == table_.scales.end() ? std::nullopt : std::optional(scale->second);
}

} // namespace manaslu::graph
