// What a compilation says while it works: progress on a terminal, --verbose lines, --logfile.
#pragma once

#include <chrono>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "lib/Support/Error.h"

namespace manaslu::driver {

/// Times phases and tells about them.
class Log {
public:
  /// `verbose` is "error", "warning", "info" or "debug"; lines go to stderr and into the text of `logfile()`.
  Log(std::string verbose, std::function<void(std::string_view)> progress) : verbose_(std::move(verbose)), progress_(std::move(progress)) {}

  /// Ends the phase before and begins the next.
  void begin(std::string_view phase);
  /// Ends the last phase.
  void end();
  /// Adds a phase that was timed elsewhere.
  void add(std::string_view phase, double seconds);

  void warning(const std::string &text);
  void info(const std::string &text);
  void debug(const std::string &text);
  /// Whether `debug` says anything, for texts that take work.
  bool debugs() const { return verbose_ == "debug"; }

  /// Seconds by phase, in order.
  const nlohmann::ordered_json &phases() const { return phases_; }
  const std::string &text() const { return text_; }

private:
  void line(std::string_view level, const std::string &text);

  std::string verbose_;
  std::function<void(std::string_view)> progress_;
  std::string current_, text_;
  std::chrono::steady_clock::time_point began_;
  nlohmann::ordered_json phases_ = nlohmann::ordered_json::object();
};

} // namespace manaslu::driver
