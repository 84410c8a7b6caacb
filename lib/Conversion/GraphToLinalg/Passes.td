// Passes from the graph dialect to linalg on tensors.

#ifndef MANASLU_GRAPH_TO_LINALG_PASSES
#define MANASLU_GRAPH_TO_LINALG_PASSES

include "mlir/Pass/PassBase.td"

def ConvertGraphToLinalg : Pass<"convert-graph-to-linalg", "::mlir::ModuleOp"> {
  let summary = "Graph operations become linalg.generic and tensor operations";
  let description = [{
    Needs decompose-graph before it. Contractions multiply and add in f32 over operands widened in the body; element-wise operations widen, compute in f32 and narrow once. Parameters become
    extern `ml_program.global`s, states mutable ones.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect", "::mlir::math::MathDialect", "::mlir::ml_program::MLProgramDialect", "::mlir::tensor::TensorDialect"];
}
def FuseElementwise : Pass<"fuse-elementwise", "::mlir::func::FuncOp"> {
  let summary = "An element-wise producer with one use joins its consumer, unless that is a contraction";
  let description = "Inside a fused body a narrowing that is widened again goes away: the value in between stays in f32.";
  let dependentDialects = ["::mlir::linalg::LinalgDialect"];
}

#endif
