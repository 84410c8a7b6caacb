// Passes for modules of linalg on tensors that other compilers wrote (torch-mlir, IREE): what they hold that the chip's lowering should not see.
#pragma once

#include <memory>
#include <mlir/Pass/Pass.h>

#include "dialects/Graph/ParameterStore.h"

namespace manaslu::pipeline {

/// `demote-f64`: f64 values between an extension and a truncation become f32 (numerics.md). f64 inputs, outputs and tensor constants: MN-NUM-F64.
std::unique_ptr<mlir::Pass> createDemoteF64();

/// `fold-linalg-constants`: element-wise operations on small constants alone are evaluated, their assertions checked. An assertion that fails, or that depends
/// on data: MN-LOW-006.
std::unique_ptr<mlir::Pass> createFoldLinalgConstants();

/// `externalize-constants`: large constants leave the text and become parameters of the store, read through `ml_program.global`.
std::unique_ptr<mlir::Pass> createExternalizeConstants(std::shared_ptr<ParameterStore> store);

/// `erase-dead-results`: results of linalg operations that nobody reads, and what computed them.
std::unique_ptr<mlir::Pass> createEraseDeadResults();

} // namespace manaslu::pipeline
