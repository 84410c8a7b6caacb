// Matrix products, convolutions, pooling and attention. Operands may have a narrower float than the result (auto-cast).

#ifndef MANASLU_GRAPH_CONTRACTIONS
#define MANASLU_GRAPH_CONTRACTIONS

include "dialects/Graph/GraphBase.td"

class Graph_Contraction<string mnemonic, string text, list<Trait> traits = []> : Graph_CheckedOp<mnemonic, traits> {
  let summary = text;
  let results = (outs Graph_FloatTensor:$result);
}
def Graph_MatmulOp : Graph_Contraction<"matmul", "a b over the last two dimensions; the dimensions before them broadcast"> {
  let arguments = (ins Graph_FloatTensor:$a, Graph_FloatTensor:$b, Graph_Flag:$transpose_a, Graph_Flag:$transpose_b);
}
def Graph_LinearOp : Graph_Contraction<"linear", "x weight^T + bias, weight is [out, in]"> {
  let arguments = (ins Graph_FloatTensor:$x, Graph_FloatTensor:$weight, Optional<Graph_FloatTensor>:$bias);
}
def Graph_Conv2dOp : Graph_Contraction<"conv2d", "x is NCHW, weight is [out, in / groups, height, width]"> {
  let description = "`padding` is [top, left, bottom, right], or [height, width] for both sides.";
  let arguments = (ins Graph_FloatTensor:$x, Graph_FloatTensor:$weight, Optional<Graph_FloatTensor>:$bias,
                       Graph_Integers:$strides, Graph_Integers:$padding, Graph_Integers:$dilation, I64Attr:$groups);
}
def Graph_AttentionOp : Graph_Contraction<"attention", "softmax(q k^T * scale + mask) v"> {
  let description = [{
    q is [.., Tq, D], k [.., Tk, D], v [.., Tk, Dv]. A bool mask keeps where it is true, a float mask is added; both broadcast to [.., Tq, Tk].
    `causal` keeps key j for query i where j <= i.
    `enable_gqa`: the heads (third dimension from the end) of k and v divide those of q.
  }];
  let arguments = (ins Graph_FloatTensor:$q, Graph_FloatTensor:$k, Graph_FloatTensor:$v, Optional<Graph_Tensor>:$mask,
                       Graph_Number:$scale, Graph_Flag:$causal, Graph_Flag:$enable_gqa);
}

class Graph_Pool<string mnemonic, string text> : Graph_Contraction<mnemonic, text>;
def Graph_MaxPool2dOp : Graph_Pool<"max_pool2d", "Largest element of each window of NCHW; padding never wins"> {
  let arguments = (ins Graph_FloatTensor:$x, Graph_Integers:$kernel, Graph_Integers:$strides, Graph_Integers:$padding, Graph_Integers:$dilation, Graph_Flag:$ceil_mode);
}
def Graph_AvgPool2dOp : Graph_Pool<"avg_pool2d", "Mean of each window of NCHW"> {
  let arguments = (ins Graph_FloatTensor:$x, Graph_Integers:$kernel, Graph_Integers:$strides, Graph_Integers:$padding, Graph_Flag:$count_include_pad);
}

#endif
