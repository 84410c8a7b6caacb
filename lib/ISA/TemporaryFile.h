// A file that appears under its name only when it is complete.
#pragma once

#include "lib/Support/Error.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace manaslu::isa {

/// A new file beside `path` that is removed unless it is committed. A symbolic link at `path` is replaced, not followed; a folder or device stays. Every
/// failure is MN-IO-002.
class TemporaryFile {
public:
  explicit TemporaryFile(std::string path) : path_(std::move(path)) {}
  ~TemporaryFile();
  TemporaryFile(const TemporaryFile &) = delete;
  TemporaryFile &operator=(const TemporaryFile &) = delete;

  Status create();
  /// Writes at the current end.
  Status append(std::span<const std::byte> bytes);
  /// Writes anywhere; the current end stays.
  Status writeAt(uint64_t offset, std::span<const std::byte> bytes);
  /// Moves the end; what is skipped reads as zeros.
  Status skipTo(uint64_t offset);
  /// Gives the file its name, over a file that may be there.
  Status commit();

  uint64_t end() const { return end_; }

private:
  Status failed() const;

  std::string path_, name_;
  int descriptor_ = -1;
  uint64_t end_ = 0;
};

} // namespace manaslu::isa
