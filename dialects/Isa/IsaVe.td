// Instructions of the vector engine: fp32 inside, free casts in and out.

#ifndef MANASLU_ISA_VE
#define MANASLU_ISA_VE

include "dialects/Isa/IsaBase.td"

class Isa_Ve<string mnemonic, int opcode, list<Isa_Field> fields> : Isa_Instruction<VeFamily, mnemonic, opcode, fields> { let cost = "max(64, N)"; }
class Isa_VeRules {
  string shape = "All tiles have the same partitions and the same sizes per partition.";
  string start = "Inputs start at the same partition; at most one operand lies in PSUM.";
  string scalar = "A scalar tile has the partitions of `src` and one element each; of tile and immediate, the one that the kind does not name is ignored.";
}
def VeRule : Isa_VeRules;

def Isa_TensorTensorOp : Isa_Ve<"tensor_tensor", 96, [Isa_Field<Tile, "dst">, Isa_Field<Tile, "a">, Isa_Field<Tile, "b">, Isa_Field<AluOpKind, "op">, NarrowField]> {
  let description = "`dst = a op b`, element by element.";
  let cost = "max(64, 2 N); max(64, N) with one operand in PSUM, or all bf16 and contiguous (add, sub, mul); divide max(64, 2 N)";
  let rules = [VeRule.shape, VeRule.start];
}
def Isa_TensorScalarOp : Isa_Ve<"tensor_scalar", 97, [Isa_Field<Tile, "dst">, Isa_Field<Tile, "src">,
    Isa_Field<AluOpKind, "op0">, Isa_OptionalField<ScalarKindKind, "kind0">, Isa_OptionalField<F32Bits, "imm0">, Isa_OptionalField<Tile, "scalar0", "[P, 1]">, Isa_OptionalField<Flag, "reverse0", "scalar op element">,
    Isa_OptionalField<AluOpOrNothing, "op1">, Isa_OptionalField<ScalarKindKind, "kind1">, Isa_OptionalField<F32Bits, "imm1">, Isa_OptionalField<Tile, "scalar1", "[P, 1]">, Isa_OptionalField<Flag, "reverse1", "scalar op result">, NarrowField]> {
  let description = "`dst = (src op0 scalar0) op1 scalar1`; `bypass` as op1 leaves the second step out. A scalar is an immediate or one element per partition.";
  let rules = [VeRule.shape, VeRule.start, VeRule.scalar];
}
def Isa_ReduceOp : Isa_Ve<"reduce", 98, [Isa_Field<Tile, "dst">, Isa_Field<Tile, "src">, Isa_Field<AluOpKind, "op", "add, mul, max, min or abs_max">,
    Isa_Field<Axes, "axes", "how many innermost free dimensions">, Isa_OptionalField<Flag, "negate", "the result's sign is turned">, NarrowField]> {
  let description = "Reduces the innermost `axes` free dimensions of `src`; the order is that of docs/Numerics.md (32 partials).";
  let cost = "max(64, N); N / 2 for bf16 add and max";
  let rules = ["`op` is add, mul, max, min or abs_max.", "`dst` has as many elements per partition as the outer dimensions of `src`."];
}
def Isa_ScanOp : Isa_Ve<"scan", 99, [Isa_Field<Tile, "dst">, Isa_Field<Tile, "a">, Isa_Field<Tile, "b">,
    Isa_OptionalField<ScalarKindKind, "initialKind">, Isa_OptionalField<F32Bits, "initialImm">, Isa_OptionalField<Tile, "initial", "[P, 1]">, Isa_Field<AluOpKind, "op0">, Isa_OptionalField<AluOpKind, "op1">, NarrowField]> {
  let description = "`state = (state op0 a[i]) op1 b[i]; dst[i] = state` from left to right in each partition, starting from `initial`; two roundings a step.";
  let cost = "max(64, 2 N)";
  let rules = [VeRule.shape, VeRule.start, VeRule.scalar];
}
def Isa_SelectOp : Isa_Ve<"select", 100, [Isa_Field<Tile, "dst">, Isa_Field<Tile, "mask">, Isa_Field<Tile, "onTrue">, Isa_Field<Tile, "onFalse">, NarrowField]> {
  let description = "`dst = mask != 0 ? onTrue : onFalse`; bits unchanged when the types are equal.";
  let rules = [VeRule.shape, VeRule.start];
}
def Isa_CopyOp : Isa_Ve<"copy", 101, [Isa_Field<Tile, "dst">, Isa_Field<Tile, "src">, NarrowField]> {
  let description = "`dst = src`, cast when the types differ, else bits unchanged.";
  let rules = ["Both sides have the same partitions and number of elements."];
}
def Isa_MemsetOp : Isa_Ve<"memset", 102, [Isa_Field<Tile, "dst">, Isa_Field<F32Bits, "value">, NarrowField]> {
  let description = "Every element of `dst` gets `value`, cast from fp32.";
  let cost = "max(64, N); N / 2 for 16-bit types";
}
def Isa_ReciprocalOp : Isa_Ve<"reciprocal", 103, [Isa_Field<Tile, "dst">, Isa_Field<Tile, "src">, NarrowField]> {
  let description = "`dst = 1 / src`, correctly rounded.";
  let cost = "max(64, 2 N)";
  let rules = [VeRule.shape];
}
def Isa_BnStatsOp : Isa_Ve<"bn_stats", 104, [Isa_Field<Tile, "dst", "[P, 3] fp32: count, mean, M2">, Isa_Field<Tile, "src">]> {
  let description = "Count, mean and sum of squared distances from the mean of each partition's elements, in two passes.";
  let rules = ["`dst` has 3 fp32 elements per partition."];
}
def Isa_BnAggregateOp : Isa_Ve<"bn_aggregate", 105, [Isa_Field<Tile, "dst", "[P, 2] fp32: mean, variance">, Isa_Field<Tile, "src", "[P, 3 n] fp32">]> {
  let description = "Merges n results of `bn_stats` from left to right by Chan's formula; gives mean and variance (M2 / count).";
  let cost = "max(64, 13 N / 3)";
  let rules = ["`dst` has 2 fp32 elements per partition, `src` a multiple of 3."];
}
def Isa_Max8Op : Isa_Ve<"max8", 106, [Isa_Field<Tile, "dst", "[P, 8]">, Isa_Field<Tile, "src">, NarrowField]> {
  let description = "The 8 largest elements of each partition, descending; NaN is the largest.";
  let cost = "N";
  let rules = ["`src` has at least 8 elements per partition, `dst` 8."];
}
def Isa_FindIndex8Op : Isa_Ve<"find_index8", 107, [Isa_Field<Tile, "dst", "[P, 8] of type i32">, Isa_Field<Tile, "values", "[P, 8]">, Isa_Field<Tile, "src">]> {
  let description = "For each of the 8 values the index of its element in `src`; equal values take ascending indices, the lowest first; -1 if absent.";
  let cost = "N";
  let rules = ["`dst` is i32; `dst` and `values` have 8 elements per partition."];
}
def Isa_MatchReplace8Op : Isa_Ve<"match_replace8", 108, [Isa_Field<Tile, "dst">, Isa_Field<Tile, "src">, Isa_Field<Tile, "values", "[P, 8]">, Isa_Field<F32Bits, "value">, NarrowField]> {
  let description = "`dst = src`, but for each of the 8 values its first element not replaced yet becomes `value`.";
  let cost = "N";
  let rules = ["`values` has 8 elements per partition."];
}
def Isa_TransposeBlockOp : Isa_Ve<"transpose_block", 109, [Isa_Field<Tile, "dst">, Isa_Field<Tile, "src">]> {
  let description = "Transposes each 32 x 32 block in place of itself: `dst[32 i + r, 32 j + c] = src[32 i + c, 32 j + r]`, bits unchanged.";
  let rules = ["Partitions and elements per partition are multiples of 32; the types are equal."];
}
def Isa_ShuffleOp : Isa_Ve<"shuffle", 110, [Isa_Field<Tile, "dst">, Isa_Field<Tile, "src">, Isa_Field<ShuffleMask, "mask">]> {
  let description = "In each quadrant of 32 partitions, partition p of `dst` gets partition `mask[p]` of `src`, bits unchanged.";
  let rules = ["The number of partitions is a multiple of 32; the types are equal."];
}
def Isa_RandomOp : Isa_Ve<"random", 111, [Isa_Field<Tile, "dst", "4-byte type">, Isa_Field<U64, "seed">, Isa_Field<U63, "base", "index of the first element in the whole tensor">,
    Isa_Field<U32, "site">, Isa_OptionalField<Register, "stepReg">, Isa_Field<U32, "partitionStep">]> {
  let description = "Element i of partition p gets lane `index & 3` of Philox4x32-10(key seed, counter {index >> 2 low, high, site, R[stepReg]}) with `index = base + p * partitionStep + i`.";
  let rules = ["`dst` has a 4-byte type."];
}

#endif // MANASLU_ISA_VE
