// Collecting diagnostics and naming locations.
#include "lib/Driver/Diagnostics.h"

#include <llvm/Support/raw_ostream.h>
#include <mlir/IR/Location.h>

using namespace mlir;

namespace manaslu::driver {

namespace {

/// A location has at most one file position that matters to the user, and names around it.
struct Place {
  std::string file, name;
};

void collect(Location location, Place &place) {
  if (auto file = dyn_cast<FileLineColLoc>(location)) {
    if (place.file.empty())
      place.file = file.getFilename().str() + ":" + std::to_string(file.getLine()) + (file.getColumn() > 1 ? ":" + std::to_string(file.getColumn()) : "");
  } else if (auto name = dyn_cast<NameLoc>(location)) {
    if (place.name.empty())
      place.name = name.getName().str();
    collect(name.getChildLoc(), place);
  } else if (auto call = dyn_cast<CallSiteLoc>(location)) {
    collect(call.getCallee(), place);
  } else if (auto fused = dyn_cast<FusedLoc>(location)) {
    for (Location inner : fused.getLocations())
      collect(inner, place);
  }
}

/// "MN-GRAPH-SHAPE" of "MN-GRAPH-SHAPE: text" or "'graph.add' op MN-GRAPH-SHAPE: text"; removes it from the text.
std::string takeCode(std::string &text) {
  size_t begin = text.find("MN-");
  size_t end = begin == std::string::npos ? begin : text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-", begin);
  if (end == std::string::npos || text[end] != ':')
    return {};
  std::string code = text.substr(begin, end - begin);
  text = text.substr(0, begin) + text.substr(std::min(end + 2, text.size()));
  return code;
}

} // namespace

std::string describe(Location location) {
  Place place;
  collect(location, place);
  if (place.file.empty() || place.name.empty())
    return place.file + place.name;
  return place.file + " (" + place.name + ")";
}

DiagnosticCollector::DiagnosticCollector(MLIRContext *context, std::string defaultCode)
    : defaultCode_(std::move(defaultCode)), handler_(context, [this](mlir::Diagnostic &diagnostic) { add(diagnostic); }) {}

void DiagnosticCollector::add(mlir::Diagnostic &diagnostic) {
  if (diagnostic.getSeverity() != DiagnosticSeverity::Error)
    return;
  std::string text = diagnostic.str();
  // Said by the pass manager after the pass itself: not a reason of its own.
  if (text.starts_with("Failures have been detected while processing an MLIR pass pipeline"))
    return;
  std::string code = takeCode(text);
  for (mlir::Diagnostic &note : diagnostic.getNotes())
    if (!note.str().starts_with("see current operation"))
      text += "\n  note: " + note.str();
  std::string where = describe(diagnostic.getLocation());
  std::lock_guard<std::mutex> lock(mutex_);
  for (const manaslu::Diagnostic &item : errors_.items())
    if (item.message == text && item.where == where)
      return;
  errors_.add(code.empty() ? defaultCode_ : code, text, where);
}

Error DiagnosticCollector::take(const std::string &fallback) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (errors_.empty())
    errors_.add(defaultCode_, fallback);
  return std::move(errors_);
}

} // namespace manaslu::driver
