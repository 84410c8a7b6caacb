// Instructions of the DMA rings: copies between device memory, SBUF and PSUM.

#ifndef MANASLU_ISA_DMA
#define MANASLU_ISA_DMA

include "dialects/Isa/IsaBase.td"

class Isa_Dma<string mnemonic, int opcode, list<Isa_Field> fields> : Isa_Instruction<DmaFamily, mnemonic, opcode, fields> {
  let cost = "latency, then per mover and row of b bytes max(b / rate, 24 ns + b / (1.1 rate)); partitions are split over the movers";
}
// The rule of all copies.
class Isa_DmaCopyRule { string same = "Both sides have the same number of elements and enumerate them in the same order, the partition outermost; different types cast through fp32, equal ones move bits."; }
def DmaRule : Isa_DmaCopyRule;

def Isa_DmaLoadOp : Isa_Dma<"dma_load", 32, [Isa_Field<Tile, "dst">, Isa_Field<Device, "src">, NarrowField]> {
  let description = "Copies device memory to SBUF or PSUM.";
  let rules = [DmaRule.same];
}
def Isa_DmaStoreOp : Isa_Dma<"dma_store", 33, [Isa_Field<Device, "dst">, Isa_Field<Tile, "src">, NarrowField]> {
  let description = "Copies SBUF or PSUM to device memory.";
  let rules = [DmaRule.same, "The written region is an output, state or scratch."];
}
def Isa_DmaMoveOp : Isa_Dma<"dma_move", 34, [Isa_Field<Tile, "dst">, Isa_Field<Tile, "src">, NarrowField]> {
  let description = "Copies within SBUF and PSUM; moves between any partitions.";
  let rules = [DmaRule.same];
}
def Isa_DmaCopyOp : Isa_Dma<"dma_copy", 35, [Isa_Field<Device, "dst">, Isa_Field<Device, "src">, NarrowField]> {
  let description = "Copies device memory to device memory.";
  let rules = [DmaRule.same, "The written region is an output, state or scratch."];
}
def Isa_DmaGatherOp : Isa_Dma<"dma_gather", 36, [Isa_Field<Tile, "dst">, Isa_Field<Device, "table", "dims[0] is the row dimension, the others are one row">,
    Isa_Field<Tile, "index", "[P, 1] of type i32">, Isa_Field<U32, "rows", "rows of the table">, NarrowField]> {
  let description = "Partition p of `dst` gets row `index[p]` of the table: the elements of the dimensions after dims[0], at `index[p] * dims[0].stride`.";
  let rules = ["0 <= index[p] < rows, checked at run time.", "`index` has as many partitions as `dst`, one element each, type i32."];
}
def Isa_DmaScatterOp : Isa_Dma<"dma_scatter", 37, [Isa_Field<Device, "dst", "dims[0] is the row dimension, the others are one row">, Isa_Field<Tile, "src">,
    Isa_Field<Tile, "index", "[P, 1] of type i32">, Isa_Field<U32, "rows", "rows of the table">, Isa_OptionalField<Flag, "add", "add in fp32 instead of overwriting">, NarrowField]> {
  let description = "Row `index[p]` of `dst` gets partition p of `src`, partitions ascending (with equal indices the last wins, or all are added in that order).";
  let rules = ["0 <= index[p] < rows, checked at run time.", "`index` has as many partitions as `src`, one element each, type i32.", "The written region is an output, state or scratch."];
}
def Isa_DmaTransposeOp : Isa_Dma<"dma_transpose", 38, [Isa_Field<Tile, "dst", "[F, P]">, Isa_Field<Tile, "src", "[P, F]">]> {
  let description = "`dst[f, p] = src[p, f]`, bits unchanged.";
  let rules = ["Both types are the same 2-byte type.", "`dst` has F partitions and P elements each."];
}
def Isa_DmaFillOp : Isa_Dma<"dma_fill", 39, [Isa_Field<Tile, "dst">, Isa_Field<F32Bits, "value">, NarrowField]> {
  let description = "Every element of `dst` gets `value`, cast from fp32.";
}

#endif // MANASLU_ISA_DMA
