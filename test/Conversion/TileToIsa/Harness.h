// Parses a tile program, lowers it, runs it on the simulator and compares with the interpreter of tile programs.
#pragma once

#include "lib/Conversion/TileToIsa/TileToIsa.h"

#include <mlir/IR/BuiltinOps.h>
#include <mlir/IR/MLIRContext.h>
#include <mlir/IR/OwningOpRef.h>

#include <memory>
#include <string>

namespace manaslu::test {

/// A parsed module with its context.
class TileModule {
public:
  /// Fails the test when the text does not parse.
  explicit TileModule(const std::string &text);
  mlir::func::FuncOp function();

private:
  std::unique_ptr<mlir::MLIRContext> context_;
  mlir::OwningOpRef<mlir::ModuleOp> module_;
};

/// What one run of the program on the simulator gave.
struct Figures {
  tile::LoweringStatistics lowering;
  int64_t timePs = 0;
  int64_t pePs = 0, dmaPs = 0;
  isa::Program program;
};

/// Constants named "p0", "p1", ... are [1 << 20] fp32 of pseudo-random values in (-1, 1).
tile::ParameterSource testParameters();

/// Lowers for `chip`, runs with random inputs and checks that every output equals the interpreter's, bit for bit. Failures fail the test.
Figures lowerAndCompare(const std::string &text, const tile::LoweringOptions &options = {}, const std::string &chip = "mt1");

/// Shorthands for types and views in program texts.
std::string bufferType(const std::string &space, int64_t partitions, int64_t elements, const std::string &type);

} // namespace manaslu::test
