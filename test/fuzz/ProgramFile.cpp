// Taking program files apart and putting them together.
#include "test/fuzz/ProgramFile.h"

#include "lib/ISA/Checksum.h"
#include "lib/ISA/Codec.h"
#include "lib/ISA/ProgramLayout.h"
#include "test/programs/Generator.h"

#include <algorithm>
#include <cstring>
#include <random>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

extern "C" size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t maxSize);

namespace manaslu::fuzz {

MemoryFile::MemoryFile() : descriptor_(memfd_create("program", MFD_CLOEXEC)), path_("/proc/self/fd/" + std::to_string(descriptor_)) {
  // Nobody else may write it, so the loader maps it.
  if (descriptor_ < 0 || fchmod(descriptor_, 0600) != 0)
    std::abort();
}

MemoryFile::~MemoryFile() { ::close(descriptor_); }

void MemoryFile::fill(std::span<const uint8_t> bytes) {
  if (ftruncate(descriptor_, static_cast<off_t>(bytes.size())) != 0 ||
      (!bytes.empty() && pwrite(descriptor_, bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())))
    std::abort();
}

namespace {

using Json = nlohmann::ordered_json;
using Bytes = std::vector<uint8_t>;

struct Section {
  std::string id;
  Bytes bytes;
};

struct Pieces {
  isa::FilePrefix prefix;
  std::string header;
  std::vector<Section> sections;
};

uint64_t checksumOf(std::span<const uint8_t> bytes) { return isa::checksumOf(std::as_bytes(bytes)); }

/// The parts of a file whose sizes make sense.
std::optional<Pieces> takeApart(std::span<const uint8_t> file) {
  Pieces pieces;
  if (file.size() < sizeof(pieces.prefix))
    return std::nullopt;
  std::memcpy(&pieces.prefix, file.data(), sizeof(pieces.prefix));
  if (pieces.prefix.headerBytes > file.size() - sizeof(pieces.prefix))
    return std::nullopt;
  pieces.header.assign(reinterpret_cast<const char *>(file.data()) + sizeof(pieces.prefix), pieces.prefix.headerBytes);
  Json json = Json::parse(pieces.header, nullptr, false);
  if (!json.is_object() || !json.contains("sections") || !json["sections"].is_array())
    return pieces;
  uint64_t at = isa::alignUp(sizeof(pieces.prefix) + pieces.header.size());
  for (const Json &each : json["sections"]) {
    if (!each.is_object() || !each.contains("id") || !each["id"].is_string() || !each.contains("bytes") || !each["bytes"].is_number_unsigned())
      break;
    uint64_t bytes = each["bytes"].get<uint64_t>();
    if (at > file.size() || bytes > file.size() - at)
      break;
    pieces.sections.push_back(
        {each["id"].get<std::string>(), Bytes(file.begin() + static_cast<ptrdiff_t>(at), file.begin() + static_cast<ptrdiff_t>(at + bytes))});
    at = isa::alignUp(at + bytes);
  }
  return pieces;
}

/// The number of instructions that the header claims follows the streams.
void countInstructions(Json &json, const Pieces &pieces) {
  if (!json.contains("streams") || !json["streams"].is_array())
    return;
  for (Json &stream : json["streams"])
    for (const Section &section : pieces.sections)
      if (stream.is_object() && stream.contains("stream") && stream["stream"].is_string() && section.id == "stream." + stream["stream"].get<std::string>()) {
        std::vector<uint64_t> words(section.bytes.size() / 8);
        if (!words.empty())
          std::memcpy(words.data(), section.bytes.data(), words.size() * 8);
        if (auto code = isa::decodeStream(words, "fuzz"))
          stream["instructions"] = code->size();
      }
}

Bytes putTogether(Pieces pieces) {
  Json json = Json::parse(pieces.header, nullptr, false);
  if (json.is_object() && json.contains("sections") && json["sections"].is_array()) {
    Json table = Json::array();
    for (const Section &section : pieces.sections) {
      char text[17];
      snprintf(text, sizeof(text), "%016llx", static_cast<unsigned long long>(checksumOf(section.bytes)));
      table.push_back({{"id", section.id}, {"bytes", section.bytes.size()}, {"checksum", text}});
    }
    json["sections"] = table;
    countInstructions(json, pieces);
    pieces.header = json.dump(-1, ' ', false, Json::error_handler_t::replace);
  }
  auto *text = reinterpret_cast<const uint8_t *>(pieces.header.data());
  Bytes file(sizeof(pieces.prefix));
  auto append = [&file](std::span<const uint8_t> bytes) {
    file.insert(file.end(), bytes.begin(), bytes.end());
    file.resize(isa::alignUp(file.size()));
  };
  append({text, pieces.header.size()});
  for (const Section &section : pieces.sections)
    append(section.bytes);
  pieces.prefix.headerBytes = pieces.header.size();
  pieces.prefix.headerChecksum = checksumOf({text, pieces.header.size()});
  pieces.prefix.fileBytes = file.size();
  std::memcpy(file.data(), &pieces.prefix, sizeof(pieces.prefix));
  return file;
}

/// A change by libFuzzer to bytes or text that may grow a little.
template <class Buffer> void mutateBytes(Buffer &buffer) {
  size_t size = buffer.size(), most = size + 64;
  buffer.resize(most);
  buffer.resize(LLVMFuzzerMutate(reinterpret_cast<uint8_t *>(buffer.data()), size, most));
}

void mutateInstructions(Section &section, std::mt19937_64 &random) {
  std::vector<uint64_t> words(section.bytes.size() / 8);
  if (!words.empty())
    std::memcpy(words.data(), section.bytes.data(), words.size() * 8);
  auto code = isa::decodeStream(words, "fuzz");
  if (!code || code->empty())
    return mutateBytes(section.bytes);
  isa::Program program;
  program.streams[isa::StreamId::Pe] = std::move(*code);
  test::mutate(program, random);
  words.clear();
  for (const isa::Instruction &instruction : program.streams[isa::StreamId::Pe])
    isa::encode(instruction, words);
  section.bytes.resize(words.size() * 8);
  std::memcpy(section.bytes.data(), words.data(), section.bytes.size());
}

void mutatePieces(Pieces &pieces, std::mt19937_64 &random) {
  uint64_t kind = pieces.sections.empty() ? 0 : random() % 8;
  Section *section = pieces.sections.empty() ? nullptr : &pieces.sections[random() % pieces.sections.size()];
  if (kind < 3)
    mutateBytes(pieces.header);
  else if (kind < 5)
    mutateBytes(section->bytes);
  else if (kind < 7)
    mutateInstructions(*section, random);
  else if (random() % 2)
    pieces.sections.erase(pieces.sections.begin() + (section - pieces.sections.data()));
  else
    mutateBytes(section->id);
}

} // namespace

std::vector<uint8_t> MemoryFile::bytes() const {
  Bytes bytes(static_cast<size_t>(lseek(descriptor_, 0, SEEK_END)));
  if (pread(descriptor_, bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
    std::abort();
  return bytes;
}

size_t mutateProgramFile(uint8_t *data, size_t size, size_t maxSize, unsigned seed) {
  std::mt19937_64 random(seed);
  std::optional<Pieces> pieces = random() % 8 ? takeApart({data, size}) : std::nullopt;
  if (!pieces)
    return LLVMFuzzerMutate(data, size, maxSize);
  mutatePieces(*pieces, random);
  Bytes file = putTogether(std::move(*pieces));
  if (file.size() > maxSize)
    return LLVMFuzzerMutate(data, size, maxSize);
  std::memcpy(data, file.data(), file.size());
  return file.size();
}

} // namespace manaslu::fuzz
