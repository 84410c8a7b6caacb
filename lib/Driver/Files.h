// Files as the command line treats them: inputs are regular files read once, outputs appear complete or not at all.
#pragma once

#include <string>
#include <string_view>

#include "lib/Support/Error.h"

namespace manaslu::driver {

/// The whole content of a regular file of at most `limit` bytes; "-" reads standard input. Errors: MN-IO-001 (missing, a folder, a FIFO, a device),
/// MN-IN-LIMIT.
Result<std::string> readFile(const std::string &path, uint64_t limit = uint64_t(8) << 30);

/// Writes a file through a temporary neighbour and a rename; "-" writes standard output. On failure nothing is left. Error: MN-IO-002.
Status writeFile(const std::string &path, std::string_view content);

/// Refuses an output path that cannot be written before work is spent on it (missing folder, a folder of that name). Error: MN-IO-002.
Status checkWritable(const std::string &path);

/// Removes a file if it exists.
void removeFile(const std::string &path);

/// A folder that only this user may enter, removed with all its content when the object goes.
class PrivateFolder {
public:
  /// Makes it under $TMPDIR (or /tmp). Error: MN-IO-002.
  static Result<PrivateFolder> make();
  PrivateFolder(PrivateFolder &&other) : path_(std::exchange(other.path_, {})) {}
  PrivateFolder &operator=(PrivateFolder &&) = delete;
  ~PrivateFolder();
  const std::string &path() const { return path_; }

private:
  explicit PrivateFolder(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

/// The folder of the running executable, links resolved; empty when unknown.
std::string executableFolder();

} // namespace manaslu::driver
