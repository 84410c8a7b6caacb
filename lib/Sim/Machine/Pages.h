// Host memory for simulated memories: zero-filled, taken lazily, so that a large region costs only what is touched.
#pragma once

#include <cstddef>

namespace manaslu::sim {

/// Zero-filled memory, aligned to 64 bytes, released at the end of life.
class Pages {
public:
  explicit Pages(size_t bytes = 0);
  ~Pages();
  Pages(Pages &&other) noexcept;
  Pages &operator=(Pages &&other) noexcept;
  std::byte *data() const { return data_; }
  size_t size() const { return bytes_; }
  /// Takes the memory from the host now, where that is possible, so that the first run does not pay for it.
  void populate();
  /// Zeros everything.
  void clear();
  /// No memory of this size could be had.
  bool failed() const { return bytes_ != 0 && data_ == nullptr; }

private:
  std::byte *data_ = nullptr;
  size_t bytes_ = 0;
};

} // namespace manaslu::sim
