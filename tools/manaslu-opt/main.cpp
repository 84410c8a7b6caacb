// manaslu-opt: runs passes over .mlir text of any stage.
#include "lib/Pipeline/Pipeline.h"

#include <mlir/Tools/mlir-opt/MlirOptMain.h>

int main(int argumentCount, char **arguments) {
  mlir::DialectRegistry registry;
  manaslu::pipeline::registerDialects(registry);
  manaslu::pipeline::registerPassesAndPipelines();
  return mlir::asMainReturnCode(mlir::MlirOptMain(argumentCount, arguments, "Manaslu's passes\n", registry));
}
