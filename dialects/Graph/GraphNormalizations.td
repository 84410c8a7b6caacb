// Normalisations and softmax: statistics are computed in f32 whatever the type of the operand, and the result is rounded once.

#ifndef MANASLU_GRAPH_NORMALIZATIONS
#define MANASLU_GRAPH_NORMALIZATIONS

include "dialects/Graph/GraphBase.td"

class Graph_Normalization<string mnemonic, string text, list<Trait> traits = []>
    : Graph_InferredOp<mnemonic, "::llvm::FailureOr<::mlir::Type>(adaptor.getX().getType())", traits> {
  let summary = text;
  let results = (outs Graph_FloatTensor:$result);
  let hasVerifier = 1;
}
defvar F = Graph_FloatTensor;

def Graph_LayerNormOp : Graph_Normalization<"layer_norm", "(x - mean) / sqrt(variance + eps) * weight + bias over the last `normalized_rank` dimensions", [AttrSizedOperandSegments]> {
  let arguments = (ins F:$x, Optional<F>:$weight, Optional<F>:$bias, I64Attr:$normalized_rank, Graph_Number:$eps);
}
def Graph_RmsNormOp : Graph_Normalization<"rms_norm", "x / sqrt(mean(x * x) + eps) * weight over the last dimension"> {
  let arguments = (ins F:$x, Optional<F>:$weight, Graph_Number:$eps);
}
def Graph_BatchNormOp : Graph_Normalization<"batch_norm", "(x - mean) / sqrt(variance + eps) * weight + bias with given statistics of dimension 1"> {
  let arguments = (ins F:$x, F:$weight, F:$bias, F:$mean, F:$variance, Graph_Number:$eps);
}
def Graph_GroupNormOp : Graph_Normalization<"group_norm", "layer_norm of each group of channels (dimension 1), with weight and bias by channel", [AttrSizedOperandSegments]> {
  let arguments = (ins F:$x, Optional<F>:$weight, Optional<F>:$bias, I64Attr:$groups, Graph_Number:$eps);
}
def Graph_SoftmaxOp : Graph_Normalization<"softmax", "exp(x - max) / sum(exp(x - max)) along an axis"> {
  let arguments = (ins F:$x, I64Attr:$axis);
}
def Graph_LogSoftmaxOp : Graph_Normalization<"log_softmax", "x - max - log(sum(exp(x - max))) along an axis"> {
  let arguments = (ins F:$x, I64Attr:$axis);
}

#endif
