// The header's text, the debug section and what names may look like.
#include "lib/ISA/ProgramLayout.h"

#include <cstring>

namespace manaslu::isa {

using Json = nlohmann::ordered_json;

static std::string hex64(uint64_t value) {
  std::string text(16, '0');
  for (int i = 0; i < 16; ++i)
    text[i] = "0123456789abcdef"[(value >> (60 - 4 * i)) & 15];
  return text;
}

std::string headerText(const Program &program, const std::vector<SectionEntry> &sections) {
  Json header;
  header["schema"] = 1;
  header["name"] = program.name;
  header["requires"] = Json::array();
  header["chip"] = program.chipJson.empty() ? Json(nullptr) : Json::parse(program.chipJson, nullptr, false);
  Json regions = Json::array();
  for (const Region &region : program.regions)
    regions.push_back({{"name", region.name},
                       {"kind", nameOf(region.kind)},
                       {"type", nameOf(region.type)},
                       {"shape", region.shape},
                       {"host", region.hostType},
                       {"bytes", region.bytes}});
  header["regions"] = std::move(regions);
  Json data = Json::array();
  for (const ConstantData &constant : program.constants)
    data.push_back(constant.region);
  header["data"] = std::move(data);
  Json streams = Json::array();
  for (const auto &[id, instructions] : program.streams)
    streams.push_back({{"stream", nameOf(id)}, {"instructions", instructions.size()}});
  header["streams"] = std::move(streams);
  header["metadata"] = program.metadata;
  Json table = Json::array();
  for (const SectionEntry &section : sections)
    table.push_back({{"id", section.id}, {"bytes", section.bytes}, {"checksum", hex64(section.checksum)}});
  header["sections"] = std::move(table);
  return header.dump(-1, ' ', false, Json::error_handler_t::replace);
}

uint64_t constantsBytes(const Program &program) {
  uint64_t total = 0;
  for (const ConstantData &constant : program.constants)
    total += alignUp(program.regions[constant.region].bytes);
  return total;
}

//===-- Debug section: entry count, string count, entries of four words, string ends, text ------===//

std::vector<std::byte> encodeDebug(const std::vector<DebugEntry> &entries) {
  std::map<std::string_view, uint32_t> numbers;
  std::vector<std::string_view> strings;
  std::vector<uint32_t> words = {static_cast<uint32_t>(entries.size()), 0};
  for (const DebugEntry &entry : entries) {
    auto [found, fresh] = numbers.try_emplace(entry.location, static_cast<uint32_t>(strings.size()));
    if (fresh)
      strings.push_back(entry.location);
    words.insert(words.end(), {static_cast<uint32_t>(entry.stream), entry.first, entry.tileOp, found->second});
  }
  words[1] = static_cast<uint32_t>(strings.size());
  std::string text;
  for (std::string_view string : strings) {
    text += string;
    words.push_back(static_cast<uint32_t>(text.size()));
  }
  std::vector<std::byte> bytes(words.size() * 4 + text.size());
  std::memcpy(bytes.data(), words.data(), words.size() * 4);
  if (!text.empty())
    std::memcpy(bytes.data() + words.size() * 4, text.data(), text.size());
  return bytes;
}

static Error badDebug(const char *why) { return Error("MN-FMT-SECTION", std::string("the debug section is damaged: ") + why, "section debug"); }

Result<std::vector<DebugEntry>> decodeDebug(std::span<const std::byte> bytes) {
  auto word = [&](uint64_t index) {
    uint32_t value;
    std::memcpy(&value, bytes.data() + 4 * index, 4);
    return value;
  };
  if (bytes.size() < 8)
    return badDebug("it is shorter than its two counts");
  uint64_t entryCount = word(0), stringCount = word(1);
  uint64_t textStart = 8 + 16 * entryCount + 4 * stringCount;
  if (textStart > bytes.size() || stringCount > entryCount)
    return badDebug("its counts are larger than the section, or more strings than entries");
  std::vector<std::string_view> strings;
  uint64_t begin = 0;
  for (uint64_t i = 0; i < stringCount; ++i) {
    uint64_t end = word(2 + 4 * entryCount + i);
    if (end < begin || end > bytes.size() - textStart)
      return badDebug("a string ends outside the section");
    strings.emplace_back(reinterpret_cast<const char *>(bytes.data()) + textStart + begin, end - begin);
    begin = end;
  }
  std::vector<DebugEntry> entries;
  uint64_t total = 0;
  for (uint64_t i = 0; i < entryCount; ++i) {
    uint32_t stream = word(2 + 4 * i), string = word(5 + 4 * i);
    if (stream >= kStreamCount || string >= stringCount)
      return badDebug("an entry names a stream or string that does not exist");
    total += strings[string].size();
    if (total > kMaxDebugText)
      return Error("MN-FMT-LIMIT", "the locations of all debug entries have more than " + std::to_string(kMaxDebugText) + " bytes", "section debug");
    DebugEntry entry{static_cast<StreamId>(stream), word(3 + 4 * i), word(4 + 4 * i), std::string(strings[string])};
    if (!entries.empty() && std::pair(entries.back().stream, entries.back().first) >= std::pair(entry.stream, entry.first))
      return badDebug("its entries are not in order");
    entries.push_back(std::move(entry));
  }
  std::vector<std::byte> again = encodeDebug(entries);
  if (again.size() != bytes.size() || !std::equal(again.begin(), again.end(), bytes.begin()))
    return badDebug("it is not in canonical form");
  return entries;
}

//===-- Names --------------------------------------------------------------===//

/// The code point at text[position], advancing; nothing when it is not well-formed UTF-8.
static std::optional<uint32_t> nextCodePoint(std::string_view text, size_t &position) {
  auto byte = [&](size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  uint32_t first = byte(position);
  int length = first < 0x80 ? 1 : first >= 0xc2 && first < 0xe0 ? 2 : first >= 0xe0 && first < 0xf0 ? 3 : first >= 0xf0 && first < 0xf5 ? 4 : 0;
  if (length == 0)
    return std::nullopt;
  uint32_t point = length == 1 ? first : first & (0x7f >> length);
  for (int i = 1; i < length; ++i) {
    if ((byte(position + i) & 0xc0) != 0x80)
      return std::nullopt;
    point = point << 6 | (byte(position + i) & 0x3f);
  }
  static constexpr uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
  if (point < least[length] || point > 0x10ffff || (point >= 0xd800 && point < 0xe000))
    return std::nullopt;
  position += length;
  return point;
}

bool isCleanName(std::string_view name) {
  if (name.empty() || name.size() > 255)
    return false;
  for (size_t position = 0; position < name.size();) {
    std::optional<uint32_t> point = nextCodePoint(name, position);
    if (!point)
      return false;
    bool control = *point < 0x20 || (*point >= 0x7f && *point < 0xa0);
    bool direction =
        *point == 0x61c || *point == 0x200e || *point == 0x200f || (*point >= 0x2028 && *point <= 0x202e) || (*point >= 0x2066 && *point <= 0x2069);
    if (control || direction)
      return false;
  }
  return true;
}

} // namespace manaslu::isa
