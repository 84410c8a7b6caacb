// Reads a .mnx file. Phase one looks at structure only: sizes, sections, checksums. Phase two gives the bytes their meaning. Nothing else happens before both
// are done.
#include "lib/ISA/Checksum.h"
#include "lib/ISA/Codec.h"
#include "lib/ISA/ProgramLayout.h"
#include "lib/ISA/RegularFile.h"

#include <cstring>

namespace manaslu::isa {

using Json = nlohmann::ordered_json;

namespace {

/// A section as it lies in the file.
struct Found {
  SectionEntry entry;
  uint64_t offset = 0;
};

class Reader {
public:
  Reader(const RegularFile &file, const LoadLimits &limits) : file_(file), limits_(limits) {}

  Result<Program> run() {
    for (Status (Reader::*step)() : {&Reader::readPrefix, &Reader::readHeader, &Reader::readSectionTable, &Reader::readRegions, &Reader::readSections})
      if (Status status = (this->*step)(); !status)
        return status.error();
    if (headerText(program_, entries()) != text_)
      return fail("MN-FMT-HEADER", "the header is not in canonical form (a key is unknown, doubled, missing or out of order)");
    if (Status status = verifyProgram(program_); !status)
      return status.error();
    return std::move(program_);
  }

private:
  Error fail(const char *code, std::string message) const { return Error(code, std::move(message), file_.path()); }
  Error badHeader(const std::string &what) const { return fail("MN-FMT-HEADER", "the header's " + what + " is missing or not of its type"); }

  Status readPrefix();
  Status readHeader();
  Status readSectionTable();
  Status readRegions();
  Status readStreams();
  Status readSections();
  Status readConstants(const Found &section);
  Status readStream(const Found &section, std::string_view name);
  Status checkPadding(uint64_t offset, uint64_t end);
  Result<std::vector<std::byte>> readChecked(const Found &section);

  std::vector<SectionEntry> entries() const {
    std::vector<SectionEntry> list;
    for (const Found &section : sections_)
      list.push_back(section.entry);
    return list;
  }

  const RegularFile &file_;
  const LoadLimits &limits_;
  FilePrefix prefix_;
  std::string text_;
  Json header_;
  std::vector<Found> sections_;
  std::map<std::string, uint64_t> declaredInstructions_;
  Program program_;
};

Status Reader::readPrefix() {
  uint64_t size = file_.size();
  std::array<unsigned char, sizeof(FilePrefix)> bytes = {};
  size_t have = static_cast<size_t>(std::min<uint64_t>(size, bytes.size()));
  if (Status status = file_.read(0, std::as_writable_bytes(std::span(bytes.data(), have))); !status)
    return status;
  if (!std::equal(kMagic.begin(), kMagic.begin() + std::min<size_t>(have, kMagic.size()), bytes.begin()))
    return fail("MN-FMT-VERSION", "this is not a program file: its first bytes are not those of .mnx");
  if (have < sizeof(FilePrefix))
    return fail("MN-FMT-TRUNC", "the file has " + std::to_string(size) + " bytes, less than the 64 of the fixed part");
  std::memcpy(&prefix_, bytes.data(), sizeof(prefix_));
  if (prefix_.majorVersion != kMajorVersion || prefix_.minorVersion > kMinorVersion)
    return fail("MN-FMT-VERSION", "the file has format version " + std::to_string(prefix_.majorVersion) + "." + std::to_string(prefix_.minorVersion) +
                                      ", this release reads " + std::to_string(kMajorVersion) + "." + std::to_string(kMinorVersion));
  if (size > limits_.fileBytes || prefix_.fileBytes > limits_.fileBytes)
    return fail("MN-FMT-LIMIT",
                "the file has " + std::to_string(std::max(size, prefix_.fileBytes)) + " bytes, more than the limit of " + std::to_string(limits_.fileBytes));
  if (prefix_.fileBytes > size)
    return fail("MN-FMT-TRUNC", "the file should have " + std::to_string(prefix_.fileBytes) + " bytes and has " + std::to_string(size));
  if (prefix_.fileBytes < size)
    return fail("MN-FMT-SECTION", "the file has " + std::to_string(size - prefix_.fileBytes) + " bytes behind its end");
  if (prefix_.headerBytes > size - sizeof(FilePrefix))
    return fail("MN-FMT-TRUNC", "the header should have " + std::to_string(prefix_.headerBytes) + " bytes, more than the file holds");
  if (prefix_.reserved != std::array<uint64_t, 3>{})
    return fail("MN-FMT-SECTION", "reserved bytes of the fixed part are not zero");
  return {};
}

/// Whether brackets nest deeper than allowed; strings are skipped. Runs before the parser sees the text.
bool nestsTooDeep(std::string_view text) {
  int depth = 0;
  bool inString = false;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (inString) {
      i += c == '\\';
      inString = c != '"';
    } else if (c == '"') {
      inString = true;
    } else if (c == '[' || c == '{') {
      if (++depth > kMaxJsonDepth)
        return true;
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return false;
}

Status Reader::readHeader() {
  text_.resize(prefix_.headerBytes);
  if (Status status = file_.read(sizeof(FilePrefix), std::as_writable_bytes(std::span(text_))); !status)
    return status;
  if (checksumOf(std::as_bytes(std::span(text_))) != prefix_.headerChecksum)
    return fail("MN-FMT-HASH", "the header's checksum is wrong: the file is damaged");
  if (nestsTooDeep(text_))
    return fail("MN-FMT-LIMIT", "the header nests deeper than " + std::to_string(kMaxJsonDepth));
  header_ = Json::parse(text_, nullptr, false);
  if (!header_.is_object())
    return fail("MN-FMT-HEADER", "the header is not a JSON object");
  if (!header_.contains("schema") || header_["schema"] != 1)
    return fail("MN-FMT-VERSION", "the header's schema is not 1");
  if (!header_.contains("requires") || !header_["requires"].is_array())
    return badHeader("`requires`");
  if (!header_["requires"].empty())
    return fail("MN-FMT-VERSION", "the program requires a feature that this release does not have: " + header_["requires"].front().dump());
  return checkPadding(sizeof(FilePrefix) + prefix_.headerBytes, alignUp(sizeof(FilePrefix) + prefix_.headerBytes));
}

/// A 16-digit lower-case hexadecimal number.
std::optional<uint64_t> parseHex64(const Json &value) {
  if (!value.is_string() || value.get_ref<const std::string &>().size() != 16)
    return std::nullopt;
  uint64_t number = 0;
  for (char c : value.get_ref<const std::string &>()) {
    const char *digits = "0123456789abcdef";
    const char *found = c ? std::strchr(digits, c) : nullptr;
    if (!found)
      return std::nullopt;
    number = number << 4 | static_cast<uint64_t>(found - digits);
  }
  return number;
}

Status Reader::readSectionTable() {
  if (!header_.contains("sections") || !header_["sections"].is_array())
    return badHeader("`sections`");
  if (header_["sections"].size() > 4096)
    return fail("MN-FMT-LIMIT", "the file has more than 4096 sections");
  uint64_t offset = alignUp(sizeof(FilePrefix) + prefix_.headerBytes);
  for (const Json &item : header_["sections"]) {
    bool complete = item.is_object() && item.size() == 3 && item.contains("id") && item["id"].is_string() && item.contains("bytes") &&
                    item["bytes"].is_number_unsigned() && item.contains("checksum");
    std::optional<uint64_t> checksum = complete ? parseHex64(item["checksum"]) : std::nullopt;
    if (!checksum)
      return badHeader("table of sections");
    Found found{{item["id"].get<std::string>(), item["bytes"].get<uint64_t>(), *checksum}, offset};
    if (!isCleanName(found.entry.id) || (!sections_.empty() && sections_.back().entry.id >= found.entry.id))
      return fail("MN-FMT-SECTION", "the sections are not in the order of their names, or one appears twice");
    if (offset > prefix_.fileBytes || found.entry.bytes > prefix_.fileBytes - offset)
      return fail("MN-FMT-SECTION", "section " + found.entry.id + " has " + std::to_string(found.entry.bytes) + " bytes and ends behind the end of the file");
    uint64_t end = offset + found.entry.bytes; // fits: fileBytes is below 2^63
    offset = alignUp(end);
    if (offset > prefix_.fileBytes)
      return fail("MN-FMT-SECTION", "the padding of section " + found.entry.id + " is missing");
    if (Status status = checkPadding(end, offset); !status)
      return status;
    sections_.push_back(std::move(found));
  }
  if (offset != prefix_.fileBytes)
    return fail("MN-FMT-SECTION", std::to_string(prefix_.fileBytes - offset) + " bytes at the end of the file belong to no section");
  return {};
}

Status Reader::checkPadding(uint64_t offset, uint64_t end) {
  std::array<std::byte, kAlignment> bytes = {};
  if (offset > prefix_.fileBytes || end > prefix_.fileBytes)
    return fail("MN-FMT-TRUNC", "the file ends at byte " + std::to_string(prefix_.fileBytes) + ", within padding that ends at " + std::to_string(end));
  if (Status status = file_.read(offset, {bytes.data(), static_cast<size_t>(end - offset)}); !status)
    return status;
  for (std::byte byte : bytes)
    if (byte != std::byte(0))
      return fail("MN-FMT-SECTION", "padding before byte " + std::to_string(end) + " is not zero");
  return {};
}

Status Reader::readRegions() {
  if (!header_.contains("name") || !header_["name"].is_string() || !header_.contains("chip") ||
      !(header_["chip"].is_object() || header_["chip"].is_string() || header_["chip"].is_null()))
    return badHeader("`name` or `chip`");
  program_.name = header_["name"].get<std::string>();
  if (!header_["chip"].is_null())
    program_.chipJson = header_["chip"].dump();
  if (!header_.contains("metadata") || !header_["metadata"].is_object())
    return badHeader("`metadata`");
  program_.metadata = header_["metadata"];
  if (!header_.contains("regions") || !header_["regions"].is_array())
    return badHeader("`regions`");
  if (header_["regions"].size() > limits_.regions)
    return fail("MN-FMT-LIMIT", "the program has more than " + std::to_string(limits_.regions) + " regions");
  for (const Json &item : header_["regions"]) {
    auto text = [&](const char *key) { return item.contains(key) && item[key].is_string() ? item[key].get<std::string>() : std::string(); };
    if (!item.is_object() || !item.contains("shape") || !item["shape"].is_array() || !item.contains("bytes") || !item["bytes"].is_number_unsigned())
      return badHeader("table of regions");
    Region region{text("name"), {}, {}, {}, text("host"), item["bytes"].get<uint64_t>()};
    std::optional<RegionKind> kind = regionKindFromName(text("kind"));
    std::optional<DType> type = dtypeFromName(text("type"));
    if (!kind || !type)
      return badHeader("kind or type of region " + std::to_string(program_.regions.size()));
    region.kind = *kind;
    region.type = *type;
    // Before it is copied: a million ones would take many times the file's memory.
    if (item["shape"].size() > 8)
      return fail("MN-SHAPE-OVERFLOW",
                  "region " + std::to_string(program_.regions.size()) + " has rank " + std::to_string(item["shape"].size()) + ", at most 8 is allowed");
    for (const Json &size : item["shape"]) {
      if (!size.is_number_integer())
        return badHeader("shape of region " + std::to_string(program_.regions.size()));
      region.shape.push_back(size.get<int64_t>());
    }
    program_.regions.push_back(std::move(region));
  }
  return readStreams();
}

Status Reader::readStreams() {
  if (!header_.contains("data") || !header_["data"].is_array() || !header_.contains("streams") || !header_["streams"].is_array())
    return badHeader("`data` or `streams`");
  for (const Json &item : header_["data"]) {
    if (!item.is_number_unsigned() || item.get<uint64_t>() >= program_.regions.size())
      return badHeader("list of regions with data");
    ConstantData data;
    data.region = item.get<uint32_t>();
    if (!program_.constants.empty() && program_.constants.back().region >= data.region)
      return badHeader("list of regions with data, in rising order,");
    program_.constants.push_back(std::move(data));
  }
  for (const Json &item : header_["streams"]) {
    if (!item.is_object() || !item.contains("stream") || !item["stream"].is_string() || !item.contains("instructions") ||
        !item["instructions"].is_number_unsigned())
      return badHeader("list of streams");
    declaredInstructions_["stream." + item["stream"].get<std::string>()] = item["instructions"].get<uint64_t>();
  }
  return {};
}

Result<std::vector<std::byte>> Reader::readChecked(const Found &section) {
  std::vector<std::byte> bytes(section.entry.bytes);
  if (Status status = file_.read(section.offset, bytes); !status)
    return status.error();
  if (checksumOf(bytes) != section.entry.checksum)
    return fail("MN-FMT-HASH", "the checksum of section " + section.entry.id + " is wrong: the file is damaged");
  return bytes;
}

Status Reader::readConstants(const Found &section) {
  // Sizes are trusted only after they have been added up with care: a region may claim anything.
  unsigned __int128 total = 0;
  for (const ConstantData &data : program_.constants)
    total += (static_cast<unsigned __int128>(program_.regions[data.region].bytes) + kAlignment - 1) / kAlignment * kAlignment;
  if (total != section.entry.bytes)
    return fail("MN-SHAPE-BYTES", "the constants have " + std::to_string(section.entry.bytes) + " bytes in the file, other than their regions say");
  std::shared_ptr<const void> owner;
  Result<std::span<const std::byte>> bytes = file_.map(section.offset, section.entry.bytes, owner);
  if (!bytes)
    return bytes.error();
  if (checksumOf(*bytes) != section.entry.checksum)
    return fail("MN-FMT-HASH", "the checksum of section constants is wrong: the file is damaged");
  uint64_t offset = 0;
  for (ConstantData &data : program_.constants) {
    uint64_t size = program_.regions[data.region].bytes;
    data.bytes = bytes->subspan(offset, size);
    data.owner = owner;
    for (uint64_t i = offset + size; i < offset + alignUp(size); ++i)
      if ((*bytes)[i] != std::byte(0))
        return fail("MN-FMT-SECTION", "padding behind the data of region " + std::to_string(data.region) + " is not zero");
    offset += alignUp(size);
  }
  return {};
}

Status Reader::readStream(const Found &section, std::string_view name) {
  std::optional<StreamId> id = streamFromName(name);
  if (!id)
    return fail("MN-FMT-SECTION", "there is no stream " + std::string(name));
  if (section.entry.bytes % 8)
    return fail("MN-ISA-DECODE", "stream " + std::string(name) + " is not a whole number of 64-bit words");
  Result<std::vector<std::byte>> bytes = readChecked(section);
  if (!bytes)
    return bytes.error();
  std::vector<uint64_t> words(bytes->size() / 8);
  if (!words.empty())
    std::memcpy(words.data(), bytes->data(), bytes->size());
  if (program_.instructionCount() + words.size() > limits_.instructions)
    return fail("MN-FMT-LIMIT", "the program may have more than " + std::to_string(limits_.instructions) + " instructions");
  bytes->clear();
  bytes->shrink_to_fit();
  Result<std::vector<Instruction>> instructions = decodeStream(words, name);
  if (!instructions)
    return instructions.error();
  program_.streams[*id] = std::move(*instructions);
  return {};
}

Status Reader::readSections() {
  bool sawConstants = false;
  for (const Found &section : sections_) {
    const std::string &id = section.entry.id;
    Status status;
    if (id == "constants") {
      sawConstants = true;
      status = readConstants(section);
    } else if (id.starts_with("stream.")) {
      status = readStream(section, std::string_view(id).substr(7));
    } else if (id == "debug" || id == "tile" || id.starts_with("x-")) {
      Result<std::vector<std::byte>> bytes = readChecked(section);
      if (!bytes)
        return bytes.error();
      if (id == "debug") {
        Result<std::vector<DebugEntry>> entries = decodeDebug(*bytes);
        if (!entries)
          return entries.error();
        program_.debug = std::move(*entries);
      } else if (id == "tile") {
        program_.tileProgram.assign(reinterpret_cast<const char *>(bytes->data()), bytes->size());
      } else {
        program_.ignoredSections.push_back(id);
      }
    } else {
      status = fail("MN-FMT-SECTION", "section " + id + " is not known to this release, and not marked as optional");
    }
    if (!status)
      return status;
  }
  if (!program_.constants.empty() && !sawConstants)
    return fail("MN-SHAPE-BYTES", "the section of constants is missing");
  for (const auto &[id, count] : declaredInstructions_) {
    std::optional<StreamId> stream = streamFromName(std::string_view(id).substr(7));
    if (!stream || !program_.streams.count(*stream) || program_.streams[*stream].size() != count)
      return fail("MN-ISA-DECODE", id + " should have " + std::to_string(count) + " instructions");
  }
  return {};
}

} // namespace

Result<Program> load(const std::string &path, const LoadLimits &limits) {
  Result<RegularFile> file = RegularFile::open(path);
  if (!file)
    return file.error();
  return Reader(*file, limits).run();
}

} // namespace manaslu::isa
