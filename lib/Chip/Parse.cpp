// Reading chip files: every key checked, every problem reported with the key's path.
#include "lib/Chip/Describe.h"

#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

namespace manaslu {

namespace {

using Json = nlohmann::json;

constexpr const char *kCode = "MN-CHIP-001";

/// Reads one JSON object; remembers which keys the schema asked for and reports the others.
class Reader {
public:
  Reader(const Json &object, std::string path, std::string_view where, Error &error) : object_(object), path_(std::move(path)), where_(where), error_(error) {}

  void text(std::string_view key, std::string &value, const char *) {
    const Json *json = find(key);
    if (!json)
      return;
    if (!json->is_string() || json->get_ref<const std::string &>().size() > 200)
      return problem(key, "wants text of at most 200 bytes");
    value = json->get<std::string>();
  }

  void texts(std::string_view key, std::vector<std::string> &values, const char *) {
    const Json *json = find(key);
    if (!json)
      return;
    if (!json->is_array() || json->size() > 64)
      return problem(key, "wants a list of at most 64 texts");
    for (const Json &item : *json) {
      if (!item.is_string() || item.get_ref<const std::string &>().size() > 200)
        return problem(key, "holds " + shown(item) + "; wants texts of at most 200 bytes");
      values.push_back(item.get<std::string>());
    }
  }

  void boolean(std::string_view key, bool &value, const char *) {
    const Json *json = find(key);
    if (!json)
      return;
    if (!json->is_boolean())
      return problem(key, "wants true or false");
    value = json->get<bool>();
  }

  void integer(std::string_view key, int64_t &value, int64_t low, int64_t high, const char *) {
    const Json *json = find(key);
    if (!json)
      return;
    bool fits = json->is_number_integer() && (!json->is_number_unsigned() || json->get<uint64_t>() <= uint64_t(INT64_MAX));
    if (!fits || json->get<int64_t>() < low || json->get<int64_t>() > high)
      return problem(key, "is " + shown(*json) + "; wants an integer from " + std::to_string(low) + " to " + std::to_string(high));
    value = json->get<int64_t>();
  }

  void number(std::string_view key, double &value, double low, double high) {
    const Json *json = find(key);
    if (!json)
      return;
    if (!json->is_number() || !(json->get<double>() >= low) || !(json->get<double>() <= high))
      return problem(key, "is " + shown(*json) + "; wants a number from " + Json(low).dump() + " to " + Json(high).dump());
    value = json->get<double>();
  }

  template <class F> void object(std::string_view key, const char *, F &&fill) {
    const Json *json = find(key);
    if (!json)
      return;
    if (!json->is_object())
      return problem(key, "wants an object");
    Reader inner(*json, pathOf(key), where_, error_);
    fill(inner);
    inner.finish();
  }

  template <class T, class F> void optionalObject(std::string_view key, std::optional<T> &value, const char *meaning, F &&fill) {
    const Json *json = find(key);
    if (!json || json->is_null())
      return;
    value.emplace();
    object(key, meaning, [&](Reader &inner) { fill(inner, *value); });
  }

  void energy(std::string_view key, EnergyRange &range, const char *meaning) {
    size_t before = error_.items().size();
    object(key, meaning, [&](Reader &inner) {
      inner.number("value", range.value, 0, 1e12);
      inner.number("low", range.low, 0, 1e12);
      inner.number("high", range.high, 0, 1e12);
    });
    if (error_.items().size() == before && (range.low > range.value || range.value > range.high))
      problem(key, "wants low <= value <= high");
  }

  void cost(std::string_view key, OperationCost &cost) {
    object(key, "", [&](Reader &inner) {
      inner.integer("minimum", cost.minimum, 0, 1 << 20, "");
      inner.integer("fixed", cost.fixed, 0, 1 << 20, "");
      inner.number("per_element", cost.perElement, 0, 1024);
      inner.number("fast_per_element", cost.fastPerElement, 0, 1024);
    });
  }

  void types(std::string_view key, std::vector<DType> &types, const char *) {
    const Json *json = find(key);
    if (!json)
      return;
    if (!json->is_array())
      return problem(key, "wants a list of types");
    for (const Json &item : *json) {
      auto type = item.is_string() ? dtypeFromName(item.get_ref<const std::string &>()) : std::nullopt;
      if (!type)
        problem(key, "holds " + shown(item) + ", which is no type (f32 tf32 bf16 f16 f8e4m3 f8e5m2 f8e3m4 i8 u8 i16 i32 bool)");
      else if (std::find(types.begin(), types.end(), *type) != types.end())
        problem(key, "names " + shown(item) + " twice");
      else
        types.push_back(*type);
    }
  }

  void matrixTypes(std::string_view key, std::map<DType, MatrixType> &types, const char *meaning) {
    object(key, meaning, [&](Reader &inner) {
      for (int i = 0; i < kDTypeCount; ++i) {
        auto type = static_cast<DType>(i);
        if (!inner.object_.contains(nameOf(type)))
          continue;
        MatrixType &entry = types[type];
        inner.object(nameOf(type), "", [&](Reader &fields) {
          fields.number("passes", entry.passes, 0.125, 64);
          fields.number("energy_factor", entry.energyFactor, 0, 1000);
        });
      }
    });
  }

  /// Reports the keys that the schema does not have.
  void finish() {
    for (auto item = object_.begin(); item != object_.end(); ++item)
      if (!known_.count(item.key()))
        problem(item.key().substr(0, 100), "is not a key of chip files");
  }

private:
  const Json *find(std::string_view key) {
    known_.insert(std::string(key));
    auto found = object_.find(key);
    if (found != object_.end())
      return &*found;
    problem(key, "is missing");
    return nullptr;
  }

  std::string pathOf(std::string_view key) const { return path_.empty() ? std::string(key) : path_ + "." + std::string(key); }
  static std::string shown(const Json &json) { return json.dump(-1, ' ', true, Json::error_handler_t::replace).substr(0, 60); }

  void problem(std::string_view key, std::string message) { error_.add(kCode, "key `" + pathOf(key) + "` " + std::move(message), where_); }

  const Json &object_;
  std::string path_;
  std::string where_;
  Error &error_;
  std::set<std::string> known_;
};

/// Parses with a limit on nesting and without duplicate keys, which JSON libraries otherwise accept silently.
Json parseStrictly(std::string_view text, std::string_view where, Error &error) {
  std::vector<std::set<std::string>> seen;
  std::string duplicate;
  bool deep = false;
  auto watch = [&](int depth, Json::parse_event_t event, Json &value) {
    deep |= depth > 8;
    if (event == Json::parse_event_t::object_start)
      seen.emplace_back();
    else if (event == Json::parse_event_t::object_end && !seen.empty())
      seen.pop_back();
    else if (event == Json::parse_event_t::key && !seen.empty() && !seen.back().insert(value.get<std::string>()).second && duplicate.empty())
      duplicate = value.get<std::string>().substr(0, 100);
    return !deep;
  };
  if (text.size() > (size_t(1) << 20)) {
    error.add(kCode, "the file has " + std::to_string(text.size()) + " bytes; a chip file has at most 1048576", std::string(where));
    return {};
  }
  Json json = Json::parse(text, watch, /*allow_exceptions=*/false, /*ignore_comments=*/true);
  if (deep)
    error.add(kCode, "objects are nested more than 8 deep", std::string(where));
  else if (json.is_discarded() || !json.is_object())
    error.add(kCode, "the file is not one JSON object", std::string(where));
  else if (!duplicate.empty())
    error.add(kCode, "key `" + duplicate + "` appears twice in one object", std::string(where));
  return json;
}

/// Whether a dotted key leads to a number.
bool isNumberAt(const Json &json, std::string_view key) {
  const Json *at = &json;
  while (true) {
    size_t dot = key.find('.');
    auto found = at->is_object() ? at->find(key.substr(0, dot)) : at->end();
    if (!at->is_object() || found == at->end())
      return false;
    at = &*found;
    if (dot == std::string_view::npos)
      return at->is_number();
    key.remove_prefix(dot + 1);
  }
}

/// Rules between keys.
void checkTogether(const Chip &chip, const Json &json, std::string_view where, Error &error) {
  auto problem = [&](std::string message) { error.add(kCode, std::move(message), std::string(where)); };
  if (chip.sbufReservedBytes >= chip.sbufBytesPerPartition)
    problem("key `sbuf.reserved_bytes` leaves nothing of `sbuf.bytes_per_partition`");
  if (chip.pe.rows > chip.partitions || chip.pe.columns > chip.partitions)
    problem("keys `pe.rows` and `pe.columns` want at most `sbuf.partitions` (" + std::to_string(chip.partitions) + ")");
  if (chip.pe.movingLimit * 4 > chip.psumBankBytes)
    problem("key `pe.moving_limit` wants at most `psum.bank_bytes` / 4 (" + std::to_string(chip.psumBankBytes / 4) + "): a matmul's result lies in one bank");
  if (chip.psumBytesPerPartition() > (1 << 24))
    problem("key `psum.banks` times `psum.bank_bytes` wants at most 16777216 bytes");
  for (const std::string &key : chip.fitted)
    if (!isNumberAt(json, key))
      problem("key `fitted` names `" + key.substr(0, 60) + "`, which is no number of this file");
  if (chip.pe.types.empty())
    problem("key `pe.types` wants at least one type");
}

} // namespace

Result<Chip> parseChip(std::string_view text, std::string_view where) {
  Error error;
  Json json = parseStrictly(text, where, error);
  if (!error.empty())
    return error;
  Chip chip;
  int64_t schema = 0;
  Reader reader(json, "", where, error);
  reader.integer("schema", schema, 1, 1, "");
  chipfile::describe(reader, chip);
  reader.finish();
  if (error.empty())
    checkTogether(chip, json, where, error);
  if (!error.empty())
    return error;
  return chip;
}

} // namespace manaslu
