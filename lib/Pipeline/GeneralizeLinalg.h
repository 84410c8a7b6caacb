// Named linalg operations of foreign modules in generic form.
#pragma once

#include <memory>
#include <mlir/Pass/Pass.h>

namespace manaslu::pipeline {

/// `generalize-linalg`: decomposes linalg.softmax and its like, then turns every named operation except linalg.fill into linalg.generic. Fills stay: what
/// reads them asks whether an accumulator starts from zero.
std::unique_ptr<mlir::Pass> createGeneralizeLinalg();

} // namespace manaslu::pipeline
