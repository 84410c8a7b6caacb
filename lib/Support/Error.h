// Errors as values: every problem a user can cause has a code, and all problems of one kind travel together.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace manaslu {

/// One problem: `code` is `MN-AREA-NNN` (or `MN-AREA-WORD`) from lib/Support/ErrorCodes.inc, `message` says what, with the number and the
/// limit and what to do; `where` names a source line, an operator, a file or a byte offset, and may be empty.
struct Diagnostic {
  std::string code;
  std::string message;
  std::string where;
};

/// One or more problems. `exitStatus()` follows docs of the command line: 2 usage, 3 cannot be compiled, 4 verification, 5 limit, 6 damaged file, 70 internal.
class Error {
public:
  Error() = default;
  Error(std::string code, std::string message, std::string where = {}) { add(std::move(code), std::move(message), std::move(where)); }

  void add(std::string code, std::string message, std::string where = {}) { items_.push_back({std::move(code), std::move(message), std::move(where)}); }
  void append(const Error &other) { items_.insert(items_.end(), other.items_.begin(), other.items_.end()); }

  const std::vector<Diagnostic> &items() const { return items_; }
  bool empty() const { return items_.empty(); }

  /// The exit status of the first item's code in the catalogue.
  int exitStatus() const;

  /// Lines `error: CODE: where: message`, one per item.
  std::string text() const;

  /// The same as JSON lines (`--json-diagnostics`): {"severity","code","where","message"}.
  std::string jsonLines() const;

private:
  std::vector<Diagnostic> items_;
};

/// A value or an Error. `if (!result) return result.error();`
template <class T> class [[nodiscard]] Result {
public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  explicit operator bool() const { return state_.index() == 0; }
  T &operator*() { return std::get<0>(state_); }
  const T &operator*() const { return std::get<0>(state_); }
  T *operator->() { return &std::get<0>(state_); }
  const T *operator->() const { return &std::get<0>(state_); }
  const Error &error() const { return std::get<1>(state_); }

private:
  std::variant<T, Error> state_;
};

/// Success, or an Error.
class [[nodiscard]] Status {
public:
  Status() = default;
  Status(Error error) : error_(std::move(error)) {}

  explicit operator bool() const { return error_.empty(); }
  const Error &error() const { return error_; }

private:
  Error error_;
};

/// What the catalogue knows of one code: shown by `manaslu-cc explain CODE`.
struct ErrorCode {
  std::string_view code;
  int exitStatus;
  std::string_view title;
  std::string_view explanation;
};

/// Every code, sorted; one table (ErrorCodes.inc) from which docs/errors.md is generated.
const std::vector<ErrorCode> &errorCodes();

/// The catalogue's entry, or nothing for an unknown code.
std::optional<ErrorCode> findErrorCode(std::string_view code);

} // namespace manaslu
