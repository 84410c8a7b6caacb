// Instructions of the general engine: indices, masks, movement across partitions, integers. It does not reach PSUM.

#ifndef MANASLU_ISA_GE
#define MANASLU_ISA_GE

include "dialects/Isa/IsaBase.td"

class Isa_Ge<string mnemonic, int opcode, list<Isa_Field> fields> : Isa_Instruction<GeFamily, mnemonic, opcode, fields> { let cost = "150 + N"; }
class Isa_GeRules {
  string sbuf = "Every operand lies in SBUF.";
  string shape = "All tiles have the same partitions and number of elements.";
  string integers = "Every operand has type i32.";
}
def GeRule : Isa_GeRules;

def Isa_IotaOp : Isa_Ge<"iota", 160, [Isa_Field<Tile, "dst">, Isa_Field<S32, "base">, Isa_Field<S32, "partitionStep">, Isa_Field<Steps, "steps", "per free dimension, outermost first">, NarrowField]> {
  let description = "`dst[p, i0..i3] = base + p * partitionStep + sum(i_k * steps[k])` in int32 modulo 2^32, cast to the type of `dst`; p counts from 0.";
  let rules = [GeRule.sbuf];
}
def Isa_AffineSelectOp : Isa_Ge<"affine_select", 161, [Isa_Field<Tile, "dst">, Isa_Field<Tile, "src">, Isa_Field<S32, "base">, Isa_Field<S32, "partitionStep">, Isa_Field<Steps, "steps">,
    Isa_Field<CompareKind, "compare">, Isa_Field<F32Bits, "fill">, NarrowField]> {
  let description = "Keeps `src` where `base + p * partitionStep + sum(i_k * steps[k])` (int32 modulo 2^32; i counts the dimensions of `dst`) compares with 0 as asked, else writes `fill` cast from fp32.";
  let rules = [GeRule.sbuf, GeRule.shape];
}
def Isa_PartitionReduceOp : Isa_Ge<"partition_reduce", 162, [Isa_Field<Tile, "dst", "[1, F]">, Isa_Field<Tile, "src", "[P, F]">, Isa_Field<AluOpKind, "op">, NarrowField]> {
  let description = "Reduces over the partitions; the order is that of docs/Numerics.md.";
  let cost = "150 + 4 N";
  let rules = [GeRule.sbuf, "`op` is add, mul, max, min or abs_max.", "`dst` has one partition and the elements of one partition of `src`."];
}
def Isa_PartitionBroadcastOp : Isa_Ge<"partition_broadcast", 163, [Isa_Field<Tile, "dst", "[P, F]">, Isa_Field<Tile, "src", "[1, F]">, NarrowField]> {
  let description = "Every partition of `dst` gets the one partition of `src`.";
  let cost = "150 + 4 N";
  let rules = [GeRule.sbuf, "`src` has one partition and as many elements as each partition of `dst`."];
}
def Isa_GatherOp : Isa_Ge<"gather", 164, [Isa_Field<Tile, "dst", "[P, I]">, Isa_Field<Tile, "src", "[P, F]">, Isa_Field<Tile, "index", "[P, I] of type i32">, NarrowField]> {
  let description = "`dst[p, i] = src[p, index[p, i]]`.";
  let cost = "150 + 8 N";
  let rules = [GeRule.sbuf, "0 <= index < elements per partition of `src`, checked at run time.", "`dst` and `index` have the same partitions and number of elements."];
}
def Isa_ScatterOp : Isa_Ge<"scatter", 165, [Isa_Field<Tile, "dst", "[P, F]">, Isa_Field<Tile, "src", "[P, I]">, Isa_Field<Tile, "index", "[P, I] of type i32">, NarrowField]> {
  let description = "`dst[p, index[p, i]] = src[p, i]`, i ascending; other elements of `dst` stay.";
  let cost = "150 + 8 N";
  let rules = [GeRule.sbuf, "0 <= index < elements per partition of `dst`, checked at run time.", "`src` and `index` have the same partitions and number of elements."];
}
def Isa_IntTensorTensorOp : Isa_Ge<"int_tensor_tensor", 166, [Isa_Field<Tile, "dst">, Isa_Field<Tile, "a">, Isa_Field<Tile, "b">, Isa_Field<IntOpKind, "op">]> {
  let description = "`dst = a op b` in int32 modulo 2^32.";
  let rules = [GeRule.sbuf, GeRule.shape, GeRule.integers];
}
def Isa_IntTensorScalarOp : Isa_Ge<"int_tensor_scalar", 167, [Isa_Field<Tile, "dst">, Isa_Field<Tile, "src">, Isa_Field<IntOpKind, "op">, Isa_Field<S32, "value">]> {
  let description = "`dst = src op value` in int32 modulo 2^32.";
  let rules = [GeRule.sbuf, GeRule.shape, GeRule.integers];
}

#endif // MANASLU_ISA_GE
