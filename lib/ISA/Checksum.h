// Checksums: a fast one per section of a program file, and SHA-256 for the identity of whole files.
#pragma once

#include "lib/Support/Error.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace manaslu::isa {

/// 64-bit checksum in eight lanes of 64-bit words (several GB/s). Every change of bits within one word changes the result. Against accidents, not attackers.
class Checksum {
public:
  Checksum();
  /// Takes the next bytes; how they are cut into calls does not matter.
  void add(std::span<const std::byte> bytes);
  uint64_t finish();

private:
  void block(const std::byte *bytes);
  std::array<uint64_t, 8> lanes_;
  std::array<std::byte, 64> pending_ = {};
  size_t pendingBytes_ = 0;
  uint64_t total_ = 0;
};

uint64_t checksumOf(std::span<const std::byte> bytes);

/// SHA-256 (FIPS 180-4), incremental; uses the processor's SHA instructions when it has them.
class Sha256 {
public:
  Sha256();
  void add(std::span<const std::byte> bytes);
  /// 64 lower-case hexadecimal digits.
  std::string finish();

private:
  void blocks(const std::byte *bytes, size_t count);
  std::array<uint32_t, 8> state_;
  std::array<std::byte, 64> pending_ = {};
  size_t pendingBytes_ = 0;
  uint64_t total_ = 0;
};

/// SHA-256 of a regular file. MN-IO-001.
Result<std::string> sha256OfFile(const std::string &path);

} // namespace manaslu::isa
