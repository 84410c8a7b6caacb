// Reading a file that a stranger named: only regular files, never blocking, never past the size seen when it was opened.
#pragma once

#include "lib/Support/Error.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace manaslu::isa {

/// An open regular file; move-only.
class RegularFile {
public:
  /// MN-IO-001 for anything that is not a readable regular file.
  static Result<RegularFile> open(const std::string &path);

  RegularFile(RegularFile &&other) noexcept;
  RegularFile &operator=(RegularFile &&) = delete;
  ~RegularFile();

  uint64_t size() const { return size_; }
  const std::string &path() const { return path_; }

  /// Fills `bytes` from `offset` on. MN-IO-001 when the file has become shorter meanwhile or cannot be read.
  Status read(uint64_t offset, std::span<std::byte> bytes) const;

  /// The bytes [offset, offset + bytes), mapped read-only when only the owner may write the file, otherwise read into memory.
  /// `owner` keeps them alive.
  Result<std::span<const std::byte>> map(uint64_t offset, uint64_t bytes, std::shared_ptr<const void> &owner) const;

private:
  RegularFile(std::string path, int descriptor, uint64_t size, bool privateToOwner)
      : path_(std::move(path)), descriptor_(descriptor), size_(size), privateToOwner_(privateToOwner) {}
  std::string path_;
  int descriptor_;
  uint64_t size_;
  bool privateToOwner_;
};

} // namespace manaslu::isa
