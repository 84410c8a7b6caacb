// One pass over MLIR text: strings and comments are skipped, brackets counted, shapes multiplied.
#include "lib/Driver/TextScan.h"

#include <algorithm>
#include <cctype>
#include <vector>

namespace manaslu::driver {

namespace {

constexpr __int128 kMaximumElements = static_cast<__int128>(1) << 40;

class Scanner {
public:
  Scanner(std::string_view text, const std::string &where) : text_(text), where_(where) {}

  Status scan() {
    if (text_.substr(0, 4) == std::string_view("ML\xefR", 4))
      return Error("MN-IN-MLIR-BINARY", "is MLIR bytecode; only text is read: convert it with `mlir-opt FILE`", where_);
    while (at_ < text_.size()) {
      if (Status step = next(); !step)
        return step;
    }
    return {};
  }

private:
  Error bad(const char *code, const std::string &what) const { return Error(code, what, where_ + ":" + std::to_string(line_)); }

  Status next() {
    char c = text_[at_];
    if (c == '\0')
      return bad("MN-IN-MLIR-BINARY", "holds a zero byte: it is not MLIR text");
    if (c == '\n') {
      ++line_, ++at_;
      code_ = 0;
      return {};
    }
    if (c == '"')
      return skipString();
    if (c == '/' && text_.substr(at_, 2) == "//") {
      at_ = std::min(text_.find('\n', at_), text_.size());
      return {};
    }
    // A dense literal may be one long line: numbers inside its brackets do not count.
    if (!inDense() && ++code_ > kMaximumLine)
      return bad("MN-IN-MLIR-LINE", "has a line of more than " + std::to_string(kMaximumLine) + " bytes outside literals");
    if (Status bracket = countBracket(c); !bracket)
      return bracket;
    if (std::isdigit(static_cast<unsigned char>(c)) && shapeMayStart_)
      return takeShape();
    shapeMayStart_ = c == '<';
    ++at_;
    return {};
  }

  Status skipString() {
    size_t begin = at_++;
    while (at_ < text_.size() && text_[at_] != '"' && text_[at_] != '\n')
      at_ += text_[at_] == '\\' ? 2 : 1;
    if (at_ >= text_.size() || text_[at_] == '\n')
      return bad("MN-IN-MLIR-TEXT", "has a string of " + std::to_string(std::min(at_, text_.size()) - begin) + " bytes that does not end on its line");
    ++at_;
    return {};
  }

  Status countBracket(char c) {
    char previous = at_ ? text_[at_ - 1] : ' ', following = at_ + 1 < text_.size() ? text_[at_ + 1] : ' ';
    if (c == '(' || c == '[' || c == '{' || (c == '<' && following != '=')) {
      bool dense = c == '<' && at_ >= 5 && text_.substr(at_ - 5, 5) == "dense";
      open_.push_back(dense);
      denseDepth_ += dense;
      if (open_.size() > static_cast<size_t>(kMaximumNesting))
        return bad("MN-IN-MLIR-DEPTH", "nests brackets deeper than " + std::to_string(kMaximumNesting));
    } else if ((c == ')' || c == ']' || c == '}' || (c == '>' && previous != '-' && following != '=')) && !open_.empty()) {
      denseDepth_ -= open_.back();
      open_.pop_back();
    }
    return {};
  }

  /// `<2x3x4xf32`: digits and x right after an opening angle bracket.
  Status takeShape() {
    shapeMayStart_ = false;
    __int128 elements = 1;
    while (at_ < text_.size() && std::isdigit(static_cast<unsigned char>(text_[at_]))) {
      __int128 size = 0;
      for (; at_ < text_.size() && std::isdigit(static_cast<unsigned char>(text_[at_])); ++at_)
        size = std::min<__int128>(size * 10 + (text_[at_] - '0'), kMaximumElements);
      elements = std::min<__int128>(elements * std::max<__int128>(size, 1), kMaximumElements);
      if (at_ >= text_.size() || text_[at_] != 'x')
        return {};
      if (elements >= kMaximumElements)
        return bad("MN-IN-MLIR-SHAPE", "has a tensor of 2^40 elements or more");
      ++at_;
    }
    return {};
  }

  bool inDense() const { return denseDepth_ > 0; }

  std::string_view text_;
  const std::string &where_;
  size_t at_ = 0, line_ = 1, code_ = 0;
  std::vector<char> open_;
  int denseDepth_ = 0;
  bool shapeMayStart_ = false;
};

} // namespace

Status scanMlirText(std::string_view text, const std::string &where) { return Scanner(text, where).scan(); }

} // namespace manaslu::driver
