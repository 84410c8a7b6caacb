// Program files as fuzzer inputs: taken apart, changed, and put together with right sizes and checksums, so that changes get past them.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace manaslu::fuzz {

/// A file in memory with a path under which isa::load can open it as a regular file.
class MemoryFile {
public:
  MemoryFile();
  ~MemoryFile();
  MemoryFile(const MemoryFile &) = delete;
  MemoryFile &operator=(const MemoryFile &) = delete;
  const std::string &path() const { return path_; }
  void fill(std::span<const uint8_t> bytes);
  std::vector<uint8_t> bytes() const;

private:
  int descriptor_;
  std::string path_;
};

/// libFuzzer's custom mutator for program files: changes the header's text, a section's bytes, instructions, or the order of sections; one time in eight it
/// leaves sizes and checksums wrong.
size_t mutateProgramFile(uint8_t *data, size_t size, size_t maxSize, unsigned seed);

} // namespace manaslu::fuzz
