// Writes a .mnx file: sections stream through a checksum into a temporary file, the header goes in last, then the file gets its name.
#include "lib/ISA/Checksum.h"
#include "lib/ISA/Codec.h"
#include "lib/ISA/ProgramLayout.h"
#include "lib/ISA/TemporaryFile.h"

#include <cstring>

namespace manaslu::isa {

namespace {

/// Bytes of a section, or how to stream the constants.
struct Section {
  SectionEntry entry;
  std::vector<std::byte> bytes;
};

std::vector<std::byte> bytesOf(std::string_view text) {
  auto data = reinterpret_cast<const std::byte *>(text.data());
  return {data, data + text.size()};
}

std::vector<Section> makeSections(const Program &program) {
  std::map<std::string, std::vector<std::byte>> sections;
  if (!program.debug.empty())
    sections["debug"] = encodeDebug(program.debug);
  if (!program.tileProgram.empty())
    sections["tile"] = bytesOf(program.tileProgram);
  for (const auto &[id, instructions] : program.streams) {
    std::vector<uint64_t> words;
    for (const Instruction &instruction : instructions)
      encode(instruction, words);
    std::vector<std::byte> &bytes = sections["stream." + nameOf(id)];
    bytes.resize(words.size() * 8);
    std::memcpy(bytes.data(), words.data(), bytes.size());
  }
  std::vector<Section> list;
  if (!program.constants.empty())
    list.push_back({{"constants", constantsBytes(program), 0}, {}}); // sorts before all others
  for (auto &[id, bytes] : sections) {
    uint64_t size = bytes.size();
    list.push_back({{id, size, checksumOf(bytes)}, std::move(bytes)});
  }
  return list;
}

/// Streams every constant, padded to 64 bytes; `checksum` gets what was written.
Status writeConstants(const Program &program, TemporaryFile &file, uint64_t &checksum) {
  static constexpr std::byte zeros[kAlignment] = {};
  Checksum sum;
  auto put = [&](std::span<const std::byte> bytes) {
    sum.add(bytes);
    return file.append(bytes);
  };
  std::vector<std::byte> chunk;
  for (const ConstantData &constant : program.constants) {
    uint64_t size = program.regions[constant.region].bytes;
    if (constant.fill)
      chunk.resize(std::min<uint64_t>(size, uint64_t(4) << 20));
    for (uint64_t offset = 0; offset < size;) {
      uint64_t count = std::min<uint64_t>(size - offset, uint64_t(4) << 20);
      std::span<const std::byte> bytes = constant.fill ? std::span<const std::byte>(chunk.data(), count) : constant.bytes.subspan(offset, count);
      if (constant.fill)
        constant.fill(offset, {chunk.data(), count});
      if (Status status = put(bytes); !status)
        return status;
      offset += count;
    }
    if (Status status = put({zeros, alignUp(size) - size}); !status)
      return status;
  }
  checksum = sum.finish();
  return {};
}

/// Prefix and header text, padded.
std::vector<std::byte> headerBytes(const std::string &text, uint64_t fileBytes) {
  FilePrefix prefix;
  prefix.headerBytes = text.size();
  prefix.fileBytes = fileBytes;
  std::vector<std::byte> json = bytesOf(text);
  prefix.headerChecksum = checksumOf(json);
  std::vector<std::byte> bytes(alignUp(sizeof(prefix) + text.size()));
  std::memcpy(bytes.data(), &prefix, sizeof(prefix));
  std::memcpy(bytes.data() + sizeof(prefix), json.data(), json.size());
  return bytes;
}

} // namespace

Status save(const Program &program, const std::string &path) {
  if (Status status = verifyProgram(program); !status)
    return status;
  std::vector<Section> sections = makeSections(program);
  auto entries = [&] {
    std::vector<SectionEntry> list;
    for (const Section &section : sections)
      list.push_back(section.entry);
    return list;
  };
  TemporaryFile file(path);
  if (Status status = file.create(); !status)
    return status;
  // Checksums have a fixed width, so the header's length is known before the constants have been seen.
  uint64_t start = headerBytes(headerText(program, entries()), 0).size();
  if (Status status = file.skipTo(start); !status)
    return status;
  for (Section &section : sections) {
    bool isConstants = section.entry.id == "constants";
    Status status = isConstants ? writeConstants(program, file, section.entry.checksum) : file.append(section.bytes);
    if (status)
      status = file.skipTo(alignUp(file.end()));
    if (!status)
      return status;
  }
  if (Status status = file.writeAt(0, headerBytes(headerText(program, entries()), file.end())); !status)
    return status;
  return file.commit();
}

} // namespace manaslu::isa
