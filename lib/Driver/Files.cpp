// Reading regular files, writing through a temporary neighbour, private folders.
#include "lib/Driver/Files.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>

namespace manaslu::driver {

namespace fs = std::filesystem;

namespace {

Error cannotRead(const std::string &path, const std::string &why) { return Error("MN-IO-001", "cannot read: " + why, path); }
Error cannotWrite(const std::string &path, const std::string &why) { return Error("MN-IO-002", "cannot write: " + why, path); }

/// Closes a file descriptor when it goes.
struct Descriptor {
  int number;
  ~Descriptor() {
    if (number >= 0)
      ::close(number);
  }
};

/// Reads until the end or `limit` + 1 bytes.
Result<std::string> readAll(int descriptor, const std::string &path, uint64_t limit, uint64_t expected) {
  std::string content;
  content.resize(expected + 1);
  size_t used = 0;
  while (true) {
    if (used == content.size())
      content.resize(content.size() * 2);
    ssize_t n = ::read(descriptor, content.data() + used, content.size() - used);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return cannotRead(path, std::strerror(errno));
    if (n == 0)
      break;
    used += n;
    if (used > limit)
      return Error("MN-IN-LIMIT", "holds more than the " + std::to_string(limit) + " bytes that are read of one file", path);
  }
  content.resize(used);
  return content;
}

} // namespace

Result<std::string> readFile(const std::string &path, uint64_t limit) {
  if (path == "-")
    return readAll(0, "standard input", limit, 1 << 16);
  // O_NONBLOCK: opening a FIFO must not wait for a writer.
  Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (file.number < 0)
    return cannotRead(path, std::strerror(errno));
  struct stat info;
  if (::fstat(file.number, &info) != 0)
    return cannotRead(path, std::strerror(errno));
  if (!S_ISREG(info.st_mode))
    return cannotRead(path, S_ISDIR(info.st_mode) ? "it is a folder" : "it is not a regular file");
  if (static_cast<uint64_t>(info.st_size) > limit)
    return Error("MN-IN-LIMIT", "has " + std::to_string(info.st_size) + " bytes, at most " + std::to_string(limit) + " are read of one file", path);
  return readAll(file.number, path, limit, info.st_size);
}

Status checkWritable(const std::string &path) {
  if (path == "-")
    return {};
  std::error_code ignored;
  fs::path folder = fs::path(path).parent_path();
  if (folder.empty())
    folder = ".";
  if (!fs::is_directory(folder, ignored))
    return cannotWrite(path, "the folder " + folder.string() + " does not exist");
  if (fs::is_directory(path, ignored))
    return cannotWrite(path, "a folder of that name exists");
  if (fs::exists(path, ignored) && !fs::is_regular_file(path, ignored) && !fs::is_symlink(fs::symlink_status(path, ignored)))
    return cannotWrite(path, "it exists and is not a regular file");
  if (::access(folder.c_str(), W_OK) != 0)
    return cannotWrite(path, "the folder " + folder.string() + ": " + std::strerror(errno));
  return {};
}

Status writeFile(const std::string &path, std::string_view content) {
  if (path == "-") {
    while (!content.empty()) {
      ssize_t n = ::write(1, content.data(), content.size());
      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        return cannotWrite("standard output", std::strerror(errno));
      content.remove_prefix(n);
    }
    return {};
  }
  if (Status writable = checkWritable(path); !writable)
    return writable;
  std::string temporary = path + ".XXXXXX";
  Descriptor file{::mkostemp(temporary.data(), O_CLOEXEC)};
  if (file.number < 0)
    return cannotWrite(path, std::strerror(errno));
  mode_t mask = ::umask(0);
  ::umask(mask);
  bool good = ::fchmod(file.number, 0666 & ~mask) == 0;
  while (good && !content.empty()) {
    ssize_t n = ::write(file.number, content.data(), content.size());
    if (n < 0 && errno == EINTR)
      continue;
    good = n >= 0;
    if (good)
      content.remove_prefix(n);
  }
  if (!good || ::rename(temporary.c_str(), path.c_str()) != 0) {
    std::string why = std::strerror(errno);
    ::unlink(temporary.c_str());
    return cannotWrite(path, why);
  }
  return {};
}

void removeFile(const std::string &path) {
  std::error_code ignored;
  fs::remove(path, ignored);
}

Result<PrivateFolder> PrivateFolder::make() {
  const char *base = ::getenv("TMPDIR");
  std::string pattern = std::string(base && *base ? base : "/tmp") + "/manaslu-XXXXXX";
  if (!::mkdtemp(pattern.data()))
    return cannotWrite(pattern, std::strerror(errno));
  return PrivateFolder(pattern);
}

PrivateFolder::~PrivateFolder() {
  if (path_.empty())
    return;
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

std::string executableFolder() {
  std::error_code error;
  fs::path self = fs::read_symlink("/proc/self/exe", error);
  return error ? std::string() : self.parent_path().string();
}

} // namespace manaslu::driver
