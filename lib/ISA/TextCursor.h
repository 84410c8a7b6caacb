// Walks over one line of assembler text and remembers the first error.
#pragma once

#include "lib/Support/Error.h"

#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>

namespace manaslu::isa {

class TextCursor {
public:
  TextCursor(std::string_view text, std::string where) : text_(text), where_(std::move(where)) {}

  bool failed() const { return !error_.empty(); }
  const Error &error() const { return error_; }
  size_t position() const { return position_; }

  /// Records an error at the current column; only the first one counts. Always false.
  bool fail(const char *code, const std::string &message) {
    if (!failed())
      error_.add(code, message, where_ + (where_.empty() ? "column " : ":") + std::to_string(position_ + 1));
    return false;
  }

  void skipSpace() {
    while (position_ < text_.size() && (text_[position_] == ' ' || text_[position_] == '\t' || text_[position_] == '\r'))
      ++position_;
  }
  /// At the end of the line or a comment.
  bool atEnd() {
    skipSpace();
    return position_ >= text_.size() || text_[position_] == ';';
  }
  bool peek(char c) {
    skipSpace();
    return position_ < text_.size() && text_[position_] == c;
  }
  /// Takes the text when it comes next.
  bool take(std::string_view wanted) {
    skipSpace();
    if (!text_.substr(position_).starts_with(wanted))
      return false;
    position_ += wanted.size();
    return true;
  }
  bool expect(std::string_view wanted) { return take(wanted) || fail("MN-ASM-SYNTAX", "expected `" + std::string(wanted) + "`"); }

  /// A word of letters, digits and underscores; empty (and an error) when there is none.
  std::string_view word(const char *what) {
    skipSpace();
    size_t start = position_;
    while (position_ < text_.size() && isWordCharacter(text_[position_]))
      ++position_;
    if (position_ == start)
      fail("MN-ASM-SYNTAX", std::string("expected ") + what);
    return text_.substr(start, position_ - start);
  }

  /// A bare word or a quoted name with \" and \\.
  std::string name(const char *what) {
    if (!take("\""))
      return std::string(word(what));
    std::string result;
    while (position_ < text_.size() && text_[position_] != '"') {
      position_ += text_[position_] == '\\' && position_ + 1 < text_.size();
      result += text_[position_++];
    }
    expect("\"");
    return result;
  }

  /// A decimal or 0x number within [low, high].
  template <class T> bool number(T &value, T low, T high, const char *what) {
    skipSpace();
    size_t start = position_;
    bool negative = take("-");
    bool hexadecimal = take("0x");
    uint64_t magnitude = 0;
    auto [end, problem] = std::from_chars(text_.data() + position_, text_.data() + text_.size(), magnitude, hexadecimal ? 16 : 10);
    size_t length = static_cast<size_t>(end - (text_.data() + position_));
    if (problem == std::errc::invalid_argument || length == 0) {
      position_ = start;
      return fail("MN-ASM-SYNTAX", std::string("expected ") + what);
    }
    __int128 number = negative ? -static_cast<__int128>(magnitude) : static_cast<__int128>(magnitude);
    if (problem != std::errc() || number < static_cast<__int128>(low) || number > static_cast<__int128>(high)) {
      position_ = start;
      return fail("MN-ASM-VALUE", std::string(what) + " must lie in " + std::to_string(low) + ".." + std::to_string(high));
    }
    position_ += length;
    value = static_cast<T>(number);
    return true;
  }

  /// A decimal fp32, inf, -inf, or bits:0x........
  bool real(float &value);

  static bool isWordCharacter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; }

private:
  std::string_view text_;
  std::string where_;
  size_t position_ = 0;
  Error error_;
};

} // namespace manaslu::isa
