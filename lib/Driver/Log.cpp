// Timing and telling.
#include "lib/Driver/Log.h"
#include "lib/Driver/Metrics.h"

#include <cstdio>

namespace manaslu::driver {

namespace {

int rank(std::string_view level) { return level == "error" ? 0 : level == "warning" ? 1 : level == "info" ? 2 : 3; }

} // namespace

void Log::begin(std::string_view phase) {
  end();
  current_ = phase;
  began_ = std::chrono::steady_clock::now();
  if (progress_)
    progress_(phase);
}

void Log::end() {
  if (current_.empty())
    return;
  add(current_, std::chrono::duration<double>(std::chrono::steady_clock::now() - began_).count());
  current_.clear();
}

void Log::add(std::string_view phase, double seconds) {
  double before = phases_.contains(phase) ? phases_[std::string(phase)].get<double>() : 0;
  phases_[std::string(phase)] = before + seconds;
  line("info", std::string(phase) + ": " + shortNumber(seconds) + " s");
}

void Log::warning(const std::string &text) { line("warning", text); }
void Log::info(const std::string &text) { line("info", text); }

void Log::debug(const std::string &text) { line("debug", text); }

void Log::line(std::string_view level, const std::string &text) {
  if (rank(level) > rank(verbose_))
    return;
  std::string whole = std::string(level) + ": " + text + "\n";
  std::fwrite(whole.data(), 1, whole.size(), stderr);
  text_ += whole;
}

} // namespace manaslu::driver
