// Named linalg operations of foreign modules in generic form.
#pragma once

#include <memory>
#include <mlir/Pass/Pass.h>

namespace manaslu::pipeline {

/// `generalize-linalg`: decomposes linalg.softmax and its like, then turns every named operation except linalg.fill and
/// linalg.transpose into linalg.generic. Fills stay because readers ask whether an accumulator starts from zero, transposes because they only rename
/// dimensions.
std::unique_ptr<mlir::Pass> createGeneralizeLinalg();

} // namespace manaslu::pipeline
