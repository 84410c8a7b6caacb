// manaslu-lsp-server: completion, hover and diagnostics for .mlir files in editors.
#include "lib/Pipeline/Pipeline.h"

#include <mlir/Tools/mlir-lsp-server/MlirLspServerMain.h>

int main(int argumentCount, char **arguments) {
  mlir::DialectRegistry registry;
  manaslu::pipeline::registerDialects(registry);
  return mlir::failed(mlir::MlirLspServerMain(argumentCount, arguments, registry));
}
