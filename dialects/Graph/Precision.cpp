// Precision tables and operator names.
#include "dialects/Graph/Precision.h"

#include <cmath>
#include <llvm/ADT/StringMap.h>
#include <llvm/ADT/StringSwitch.h>
#include <llvm/ADT/TypeSwitch.h>
#include <mlir/IR/Builders.h>
#include <nlohmann/json.hpp>

using namespace mlir;

namespace manaslu::graph {

namespace {

constexpr llvm::StringLiteral kTypes[] = {"fp32", "tf32", "bf16", "fp16", "fp8_e4m3", "fp8_e5m2", "fp8_e3m4"};
constexpr llvm::StringLiteral kStateTypes[] = {"fp32", "bf16", "fp16", "fp8_e4m3", "fp8_e5m2", "fp8_e3m4"};
constexpr llvm::StringLiteral kScalings[] = {"none", "tensor", "row", "block32"};

std::string listed(llvm::ArrayRef<llvm::StringLiteral> names) {
  std::string text;
  for (llvm::StringRef name : names)
    text += (text.empty() ? "" : ", ") + name.str();
  return text;
}

class TableReader {
public:
  TableReader(std::string where) : where(std::move(where)) {}

  Result<PrecisionTable> read(const std::string &text) {
    nlohmann::json json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false, /*ignore_comments=*/true);
    if (!json.is_object())
      return Error("MN-NUM-TABLE", "is not a JSON object", where);
    known(json, "the table", {"schema", "default", "rules", "scales"});
    if (json.value("schema", nlohmann::json(1)) != 1)
      problem("\"schema\" is " + json["schema"].dump() + ", this release reads 1");
    if (json.contains("default"))
      table.defaultType = word(json["default"], "\"default\"", kTypes);
    if (json.contains("rules") && !json["rules"].is_array())
      problem("\"rules\" is not a list");
    else if (json.contains("rules"))
      for (size_t i = 0; i < json["rules"].size(); ++i)
        rule(json["rules"][i], "rule " + std::to_string(i + 1));
    if (json.contains("scales") && !json["scales"].is_object())
      problem("\"scales\" is not an object of names and numbers");
    else if (json.contains("scales"))
      for (auto &[name, value] : json["scales"].items())
        scale(name, value);
    if (!error.empty())
      return error;
    return table;
  }

private:
  std::string where;
  PrecisionTable table;
  Error error;

  void problem(const std::string &what) { error.add("MN-NUM-TABLE", what, where); }

  void known(const nlohmann::json &object, const std::string &what, llvm::ArrayRef<llvm::StringLiteral> keys) {
    for (auto &[key, value] : object.items())
      if (!llvm::is_contained(keys, llvm::StringRef(key)))
        problem(what + " has the unknown key \"" + key + "\"; there are " + listed(keys));
  }

  std::string word(const nlohmann::json &value, const std::string &what, llvm::ArrayRef<llvm::StringLiteral> words) {
    if (value.is_string() && llvm::is_contained(words, llvm::StringRef(value.get_ref<const std::string &>())))
      return value;
    problem(what + " is " + value.dump() + "; there are " + listed(words));
    return words.front().str();
  }

  void rule(const nlohmann::json &json, const std::string &what) {
    if (!json.is_object() || !json.contains("match") || !json["match"].is_string())
      return problem(what + " is not an object with a string \"match\"");
    known(json, what, {"match", "compute", "weights", "state", "scaling", "accumulate", "powers_of_two", "products_only"});
    PrecisionRule rule;
    rule.match = json["match"];
    if (json.contains("compute"))
      rule.compute = word(json["compute"], what + ", \"compute\"", kTypes);
    if (json.contains("weights"))
      rule.weights = word(json["weights"], what + ", \"weights\"", kTypes);
    if (json.contains("scaling"))
      rule.scaling = word(json["scaling"], what + ", \"scaling\"", kScalings);
    if (json.contains("state"))
      rule.state = word(json["state"], what + ", \"state\"", kStateTypes);
    if (json.contains("state") && (json.contains("compute") || json.contains("weights") || json.contains("scaling")))
      problem(what + " has \"state\" beside what operators take; a rule is for states or for operators");
    for (auto [key, value] : {std::pair("powers_of_two", &rule.powersOfTwo), {"products_only", &rule.productsOnly}})
      if (json.contains(key) && !json[key].is_boolean())
        problem(what + ", \"" + key + "\" is " + json[key].dump() + ", not true or false");
      else
        *value = json.value(key, false);
    if (json.contains("accumulate"))
      word(json["accumulate"], what + ", \"accumulate\"", {"fp32"});
    table.rules.push_back(rule);
  }

  void scale(const std::string &name, const nlohmann::json &value) {
    const nlohmann::json &number = value.is_array() && value.size() == 1 ? value[0] : value;
    if (!number.is_number() || !std::isfinite(number.get<double>()) || number.get<double>() <= 0)
      return problem("the scale of \"" + name + "\" is " + value.dump() + ", not one positive finite number");
    table.scales[name] = number;
  }
};

} // namespace

FloatType precisionType(llvm::StringRef name, MLIRContext *context) {
  Builder builder(context);
  return llvm::StringSwitch<FloatType>(name)
      .Case("fp32", builder.getF32Type())
      .Case("tf32", builder.getTF32Type())
      .Case("bf16", builder.getBF16Type())
      .Case("fp16", builder.getF16Type())
      .Case("fp8_e4m3", Float8E4M3FNType::get(context))
      .Case("fp8_e5m2", Float8E5M2Type::get(context))
      .Case("fp8_e3m4", Float8E3M4Type::get(context))
      .Default(FloatType());
}

std::string precisionName(Type type) {
  for (llvm::StringRef name : kTypes)
    if (precisionType(name, type.getContext()) == type)
      return name.str();
  return "";
}

Result<PrecisionTable> parsePrecisionTable(const std::string &text, const std::string &where) { return TableReader(where).read(text); }

std::string toJson(const PrecisionTable &table) {
  nlohmann::ordered_json json = {{"schema", 1}, {"default", table.defaultType}, {"rules", nlohmann::ordered_json::array()}};
  for (const PrecisionRule &rule : table.rules) {
    nlohmann::ordered_json entry = {{"match", rule.match}};
    for (auto &[key, value] : {std::pair("compute", &rule.compute), {"weights", &rule.weights}, {"state", &rule.state}, {"scaling", &rule.scaling}})
      if (!value->empty())
        entry[key] = *value;
    for (auto [key, value] : {std::pair("powers_of_two", rule.powersOfTwo), {"products_only", rule.productsOnly}})
      if (value)
        entry[key] = true;
    json["rules"].push_back(entry);
  }
  for (auto &[name, scale] : table.scales)
    json["scales"][name] = scale;
  return json.dump();
}

PrecisionTable autoCastTable(const std::string &mode, const std::string &type) {
  PrecisionTable table;
  if (mode == "none")
    return table;
  bool values = type == "bf16" || type == "fp16"; // tf32 takes as many bytes as fp32, fp8 is too coarse for sums of layers
  if (mode == "all")
    table.defaultType = values ? type : type == "tf32" ? "fp32" : "bf16";
  if (mode != "all" || !values)
    table.rules.push_back({"*", type, /*weights=*/"", /*state=*/"", "none", /*powersOfTwo=*/false, /*productsOnly=*/true});
  return table;
}

std::string modulePath(Location location) {
  return llvm::TypeSwitch<LocationAttr, std::string>(location)
      .Case([](NameLoc l) { return l.getName().str(); })
      .Case([](CallSiteLoc l) { return modulePath(l.getCallee()); })
      .Case([](FusedLoc l) {
        for (Location part : l.getLocations())
          if (std::string path = modulePath(part); !path.empty())
            return path;
        return std::string();
      })
      .Default([](LocationAttr) { return std::string(); });
}

std::vector<std::pair<Operation *, std::string>> operatorNames(func::FuncOp function) {
  std::vector<std::pair<Operation *, std::string>> out;
  llvm::StringMap<int> seen;
  function.walk([&](Operation *op) {
    if (op->getName().getDialectNamespace() != "graph" || op->getNumOperands() == 0)
      return;
    std::string path = modulePath(op->getLoc()), name = path + (path.empty() ? "" : ".") + op->getName().stripDialect().str();
    int number = seen[name]++;
    out.push_back({op, number ? name + "_" + std::to_string(number) : name});
  });
  return out;
}

bool globMatches(llvm::StringRef glob, llvm::StringRef text) {
  // The last star takes one character more whenever what follows it does not fit.
  size_t g = 0, t = 0, star = llvm::StringRef::npos, resume = 0;
  while (t < text.size()) {
    if (g < glob.size() && glob[g] == '*')
      star = g++, resume = t;
    else if (g < glob.size() && (glob[g] == '?' || glob[g] == text[t]))
      ++g, ++t;
    else if (star != llvm::StringRef::npos)
      g = star + 1, t = ++resume;
    else
      return false;
  }
  return glob.drop_front(g).find_first_not_of('*') == llvm::StringRef::npos;
}

} // namespace manaslu::graph
