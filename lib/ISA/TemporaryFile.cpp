// Writing under a temporary name and renaming.
#include "lib/ISA/TemporaryFile.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace manaslu::isa {

TemporaryFile::~TemporaryFile() {
  if (descriptor_ >= 0)
    ::close(descriptor_);
  if (!name_.empty())
    ::unlink(name_.c_str());
}

Status TemporaryFile::create() {
  // Renaming would replace a device by a file.
  struct stat existing;
  if (::stat(path_.c_str(), &existing) == 0 && !S_ISREG(existing.st_mode))
    return Error("MN-IO-002", "cannot write the file: something that is not a regular file has its name", path_);
  for (int attempt = 0; attempt < 100; ++attempt) {
    std::string name = path_ + ".partial-" + std::to_string(::getpid()) + "-" + std::to_string(attempt);
    descriptor_ = ::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (descriptor_ >= 0) {
      name_ = name;
      return {};
    }
    if (errno != EEXIST)
      break;
  }
  return failed();
}

Status TemporaryFile::append(std::span<const std::byte> bytes) {
  Status status = writeAt(end_, bytes);
  end_ += bytes.size();
  return status;
}

Status TemporaryFile::writeAt(uint64_t offset, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    ssize_t count = pwrite(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR)
      continue;
    if (count <= 0)
      return failed();
    bytes = bytes.subspan(static_cast<size_t>(count));
    offset += static_cast<uint64_t>(count);
  }
  return {};
}

Status TemporaryFile::skipTo(uint64_t offset) {
  end_ = offset;
  return ftruncate(descriptor_, static_cast<off_t>(offset)) == 0 ? Status() : failed();
}

Status TemporaryFile::commit() {
  int descriptor = descriptor_;
  descriptor_ = -1;
  if (::close(descriptor) != 0 || ::rename(name_.c_str(), path_.c_str()) != 0)
    return failed();
  name_.clear();
  return {};
}

Status TemporaryFile::failed() const { return Error("MN-IO-002", std::string("cannot write the file: ") + std::strerror(errno), path_); }

} // namespace manaslu::isa
