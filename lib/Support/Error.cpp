// Errors as values, and the catalogue of codes.
#include "lib/Support/Error.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace manaslu {

namespace {

/// Names of files and operators come from strangers: control bytes must not reach a terminal.
std::string printable(std::string_view text) {
  std::string out;
  for (unsigned char c : text) {
    if (c >= 0x20 && c != 0x7f) {
      out += static_cast<char>(c);
      continue;
    }
    static const char digits[] = "0123456789abcdef";
    out += c == '\n' ? std::string("\n") : std::string("\\x") + digits[c >> 4] + digits[c & 15];
  }
  return out;
}

} // namespace

int Error::exitStatus() const {
  if (items_.empty())
    return 0;
  auto entry = findErrorCode(items_.front().code);
  return entry ? entry->exitStatus : 70;
}

std::string Error::text() const {
  std::string out;
  for (const Diagnostic &item : items_) {
    out += "error: " + item.code + ": ";
    if (!item.where.empty())
      out += printable(item.where) + ": ";
    out += printable(item.message) + "\n";
  }
  return out;
}

std::string Error::jsonLines() const {
  std::string out;
  for (const Diagnostic &item : items_) {
    nlohmann::ordered_json line = {{"severity", "error"}, {"code", item.code}, {"where", item.where}, {"message", item.message}};
    out += line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  }
  return out;
}

const std::vector<ErrorCode> &errorCodes() {
  static const std::vector<ErrorCode> table = [] {
    std::vector<ErrorCode> codes = {
#define MANASLU_ERROR(code, exitStatus, title, explanation) {code, exitStatus, title, explanation},
#include "lib/Support/ErrorCodes.inc"
#undef MANASLU_ERROR
    };
    std::sort(codes.begin(), codes.end(), [](const ErrorCode &a, const ErrorCode &b) { return a.code < b.code; });
    return codes;
  }();
  return table;
}

std::optional<ErrorCode> findErrorCode(std::string_view code) {
  for (const ErrorCode &entry : errorCodes())
    if (entry.code == code)
      return entry;
  return std::nullopt;
}

} // namespace manaslu
