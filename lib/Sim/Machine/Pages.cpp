// Anonymous mappings.
#include "lib/Sim/Machine/Pages.h"

#include <cstdlib>
#include <cstring>
#include <sys/mman.h>
#include <utility>

namespace manaslu::sim {

/// Below this, memory comes from the heap: a mapping costs two calls and a fault a page.
static constexpr size_t kSmall = size_t(64) << 10;

Pages::Pages(size_t bytes) : bytes_(bytes) {
  if (bytes == 0)
    return;
  if (bytes < kSmall) {
    data_ = static_cast<std::byte *>(std::aligned_alloc(64, (bytes + 63) / 64 * 64));
    if (data_)
      std::memset(data_, 0, bytes_);
    return;
  }
  void *address = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  data_ = address == MAP_FAILED ? nullptr : static_cast<std::byte *>(address);
  // Columns of partitions touch one page each; large pages keep them in the translation buffer. Only a hint.
  if (data_ && bytes >= (size_t(4) << 20))
    madvise(data_, bytes, MADV_HUGEPAGE);
}

Pages::~Pages() {
  if (bytes_ < kSmall)
    std::free(data_);
  else if (data_)
    munmap(data_, bytes_);
}

Pages::Pages(Pages &&other) noexcept : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}

Pages &Pages::operator=(Pages &&other) noexcept {
  std::swap(data_, other.data_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

void Pages::populate() {
#ifdef MADV_POPULATE_WRITE
  if (data_)
    madvise(data_, bytes_, MADV_POPULATE_WRITE); // only a hint: what it does not give is given when it is touched
#endif
}

void Pages::clear() {
  // Giving pages back is quicker than writing zeros once they are many, and gives back the memory.
  if (!data_ || (bytes_ >= (size_t(8) << 20) && madvise(data_, bytes_, MADV_DONTNEED) == 0))
    return;
  std::memset(data_, 0, bytes_);
}

} // namespace manaslu::sim
