// Writing chip files, and the reference of their keys.
#include "lib/Chip/Describe.h"

#include <nlohmann/json.hpp>

namespace manaslu {

namespace {

using Json = nlohmann::ordered_json;

class Writer {
public:
  explicit Writer(Json &object) : object_(object) {}

  void text(std::string_view key, const std::string &value, const char *) { at(key) = value; }
  void texts(std::string_view key, const std::vector<std::string> &values, const char *) { at(key) = values; }
  void boolean(std::string_view key, bool value, const char *) { at(key) = value; }
  void integer(std::string_view key, int64_t value, int64_t, int64_t, const char *) { at(key) = value; }

  template <class F> void object(std::string_view key, const char *, F &&fill) {
    Json inner = Json::object();
    Writer writer(inner);
    fill(writer);
    at(key) = std::move(inner);
  }
  template <class T, class F> void optionalObject(std::string_view key, const std::optional<T> &value, const char *meaning, F &&fill) {
    if (value)
      object(key, meaning, [&](Writer &inner) { fill(inner, *value); });
    else
      at(key) = nullptr;
  }

  void energy(std::string_view key, const EnergyRange &range, const char *) { at(key) = {{"value", range.value}, {"low", range.low}, {"high", range.high}}; }
  void cost(std::string_view key, const OperationCost &cost) {
    at(key) = {{"minimum", cost.minimum}, {"fixed", cost.fixed}, {"per_element", cost.perElement}, {"fast_per_element", cost.fastPerElement}};
  }
  void types(std::string_view key, const std::vector<DType> &types, const char *) {
    Json list = Json::array();
    for (DType type : types)
      list.push_back(nameOf(type));
    at(key) = std::move(list);
  }
  void matrixTypes(std::string_view key, const std::map<DType, MatrixType> &types, const char *) {
    Json inner = Json::object();
    for (const auto &[type, entry] : types)
      inner[std::string(nameOf(type))] = {{"passes", entry.passes}, {"energy_factor", entry.energyFactor}};
    at(key) = std::move(inner);
  }

private:
  Json &at(std::string_view key) { return object_[std::string(key)]; }
  Json &object_;
};

/// Writes one table row a key.
class Reference {
public:
  Reference(std::string &out, std::string path) : out_(out), path_(std::move(path)) {}

  void text(std::string_view key, const std::string &, const char *meaning) { row(key, "text", meaning); }
  void texts(std::string_view key, const std::vector<std::string> &, const char *meaning) { row(key, "list of texts", meaning); }
  void boolean(std::string_view key, bool, const char *meaning) { row(key, "true or false", meaning); }
  void integer(std::string_view key, int64_t, int64_t low, int64_t high, const char *meaning) {
    row(key, "integer, " + std::to_string(low) + " to " + std::to_string(high), meaning);
  }
  template <class F> void object(std::string_view key, const char *meaning, F &&fill) {
    row(key, "object", meaning);
    Reference inner(out_, path_ + std::string(key) + ".");
    fill(inner);
  }
  template <class T, class F> void optionalObject(std::string_view key, const std::optional<T> &, const char *meaning, F &&fill) {
    T empty;
    object(key, meaning, [&](Reference &inner) { fill(inner, empty); });
  }
  void energy(std::string_view key, const EnergyRange &, const char *meaning) { row(key, "{value, low, high}", meaning); }
  void cost(std::string_view key, const OperationCost &) { row(key, "{minimum, fixed, per_element, fast_per_element}", "cycles"); }
  void types(std::string_view key, const std::vector<DType> &, const char *meaning) { row(key, "list of types", meaning); }
  void matrixTypes(std::string_view key, const std::map<DType, MatrixType> &, const char *meaning) { row(key, "type: {passes, energy_factor}", meaning); }

private:
  void row(std::string_view key, const std::string &kind, std::string_view meaning) {
    out_ += "| `" + path_ + std::string(key) + "` | " + kind + " | " + std::string(meaning) + " |\n";
  }
  std::string &out_;
  std::string path_;
};

} // namespace

std::string toJson(const Chip &chip) {
  Json json = Json::object();
  json["schema"] = 1;
  Writer writer(json);
  chipfile::describe(writer, chip);
  return json.dump(2) + "\n";
}

std::string chipFileReference() {
  std::string out = "| key | value | meaning |\n|---|---|---|\n| `schema` | 1 | version of this format |\n";
  Chip chip;
  Reference reference(out, "");
  chipfile::describe(reference, chip);
  return out;
}

} // namespace manaslu
