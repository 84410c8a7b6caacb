// Passes that stay inside the graph dialect.

#ifndef MANASLU_GRAPH_PASSES
#define MANASLU_GRAPH_PASSES

include "mlir/Pass/PassBase.td"

def NarrowIntegers : Pass<"narrow-integers", "::mlir::ModuleOp"> {
  let summary = "int64 values become int32 where their range is proved; so do uint8 values";
  let description = [{
    Follows intervals from inputs and constants. Inputs keep their framework type as `graph.host_type`; where an input's full int32 range would overflow an operation, the input is bounded by
    `graph.range` (the host rejects other values) if some bound makes every operation fit. Otherwise: MN-NUM-RANGE.
  }];
}
def FoldGraphConstants : Pass<"fold-graph-constants", "::mlir::func::FuncOp"> {
  let summary = "Integer and bool side graphs that depend on no input become constants";
  let options = [Option<"limit", "limit", "int64_t", "1048576", "largest constant to make, in elements">];
}
def SelectTypes : Pass<"select-types", "::mlir::func::FuncOp"> {
  let summary = "The float type that every operator computes in, by a precision table";
  let description = [{
    The first rule that matches an operator's name or its module's path says in which type its products take their operands; values between operators have the table's default type. 8-bit operands
    may be scaled, by tensor or by row: weights when the program is compiled, activations by a given scale or by one computed on the chip. Inputs, results and states keep their types.
  }];
  let options = [Option<"mode", "mode", "std::string", "\"none\"", "without a table: none, matmult (operands of products) or all (every float value)">,
                 Option<"type", "type", "std::string", "\"bf16\"", "without a table: tf32, bf16, fp16 or fp8_e4m3">,
                 Option<"precision", "precision", "std::string", "\"\"", "a precision table's file">];
}
def DecomposeGraph : Pass<"decompose-graph", "::mlir::func::FuncOp"> {
  let summary = "Normalisations, softmax, attention and biases become simple operations";
  let description = "Statistics are in f32: operands are widened, the result is rounded once.";
}
def FoldParameters : Pass<"fold-parameters", "::mlir::func::FuncOp"> {
  let summary = "Operations on parameters and constants alone are evaluated at compile time, giving new parameters";
  let options = [Option<"weights", "weights", "std::string", "\"\"", "safetensors file, when no store is given">];
}

#endif
