// manaslu-reduce: makes an .mlir file that shows a bug smaller while a test script still finds the bug.
#include "lib/Pipeline/Pipeline.h"
#include "lib/Pipeline/ReductionPatterns.h"

#include <mlir/IR/MLIRContext.h>
#include <mlir/Tools/mlir-reduce/MlirReduceMain.h>

int main(int argumentCount, char **arguments) {
  mlir::DialectRegistry registry;
  manaslu::pipeline::registerDialects(registry);
  manaslu::pipeline::registerReductionPatterns(registry);
  manaslu::pipeline::registerPassesAndPipelines();
  manaslu::pipeline::registerReduceOperations();
  mlir::MLIRContext context(registry);
  return mlir::failed(mlir::mlirReduceMain(argumentCount, arguments, context));
}
