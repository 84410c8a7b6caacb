// The safetensors format: length of a JSON header, the header, then all data without gaps.
#include "lib/Driver/Safetensors.h"
#include "lib/Driver/Files.h"

#include <nlohmann/json.hpp>

namespace manaslu::driver {

namespace {

std::string_view nameInFile(DType type) {
  switch (type) {
  case DType::BF16: return "BF16";
  case DType::F16: return "F16";
  case DType::F8E4M3: return "F8_E4M3";
  case DType::F8E5M2: return "F8_E5M2";
  case DType::F8E3M4: return "F8_E3M4";
  case DType::I8: return "I8";
  case DType::U8: return "U8";
  case DType::I16: return "I16";
  case DType::I32: return "I32";
  case DType::Bool: return "BOOL";
  default: return "F32";
  }
}

} // namespace

Status writeSafetensors(const std::string &path, const std::vector<WeightEntry> &entries) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  uint64_t offset = 0;
  for (const WeightEntry &entry : entries) {
    header[entry.name] = {{"dtype", nameInFile(entry.type)}, {"shape", entry.shape}, {"data_offsets", {offset, offset + entry.bytes.size()}}};
    offset += entry.bytes.size();
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  std::string content;
  content.reserve(8 + text.size() + offset);
  for (int i = 0; i < 8; ++i)
    content += static_cast<char>(text.size() >> (8 * i) & 255);
  content += text;
  for (const WeightEntry &entry : entries)
    content.append(reinterpret_cast<const char *>(entry.bytes.data()), entry.bytes.size());
  return writeFile(path, content);
}

} // namespace manaslu::driver
