// Instructions of the scalar engine: the only one with transcendentals.

#ifndef MANASLU_ISA_SE
#define MANASLU_ISA_SE

include "dialects/Isa/IsaBase.td"

def Isa_ActivateOp : Isa_Instruction<SeFamily, "activate", 128, [Isa_Field<Tile, "dst">, Isa_Field<Tile, "src">, Isa_Field<ActFuncKind, "func">,
    Isa_OptionalField<ScalarKindKind, "scaleKind">, Isa_OptionalField<F32One, "scaleImm">, Isa_OptionalField<Tile, "scale", "[P, 1]">,
    Isa_OptionalField<ScalarKindKind, "biasKind">, Isa_OptionalField<F32Bits, "biasImm">, Isa_OptionalField<Tile, "bias", "[P, 1]">,
    Isa_OptionalField<Flag, "reduce", "also write the sum">, Isa_OptionalField<Tile, "sum", "[P, 1] fp32">, NarrowField]> {
  let description = "`dst = func(src * scale + bias)`. With `reduce`, `sum[p]` gets the sum of partition p's fp32 results before narrowing, in the order of docs/Numerics.md.";
  let cost = "max(64, N); with reduction + 64";
  let rules = ["`dst` and `src` have the same partitions and number of elements.",
    "A scale or bias tile has the partitions of `src` and one element each; of tile and immediate, the one that the kind does not name is ignored.",
    "With `reduce`, `sum` is fp32 with one element per partition of `dst`; without, it is ignored."];
}

#endif // MANASLU_ISA_SE
