// Reductions, gather, and operations that move elements without computing.

#ifndef MANASLU_GRAPH_SHAPES
#define MANASLU_GRAPH_SHAPES

include "dialects/Graph/GraphBase.td"

class Graph_Shape<string mnemonic, string text, string rule> : Graph_InferredOp<mnemonic, rule> {
  let summary = text;
  let results = (outs Graph_Tensor:$result);
}
class Graph_Reduction<string mnemonic, string text> : Graph_Shape<mnemonic, text, "inferReduction(location, adaptor.getX(), adaptor.getAxes(), adaptor.getKeepdims())"> {
  let arguments = (ins Graph_Tensor:$x, Graph_Integers:$axes, Graph_Flag:$keepdims);
}
def Graph_ReduceSumOp : Graph_Reduction<"reduce_sum", "Sum over axes, accumulated in f32">;
def Graph_ReduceMeanOp : Graph_Reduction<"reduce_mean", "Mean over axes, accumulated in f32">;
def Graph_ReduceMaxOp : Graph_Reduction<"reduce_max", "Largest over axes, a NaN wins; or of bools">;
def Graph_ReduceMinOp : Graph_Reduction<"reduce_min", "Smallest over axes, a NaN wins; and of bools">;

class Graph_Position<string mnemonic, string text> : Graph_CheckedOp<mnemonic> {
  let summary = text;
  let arguments = (ins Graph_Tensor:$x, I64Attr:$axis, Graph_Flag:$keepdims);
  let results = (outs Graph_IntegerTensor:$result);
}
def Graph_ArgmaxOp : Graph_Position<"argmax", "Index of the first largest element along an axis, of the first NaN if there is one">;
def Graph_ArgminOp : Graph_Position<"argmin", "Index of the first smallest element along an axis, of the first NaN if there is one">;
def Graph_CumsumOp : Graph_Shape<"cumsum", "Running sum along an axis", "inferSame(location, adaptor.getX())"> {
  let arguments = (ins Graph_Tensor:$x, I64Attr:$axis);
  let hasVerifier = 1;
}
def Graph_GatherOp : Graph_Shape<"gather", "Slices of the table along an axis; the axis is replaced by the shape of the indices",
                                 "inferGather(location, adaptor.getTable(), adaptor.getIndices(), adaptor.getAxis())"> {
  let arguments = (ins Graph_Tensor:$table, Graph_IntegerTensor:$indices, I64Attr:$axis);
}
def Graph_TransposeOp : Graph_Shape<"transpose", "Result dimension i is operand dimension permutation[i]", "inferTranspose(location, adaptor.getX(), adaptor.getPermutation())"> {
  let arguments = (ins Graph_Tensor:$x, Graph_Integers:$permutation);
  let hasFolder = 1;
  let hasCanonicalizer = 1;
}
def Graph_SliceOp : Graph_Shape<"slice", "Elements from starts to limits (exclusive) by strides", "inferSlice(location, adaptor.getX(), adaptor.getStarts(), adaptor.getLimits(), adaptor.getStrides())"> {
  let arguments = (ins Graph_Tensor:$x, Graph_Integers:$starts, Graph_Integers:$limits, Graph_Integers:$strides);
  let hasFolder = 1;
}
def Graph_ConcatOp : Graph_Shape<"concat", "Operands one after the other along an axis", "inferConcat(location, adaptor.getInputs(), adaptor.getAxis())"> {
  let arguments = (ins Variadic<Graph_Tensor>:$inputs, I64Attr:$axis);
  let hasFolder = 1;
}
def Graph_PadOp : Graph_Shape<"pad", "A constant border of low and high elements a dimension", "inferPad(location, adaptor.getX(), adaptor.getLow(), adaptor.getHigh())"> {
  let arguments = (ins Graph_Tensor:$x, Graph_Integers:$low, Graph_Integers:$high, Graph_Literal:$value);
  let hasFolder = 1;
}
def Graph_ReshapeOp : Graph_CheckedOp<"reshape"> {
  let summary = "The same elements in row-major order under another shape";
  let arguments = (ins Graph_Tensor:$x);
  let results = (outs Graph_Tensor:$result);
  let hasFolder = 1;
  let hasCanonicalizer = 1;
}
def Graph_BroadcastToOp : Graph_CheckedOp<"broadcast_to"> {
  let summary = "NumPy's broadcast to the result's shape";
  let arguments = (ins Graph_Tensor:$x);
  let results = (outs Graph_Tensor:$result);
  let hasFolder = 1;
}
def Graph_IotaOp : Graph_CheckedOp<"iota"> {
  let summary = "The index along an axis";
  let arguments = (ins I64Attr:$axis);
  let results = (outs Graph_Tensor:$result);
}

#endif
