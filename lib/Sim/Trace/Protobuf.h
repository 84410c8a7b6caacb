// The wire format of protocol buffers, as much of it as a writer needs.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace manaslu::sim::protobuf {

/// Bytes of a message under construction; fields are appended in any order.
class Message {
public:
  void clear() { bytes_.clear(); }
  std::string_view bytes() const { return bytes_; }
  size_t size() const { return bytes_.size(); }

  /// int32, int64, uint32, uint64, bool, enum.
  void number(uint32_t field, uint64_t value) {
    varint(uint64_t(field) << 3);
    varint(value);
  }
  /// fixed64, little endian.
  void fixed(uint32_t field, uint64_t value) {
    varint(uint64_t(field) << 3 | 1);
    for (int i = 0; i < 8; ++i)
      bytes_.push_back(static_cast<char>(value >> (8 * i)));
  }
  /// string, bytes, or an embedded message.
  void bytes(uint32_t field, std::string_view value) {
    varint(uint64_t(field) << 3 | 2);
    varint(value.size());
    bytes_.append(value);
  }
  void message(uint32_t field, const Message &value) { bytes(field, value.bytes()); }
  /// Fields that were encoded before.
  void append(std::string_view fields) { bytes_.append(fields); }

private:
  void varint(uint64_t value) {
    for (; value >= 0x80; value >>= 7)
      bytes_.push_back(static_cast<char>(value | 0x80));
    bytes_.push_back(static_cast<char>(value));
  }

  std::string bytes_;
};

} // namespace manaslu::sim::protobuf
