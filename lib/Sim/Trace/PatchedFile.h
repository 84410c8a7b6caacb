// A file that grows through a buffer and of which small parts are overwritten later.
#pragma once

#include "lib/ISA/TemporaryFile.h"

#include <string>
#include <string_view>

namespace manaslu::sim {

/// Appears under its name when it is committed. The first failure is kept and reported by commit(): MN-IO-002.
class PatchedFile {
public:
  explicit PatchedFile(std::string path) : file_(std::move(path)) {}

  Status create() { return file_.create(); }
  void append(std::string_view bytes);
  /// Overwrites bytes that are there.
  void patch(uint64_t offset, std::string_view bytes);
  uint64_t end() const { return written_ + buffer_.size(); }
  Status commit();

private:
  void flush();

  isa::TemporaryFile file_;
  std::string buffer_; ///< the bytes from `written_` on
  uint64_t written_ = 0;
  Status status_;
};

} // namespace manaslu::sim
