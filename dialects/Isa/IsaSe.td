// Instructions of the scalar engine: the only one with transcendentals.

#ifndef MANASLU_ISA_SE
#define MANASLU_ISA_SE

include "dialects/Isa/IsaBase.td"

def Isa_ActivateOp : Isa_Instruction<SeFamily, "activate", 128, [Isa_Field<Tile, "dst">, Isa_Field<Tile, "src">, Isa_Field<ActFuncKind, "func">,
    Isa_Field<ScalarKindKind, "scaleKind">, Isa_Field<F32Bits, "scaleImm">, Isa_Field<Tile, "scale", "[P, 1]">,
    Isa_Field<ScalarKindKind, "biasKind">, Isa_Field<F32Bits, "biasImm">, Isa_Field<Tile, "bias", "[P, 1]">,
    Isa_Field<Flag, "reduce", "also write the sum">, Isa_Field<Tile, "sum", "[P, 1] fp32">]> {
  let description = "`dst = func(src * scale + bias)`. With `reduce`, `sum[p]` gets the sum of partition p's fp32 results before narrowing, in the order of docs/Numerics.md.";
  let cost = "max(64, N); with reduction + 64";
  let rules = ["`dst` and `src` have the same partitions and number of elements.",
    "A scale or bias tile has the partitions of `src` and one element each; with an immediate the tile is all default, with a tile the immediate is zero.",
    "`sum` is all default without `reduce`, else fp32 with one element per partition of `dst`."];
}

#endif // MANASLU_ISA_SE
