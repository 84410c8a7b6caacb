// Buffered appending; late patches go to the file.
#include "lib/Sim/Trace/PatchedFile.h"

#include <cstring>

namespace manaslu::sim {

namespace {

constexpr size_t kBuffer = size_t(4) << 20;

std::span<const std::byte> asBytes(std::string_view text) { return std::as_bytes(std::span(text.data(), text.size())); }

} // namespace

void PatchedFile::append(std::string_view bytes) {
  buffer_.append(bytes);
  if (buffer_.size() >= kBuffer)
    flush();
}

void PatchedFile::patch(uint64_t offset, std::string_view bytes) {
  // A packet is appended whole, so that a patch never straddles the buffer's begin.
  if (offset >= written_)
    std::memcpy(buffer_.data() + (offset - written_), bytes.data(), bytes.size());
  else if (status_)
    status_ = file_.writeAt(offset, asBytes(bytes));
}

void PatchedFile::flush() {
  if (status_)
    status_ = file_.append(asBytes(buffer_));
  written_ += buffer_.size();
  buffer_.clear();
}

Status PatchedFile::commit() {
  flush();
  return status_ ? file_.commit() : status_;
}

} // namespace manaslu::sim
