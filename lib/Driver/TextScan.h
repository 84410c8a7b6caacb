// A look at MLIR text before its parser sees it: the parser is recursive, so nesting must be bounded first (reliability row 25).
#pragma once

#include <string>
#include <string_view>

#include "lib/Support/Error.h"

namespace manaslu::driver {

/// Deepest nesting of brackets that is parsed.
inline constexpr int kMaximumNesting = 256;

/// Longest line outside string and dense literals, in bytes.
inline constexpr size_t kMaximumLine = size_t(1) << 20;

/// Refuses bytecode, binary data, deep nesting, very long lines and element counts of 2^40 and more. Errors: MN-IN-MLIR-BINARY, -DEPTH, -LINE, -SHAPE.
Status scanMlirText(std::string_view text, const std::string &where);

} // namespace manaslu::driver
