// Opening, reading and mapping regular files.
#include "lib/ISA/RegularFile.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

namespace manaslu::isa {

static Error cannotRead(const std::string &path, const std::string &why) { return Error("MN-IO-001", "cannot read the file: " + why, path); }

Result<RegularFile> RegularFile::open(const std::string &path) {
  // O_NONBLOCK: opening a FIFO must not wait for a writer.
  int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (descriptor < 0)
    return cannotRead(path, std::strerror(errno));
  struct stat info;
  if (fstat(descriptor, &info) != 0 || !S_ISREG(info.st_mode)) {
    ::close(descriptor);
    return cannotRead(path, "it is not a regular file");
  }
  bool privateToOwner = (info.st_mode & 022) == 0 && (info.st_uid == geteuid() || info.st_uid == 0);
  return RegularFile(path, descriptor, static_cast<uint64_t>(info.st_size), privateToOwner);
}

RegularFile::RegularFile(RegularFile &&other) noexcept
    : path_(std::move(other.path_)), descriptor_(other.descriptor_), size_(other.size_), privateToOwner_(other.privateToOwner_) {
  other.descriptor_ = -1;
}

RegularFile::~RegularFile() {
  if (descriptor_ >= 0)
    ::close(descriptor_);
}

Status RegularFile::read(uint64_t offset, std::span<std::byte> bytes) const {
  size_t done = 0;
  while (done < bytes.size()) {
    ssize_t count = pread(descriptor_, bytes.data() + done, bytes.size() - done, static_cast<off_t>(offset + done));
    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0)
      return cannotRead(path_, std::strerror(errno));
    if (count == 0)
      return cannotRead(path_, "it ended at byte " + std::to_string(offset + done) + ", before its size of " + std::to_string(size_) + " bytes");
    done += static_cast<size_t>(count);
  }
  return {};
}

Result<std::span<const std::byte>> RegularFile::map(uint64_t offset, uint64_t bytes, std::shared_ptr<const void> &owner) const {
  if (bytes == 0)
    return std::span<const std::byte>();
  struct stat now;
  bool unchanged = fstat(descriptor_, &now) == 0 && static_cast<uint64_t>(now.st_size) == size_;
  if (privateToOwner_ && unchanged) {
    uint64_t page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
    uint64_t start = offset / page * page;
    size_t length = static_cast<size_t>(offset - start + bytes);
    void *address = mmap(nullptr, length, PROT_READ, MAP_PRIVATE, descriptor_, static_cast<off_t>(start));
    if (address != MAP_FAILED) {
      owner = std::shared_ptr<const void>(address, [length](const void *mapped) { munmap(const_cast<void *>(mapped), length); });
      return std::span<const std::byte>(static_cast<const std::byte *>(address) + (offset - start), bytes);
    }
  }
  auto buffer = std::make_shared<std::vector<std::byte>>(bytes);
  if (Status status = read(offset, *buffer); !status)
    return status.error();
  std::span<const std::byte> view(*buffer);
  owner = buffer;
  return view;
}

} // namespace manaslu::isa
