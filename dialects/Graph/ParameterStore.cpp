// Reads safetensors files: 8 bytes of header length, a JSON header, then the tensors' bytes without holes.
#include "dialects/Graph/ParameterStore.h"

#include <cstring>
#include <fcntl.h>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace manaslu {

namespace {

constexpr uint64_t kHeaderLimit = 100'000'000; ///< bytes, the format's own limit

/// A tensor of the header.
struct Entry {
  std::string type;
  std::vector<int64_t> shape;
  uint64_t begin = 0, end = 0;
};

/// The entry, or nothing if the JSON is not one.
std::optional<Entry> readEntry(const nlohmann::json &json) {
  if (!json.is_object() || !json.contains("dtype") || !json["dtype"].is_string() || !json.contains("shape") || !json["shape"].is_array() ||
      !json.contains("data_offsets"))
    return std::nullopt;
  const nlohmann::json &offsets = json["data_offsets"];
  if (!offsets.is_array() || offsets.size() != 2 || !offsets[0].is_number_unsigned() || !offsets[1].is_number_unsigned())
    return std::nullopt;
  Entry entry{json["dtype"].get<std::string>(), {}, offsets[0].get<uint64_t>(), offsets[1].get<uint64_t>()};
  for (const nlohmann::json &size : json["shape"]) {
    if (!size.is_number_unsigned() || size.get<uint64_t>() > std::numeric_limits<int32_t>::max())
      return std::nullopt;
    entry.shape.push_back(size.get<int64_t>());
  }
  return entry;
}

std::optional<DType> chipType(const std::string &type) {
  static const std::map<std::string, DType> types = {{"F32", DType::F32},        {"BF16", DType::BF16}, {"F16", DType::F16}, {"F8_E4M3", DType::F8E4M3},
                                                     {"F8_E5M2", DType::F8E5M2}, {"BOOL", DType::Bool}, {"I8", DType::I8},   {"U8", DType::U8},
                                                     {"I16", DType::I16},        {"I32", DType::I32}};
  auto at = types.find(type);
  return at == types.end() ? std::nullopt : std::optional<DType>(at->second);
}

/// Element count, or nothing beyond 2^40.
std::optional<uint64_t> countElements(const std::vector<int64_t> &shape) {
  uint64_t count = 1;
  for (int64_t size : shape) {
    count *= static_cast<uint64_t>(size);
    if (count > (uint64_t(1) << 40))
      return std::nullopt;
  }
  return count;
}

/// int64 elements as int32, or nothing if one does not fit.
std::optional<std::vector<std::byte>> narrowToI32(const std::byte *data, uint64_t count) {
  std::vector<std::byte> out(count * sizeof(int32_t));
  for (uint64_t i = 0; i < count; ++i) {
    int64_t wide;
    std::memcpy(&wide, data + i * sizeof(wide), sizeof(wide));
    auto value = static_cast<int32_t>(wide);
    if (value != wide)
      return std::nullopt;
    std::memcpy(out.data() + i * sizeof(value), &value, sizeof(value));
  }
  return out;
}

} // namespace

int64_t Parameter::elements() const {
  int64_t count = 1;
  for (int64_t size : shape)
    count *= size;
  return count;
}

ParameterStore::~ParameterStore() {
  for (const Mapping &mapping : mappings_)
    munmap(mapping.address, mapping.size);
}

Status ParameterStore::addFile(const std::string &path) {
  int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat info{};
  if (file < 0 || fstat(file, &info) != 0 || !S_ISREG(info.st_mode)) {
    if (file >= 0)
      close(file);
    return Error("MN-IO-001", std::string("cannot read the weights: ") + (file < 0 ? std::strerror(errno) : "not a regular file"), path);
  }
  auto size = static_cast<uint64_t>(info.st_size);
  void *address = size < 8 ? MAP_FAILED : mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file, 0);
  close(file);
  if (address == MAP_FAILED)
    return Error("MN-IN-WEIGHTS", "the file of " + std::to_string(size) + " bytes is too short for a header, or cannot be mapped", path);
  mappings_.push_back({address, size});
  const auto *bytes = static_cast<const std::byte *>(address);
  uint64_t header;
  std::memcpy(&header, bytes, sizeof(header));
  if (header > kHeaderLimit || header > size - 8)
    return Error("MN-IN-WEIGHTS", "the header claims " + std::to_string(header) + " bytes of a file of " + std::to_string(size), path);
  const char *text = reinterpret_cast<const char *>(bytes) + 8;
  nlohmann::json json = nlohmann::json::parse(text, text + header, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object())
    return Error("MN-IN-WEIGHTS", "the header is not a JSON object", path);
  const std::byte *base = bytes + 8 + header;
  uint64_t room = size - 8 - header;
  for (const auto &[name, value] : json.items()) {
    if (name == "__metadata__")
      continue;
    std::optional<Entry> entry = readEntry(value);
    std::optional<uint64_t> count = entry ? countElements(entry->shape) : std::nullopt;
    if (!count || entry->begin > entry->end || entry->end > room)
      return Error("MN-IN-WEIGHTS", "tensor '" + name + "' has no valid dtype, shape and data_offsets within " + std::to_string(room) + " bytes", path);
    bool wide = entry->type == "I64";
    std::optional<DType> type = wide ? std::optional<DType>(DType::I32) : chipType(entry->type);
    if (!type) {
      refused_[name] = "the chip has no type " + entry->type;
      continue;
    }
    if (entry->end - entry->begin != *count * (wide ? 8 : sizeOf(*type)))
      return Error("MN-IN-WEIGHTS", "tensor '" + name + "' has " + std::to_string(entry->end - entry->begin) + " bytes, not what its shape and type ask for",
                   path);
    if (!wide) {
      parameters_[name] = Parameter{*type, entry->shape, base + entry->begin};
    } else if (std::optional<std::vector<std::byte>> narrow = narrowToI32(base + entry->begin, *count)) {
      add(name, DType::I32, entry->shape, std::move(*narrow));
    } else {
      refused_[name] = "an int64 element does not fit int32";
    }
  }
  return {};
}

void ParameterStore::add(std::string name, DType type, std::vector<int64_t> shape, std::vector<std::byte> data) {
  std::vector<std::byte> &owned = owned_[name];
  owned = std::move(data);
  parameters_[std::move(name)] = Parameter{type, std::move(shape), owned.data()};
}

const Parameter *ParameterStore::find(std::string_view name) const {
  auto at = parameters_.find(name);
  return at == parameters_.end() ? nullptr : &at->second;
}

std::string ParameterStore::reasonAgainst(std::string_view name) const {
  auto at = refused_.find(name);
  return at == refused_.end() ? std::string() : at->second;
}

} // namespace manaslu
