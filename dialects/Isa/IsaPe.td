// Instructions of the matrix engine.

#ifndef MANASLU_ISA_PE
#define MANASLU_ISA_PE

include "dialects/Isa/IsaBase.td"

class Isa_Pe<string mnemonic, int opcode, list<Isa_Field> fields> : Isa_Instruction<PeFamily, mnemonic, opcode, fields>;

def Isa_MatmulOp : Isa_Pe<"matmul", 64, [Isa_Field<Tile, "acc", "[M, N] fp32 in PSUM">, Isa_Field<Tile, "stationary", "[K, M] in SBUF">, Isa_Field<Tile, "moving", "[K, N] in SBUF">,
    Isa_OptionalField<Flag, "accumulate", "add to what acc holds">]> {
  let description = "`acc[m, n] = (accumulate ? acc[m, n] : 0) + sum over k of stationary[k, m] * moving[k, n]`; rounding and the order of the sum are those of docs/Numerics.md.";
  let cost = "max(64, N) * passes; loading the stationary operand costs 32 * ceil(passes) and overlaps the previous matmul when it is ready in time";
  let rules = ["K, M <= the rows and columns of the array (128), N <= 512.", "`acc` is fp32 and lies in one 2 KiB bank of each partition (for integer operands it may be int32).",
    "The operands' types are bf16, f16, tf32 and fp8 in any mix, or both f32, or both 8-bit integers.", "`stationary` and `moving` have the same partitions."];
}
def Isa_TransposeOp : Isa_Pe<"transpose", 65, [Isa_Field<Tile, "dst", "[F, P] in PSUM">, Isa_Field<Tile, "src", "[P, F] in SBUF">]> {
  let description = "`dst[f, p] = src[p, f]`, bits unchanged.";
  let cost = "max(P, min(64, F)); 4-byte types four times that";
  let rules = ["F <= 128 and P <= 128.", "`dst` has the type of `src` and lies in one bank of each partition."];
}

#endif // MANASLU_ISA_PE
