// Sources of values, and operations on elements with NumPy's broadcasting.

#ifndef MANASLU_GRAPH_ELEMENTWISE
#define MANASLU_GRAPH_ELEMENTWISE

include "dialects/Graph/GraphBase.td"

// Sources and state.

def Graph_ParameterOp : Graph_Op<"parameter", [Pure]> {
  let summary = "A weight, by its name in the side file";
  let arguments = (ins StrAttr:$name);
  let results = (outs Graph_Tensor:$result);
}
def Graph_ConstantOp : Graph_Op<"constant", [Pure, ConstantLike]> {
  let summary = "A small constant";
  let arguments = (ins ElementsAttr:$value);
  let results = (outs Graph_Tensor:$result);
  let hasFolder = 1;
  let hasVerifier = 1;
  let builders = [OpBuilder<(ins "::mlir::ElementsAttr":$value), [{ build($_builder, $_state, value.getType(), value); }]>];
}
def Graph_StateReadOp : Graph_Op<"state_read", [MemoryEffects<[MemRead]>]> {
  let summary = "The value of a state that lives between runs";
  let arguments = (ins StrAttr:$name);
  let results = (outs Graph_Tensor:$result);
}
def Graph_StateWriteOp : Graph_Op<"state_write", [MemoryEffects<[MemWrite]>]> {
  let summary = "The new value of a state";
  let arguments = (ins Graph_Tensor:$value, StrAttr:$name);
}

// One operand; the result has its type.

class Graph_Unary<string mnemonic, string text, dag types = (ins Graph_FloatTensor:$x), dag attributes = (ins)>
    : Graph_Op<mnemonic, [Pure, SameOperandsAndResultType]> {
  let summary = text;
  let arguments = !con(types, attributes);
  let results = (outs Graph_Tensor:$result);
}
defvar AnyNumber = (ins Graph_Tensor:$x);

def Graph_NegOp : Graph_Unary<"neg", "-x", AnyNumber> { let hasFolder = 1; }
def Graph_AbsOp : Graph_Unary<"abs", "|x|", AnyNumber>;
def Graph_ExpOp : Graph_Unary<"exp", "e to the x">;
def Graph_Exp2Op : Graph_Unary<"exp2", "2 to the x">;
def Graph_LogOp : Graph_Unary<"log", "natural logarithm">;
def Graph_Log1pOp : Graph_Unary<"log1p", "log(1 + x)">;
def Graph_Expm1Op : Graph_Unary<"expm1", "exp(x) - 1">;
def Graph_SqrtOp : Graph_Unary<"sqrt", "square root">;
def Graph_RsqrtOp : Graph_Unary<"rsqrt", "1 / sqrt(x)">;
def Graph_ReciprocalOp : Graph_Unary<"reciprocal", "1 / x">;
def Graph_TanhOp : Graph_Unary<"tanh", "hyperbolic tangent">;
def Graph_SigmoidOp : Graph_Unary<"sigmoid", "1 / (1 + exp(-x))">;
def Graph_ErfOp : Graph_Unary<"erf", "error function">;
def Graph_SiluOp : Graph_Unary<"silu", "x * sigmoid(x)">;
def Graph_ReluOp : Graph_Unary<"relu", "max(x, 0)", AnyNumber>;
def Graph_SinOp : Graph_Unary<"sin", "sine">;
def Graph_CosOp : Graph_Unary<"cos", "cosine">;
def Graph_FloorOp : Graph_Unary<"floor", "largest integer that is not above x">;
def Graph_RoundOp : Graph_Unary<"round", "nearest integer, ties to even">;
def Graph_SignOp : Graph_Unary<"sign", "-1, 0 or 1", AnyNumber>;
def Graph_SquareOp : Graph_Unary<"square", "x * x", AnyNumber>;
def Graph_LogicalNotOp : Graph_Unary<"logical_not", "not x", (ins Graph_BoolTensor:$x)> { let hasFolder = 1; }
def Graph_GeluOp : Graph_Unary<"gelu", "x * Phi(x); approximate is none (erf) or tanh", (ins Graph_FloatTensor:$x), (ins StrAttr:$approximate)> {
  let hasVerifier = 1;
}

// Two operands of one element type, broadcast; the result has that type.

class Graph_Binary<string mnemonic, string text, list<Trait> traits = []>
    : Graph_InferredOp<mnemonic, "inferBroadcast(location, adaptor.getOperands())", traits> {
  let summary = text;
  let arguments = (ins Graph_Tensor:$a, Graph_Tensor:$b);
  let results = (outs Graph_Tensor:$result);
}
def Graph_AddOp : Graph_Binary<"add", "a + b", [Commutative]> { let hasFolder = 1; }
def Graph_SubOp : Graph_Binary<"sub", "a - b"> { let hasFolder = 1; }
def Graph_MulOp : Graph_Binary<"mul", "a * b", [Commutative]> { let hasFolder = 1; }
def Graph_DivOp : Graph_Binary<"div", "a / b; integers towards zero"> { let hasFolder = 1; }
def Graph_FloorDivOp : Graph_Binary<"floor_div", "floor(a / b)">;
def Graph_PowOp : Graph_Binary<"pow", "a to the b"> { let hasCanonicalizer = 1; }
def Graph_MaxOp : Graph_Binary<"max", "larger of both, a NaN wins", [Commutative]>;
def Graph_MinOp : Graph_Binary<"min", "smaller of both, a NaN wins", [Commutative]>;
def Graph_RemainderOp : Graph_Binary<"remainder", "a - floor(a / b) * b, with the sign of b">;

class Graph_Logical<string mnemonic, string text> : Graph_Binary<mnemonic, text, [Commutative]> {
  let arguments = (ins Graph_BoolTensor:$a, Graph_BoolTensor:$b);
}
def Graph_LogicalAndOp : Graph_Logical<"logical_and", "a and b"> { let hasFolder = 1; }
def Graph_LogicalOrOp : Graph_Logical<"logical_or", "a or b"> { let hasFolder = 1; }
def Graph_LogicalXorOp : Graph_Logical<"logical_xor", "either a or b">;

def Graph_CompareOp : Graph_InferredOp<"compare", "inferCompare(location, adaptor.getOperands())"> {
  let summary = "Bool; predicate is eq, ne, lt, le, gt or ge";
  let arguments = (ins Graph_Tensor:$a, Graph_Tensor:$b, StrAttr:$predicate);
  let results = (outs Graph_BoolTensor:$result);
  let hasVerifier = 1;
}
def Graph_SelectOp : Graph_InferredOp<"select", "inferSelect(location, adaptor.getOperands())"> {
  let summary = "condition ? a : b";
  let arguments = (ins Graph_BoolTensor:$condition, Graph_Tensor:$a, Graph_Tensor:$b);
  let results = (outs Graph_Tensor:$result);
}
def Graph_CastOp : Graph_CheckedOp<"cast"> {
  let summary = "To another element type";
  let description = [{
    `rounding` is nearest_even, of a float to an integer toward_zero. `overflow` is what numbers become that the result's type does not reach: of an integer to an integer wrap, of a float to an integer
    (NaN becomes 0) and of anything to bool (all but 0 are true) saturate, of anything to a float propagate: an infinity, in f8E4M3FN a NaN. A cast to an 8-bit float may saturate instead: the largest
    number of that sign, also for infinities.
  }];
  let arguments = (ins Graph_Tensor:$x, StrAttr:$rounding, StrAttr:$overflow);
  let results = (outs Graph_Tensor:$result);
  let hasFolder = 1;
  let hasCanonicalizer = 1;
  // 8-bit floats saturate, as quantisers want.
  let builders = [OpBuilder<(ins "::mlir::Type":$type, "::mlir::Value":$x)>];
}

#endif
