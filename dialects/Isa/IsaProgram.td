// The operations that hold instructions together: program, regions of device memory, streams.

#ifndef MANASLU_ISA_PROGRAM
#define MANASLU_ISA_PROGRAM

include "dialects/Isa/IsaBase.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/IR/RegionKindInterface.td"

class Isa_ListOp<string mnemonic, list<Trait> traits> : Op<Isa_Dialect, mnemonic, !listconcat(traits, [NoTerminator, SingleBlock, Symbol])> {
  let regions = (region SizedRegion<1>:$bodyRegion);
  let hasRegionVerifier = 1; // after the operations inside, so that those are known to be complete
}

def Isa_ProgramOp : Isa_ListOp<"program", [IsolatedFromAbove, SymbolTable]> {
  let summary = "A program: its regions, then one stream per engine or ring that has instructions";
  let description = "`chip` is the text of the chip file, `metadata` the JSON text of the program file's metadata.";
  let arguments = (ins SymbolNameAttr:$sym_name, OptionalAttr<StrAttr>:$chip, OptionalAttr<StrAttr>:$metadata);
  let assemblyFormat = "$sym_name attr-dict-with-keyword $bodyRegion";
}

def Isa_RegionOp : Op<Isa_Dialect, "region", [HasParent<"ProgramOp">, Symbol]> {
  let summary = "A region of device memory; instructions name it by its number in the order of these operations";
  let description = "`kind` is input, output, constant, state or scratch; `element` an element type of the chip. `weight` names the data of a constant in the weights file.";
  let arguments = (ins SymbolNameAttr:$sym_name, StrAttr:$kind, StrAttr:$element, DenseI64ArrayAttr:$shape, OptionalAttr<StrAttr>:$host, OptionalAttr<StrAttr>:$weight);
  let assemblyFormat = "$sym_name $kind $element $shape (`host` $host^)? (`weight` $weight^)? attr-dict";
  let hasVerifier = 1;
}

def Isa_StreamOp : Isa_ListOp<"stream", [HasParent<"ProgramOp">]> {
  let summary = "The instructions of one stream in order; loops are pairs of `isa.loop` and `isa.end_loop`";
  let arguments = (ins SymbolNameAttr:$sym_name);
  let assemblyFormat = "$sym_name attr-dict-with-keyword $bodyRegion";
}

#endif // MANASLU_ISA_PROGRAM
