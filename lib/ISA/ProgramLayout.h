// The bytes of a .mnx file, shared by reader and writer (docs/ProgramFile.md).
#pragma once

#include "lib/ISA/Program.h"

#include <bit>

namespace manaslu::isa {

static_assert(std::endian::native == std::endian::little, "the file format is little endian and so must the host be");

/// Bytes 0 .. 7; a transfer that changes line ends or strips the high bit is noticed at once.
inline constexpr std::array<unsigned char, 8> kMagic = {0x8d, 'M', 'N', 'X', '\r', '\n', 0x1a, '\n'};
inline constexpr uint32_t kMajorVersion = 1;
inline constexpr uint32_t kMinorVersion = 0;
inline constexpr uint64_t kAlignment = 64;
/// Bytes of all debug entries' locations together; one text in the file may stand for many entries in memory.
inline constexpr uint64_t kMaxDebugText = uint64_t(64) << 20;
/// Deepest nest of JSON arrays and objects in a header.
inline constexpr int kMaxJsonDepth = 64;

/// The first 64 bytes.
struct FilePrefix {
  std::array<unsigned char, 8> magic = kMagic;
  uint32_t majorVersion = kMajorVersion;
  uint32_t minorVersion = kMinorVersion;
  uint64_t headerBytes = 0; ///< of the JSON text that follows at byte 64
  uint64_t fileBytes = 0;   ///< of the whole file
  uint64_t headerChecksum = 0;
  std::array<uint64_t, 3> reserved = {};
};
static_assert(sizeof(FilePrefix) == kAlignment);

constexpr uint64_t alignUp(uint64_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

/// One section; sections follow each other in the order of their names, each padded with zeros to 64 bytes.
struct SectionEntry {
  std::string id;
  uint64_t bytes = 0;
  uint64_t checksum = 0;
};

/// The header's JSON text: the only text that a file with this content may have.
std::string headerText(const Program &program, const std::vector<SectionEntry> &sections);

/// Bytes of the constants section: every region's data, padded to 64.
uint64_t constantsBytes(const Program &program);

/// The debug section and back. MN-FMT-SECTION when the bytes are not what encodeDebug gives, MN-FMT-LIMIT above kMaxDebugText.
std::vector<std::byte> encodeDebug(const std::vector<DebugEntry> &entries);
Result<std::vector<DebugEntry>> decodeDebug(std::span<const std::byte> bytes);

/// Whether a name is 1..255 bytes of UTF-8 without control and text direction characters.
bool isCleanName(std::string_view name);

} // namespace manaslu::isa
