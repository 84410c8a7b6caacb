// MLIR's diagnostics as our errors.
#pragma once

#include <mlir/IR/Diagnostics.h>
#include <mutex>

#include "lib/Support/Error.h"

namespace manaslu::driver {

/// Where something is in the user's terms: "model.py:12 (encoder.layer.0)", "file.mlir:3:7", or empty.
std::string describe(mlir::Location location);

/// Collects the errors of a context while it lives. A message "MN-CODE: text" keeps its code; others get `defaultCode`. Equal errors are kept once.
class DiagnosticCollector {
public:
  DiagnosticCollector(mlir::MLIRContext *context, std::string defaultCode);

  /// What was collected so far, sorted by place in the order of arrival; never empty after a failure: then it holds `fallback`.
  Error take(const std::string &fallback);

private:
  void add(mlir::Diagnostic &diagnostic);

  std::string defaultCode_;
  std::mutex mutex_;
  Error errors_;
  mlir::ScopedDiagnosticHandler handler_;
};

} // namespace manaslu::driver
