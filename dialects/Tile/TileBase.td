// The tile dialect: places, buffer and view types, and the shape classes of engine operations.

#ifndef MANASLU_TILE_BASE
#define MANASLU_TILE_BASE

include "mlir/IR/OpBase.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Tile_Dialect : Dialect {
  let name = "tile";
  let cppNamespace = "::manaslu::tile";
  let summary = "Loops, buffers with a place, and one operation per engine instruction.";
  let useDefaultTypePrinterParser = 1;
}

def Tile_Space : I32EnumAttr<"Space", "where a buffer lives", [
    I32EnumAttrCase<"Sbuf", 0, "sbuf">, I32EnumAttrCase<"Psum", 1, "psum">, I32EnumAttrCase<"Device", 2, "device">]> {
  let cppNamespace = "::manaslu::tile";
}

def Tile_RegionKind : I32EnumAttr<"RegionKind", "what a device region holds", [
    I32EnumAttrCase<"Input", 0, "input">, I32EnumAttrCase<"Output", 1, "output">, I32EnumAttrCase<"Constant", 2, "constant">,
    I32EnumAttrCase<"State", 3, "state">, I32EnumAttrCase<"Scratch", 4, "scratch">]> {
  let cppNamespace = "::manaslu::tile";
}

class Tile_Type<string name, string typeMnemonic> : TypeDef<Tile_Dialect, name> { let mnemonic = typeMnemonic; }

def Tile_Buffer : Tile_Type<"Buffer", "buffer"> {
  let summary = "A buffer of its own storage: partitions x elements of one partition (device: 1 x elements)";
  let description = [{ `!tile.buffer<sbuf, 128 x 768 x bf16>`. Integers are signless; i1 is the chip's bool (one byte); u8 is `ui8`. }];
  let parameters = (ins "::manaslu::tile::Space":$space, "int64_t":$partitions, "int64_t":$elements, "::mlir::Type":$elementType);
  let assemblyFormat = "`<` $space `,` $partitions `by` $elements `by` $elementType `>`";
}

def Tile_View : Tile_Type<"View", "view"> {
  let summary = "An access pattern into a buffer: partitions and up to four free dimensions (device: up to five dimensions)";
  let description = [{ `!tile.view<sbuf, [128, 6, 64], bf16>`: the first size is the partition count of an SBUF or PSUM view; a device view has none and lists its dimensions, the partition's first. }];
  let parameters = (ins "::manaslu::tile::Space":$space, ArrayRefParameter<"int64_t">:$sizes, "::mlir::Type":$elementType);
  let assemblyFormat = "`<` $space `,` `[` $sizes `]` `,` $elementType `>`";
}

def Tile_EngineOpInterface : OpInterface<"EngineOp"> {
  let cppNamespace = "::manaslu::tile";
  let description = "An operation that becomes one instruction. Its first operands, as many as getNumOutputs() says, are written; the others are read.";
  let methods = [
    InterfaceMethod<"How many leading operands are written", "unsigned", "getNumOutputs">,
    InterfaceMethod<"Stream family: \"pe\", \"ve\", \"se\", \"ge\" or \"dma\"", "::llvm::StringRef", "getEngine">,
    InterfaceMethod<"Whether the outputs are also read (accumulation, scatter, partial moves)", "bool", "readsOutputs", (ins), "", "return false;">,
  ];
}

class Tile_Op<string mnemonic, list<Trait> traits = []> : Op<Tile_Dialect, mnemonic, traits>;

// One instruction. Operands are views, the written ones first; `outputCount` is a C++ expression.
class Tile_EngineOp<string mnemonic, string engine, dag operands, dag attributes, string outputCount = "1", bit optional = 0>
    : Tile_Op<mnemonic, !listconcat([Tile_EngineOpInterface], !if(optional, [AttrSizedOperandSegments], []))> {
  let arguments = !con(operands, attributes);
  let hasVerifier = 1;
  code engineDeclaration = "unsigned getNumOutputs() { return " # outputCount # "; }\n::llvm::StringRef getEngine() { return \"" # engine # "\"; }\n";
  let extraClassDeclaration = engineDeclaration;
}

#endif
