// The Python side of the driver: the importer that turns a .pt2 into graph text, and PyTorch as the reference of `verify`.
#pragma once

#include <string>
#include <vector>

#include "lib/Driver/Child.h"
#include "lib/Support/Error.h"

namespace manaslu::driver {

/// The interpreter that has the package `manaslu`: $MANASLU_PYTHON, or python beside the executable, or that of a .venv above it. Error: MN-FE-PYTHON.
Result<std::string> findPython();

/// Runs a module of the package (`python -m MODULE arguments`) in a child process. A failing child's coded errors become the Error.
/// Errors: what the child reports, MN-FE-PYTHON, MN-INTERNAL for a child that dies without a code.
Result<ChildOutcome> runPythonModule(const std::string &module, const std::vector<std::string> &arguments);

/// What an import leaves.
struct Imported {
  std::string module;        ///< path of the graph dialect's text
  std::string weights;       ///< path of the safetensors file
  double seconds = 0;        ///< of the child
  uint64_t peakRssBytes = 0; ///< of the child
};

/// Imports a .pt2 into `folder`.
Result<Imported> importModel(const std::string &model, const std::string &folder);

/// Scales of the activations of a .pt2's products from the samples in an .npz, as the JSON object "scales" of a precision table.
/// Errors: MN-NUM-CALIBRATION and those of the importer.
Result<std::string> calibratedScales(const std::string &model, const std::string &samples);

/// The PyTorch operators that the importer takes, sorted.
Result<std::vector<std::string>> listOperators();

} // namespace manaslu::driver
