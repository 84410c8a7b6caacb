// What an instruction is made of: field kinds (width, C++ type, range), operands, and the class of all instructions.
// One entry of Isa*.td gives the struct, the encoding, the text form, the operation of the isa dialect and the page in docs/ISA.md.

#ifndef MANASLU_ISA_BASE
#define MANASLU_ISA_BASE

include "mlir/IR/OpBase.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/BuiltinAttributes.td"
include "dialects/Isa/IsaEnums.td"

def Isa_Dialect : Dialect {
  let name = "isa";
  let cppNamespace = "::manaslu::isa";
  let summary = "One operation per instruction, physical addresses, one list per stream.";
  let useDefaultAttributePrinterParser = 1;
}

//===-- Kinds of fields ----------------------------------------------------===//

// width: bits of one value; count: how many values (an array field); words: of a composite operand, 0 for scalars.
class Isa_Kind<string cpp, int fieldWidth, int low, int high, string initial, Constraint constraint> {
  string cppType = cpp;
  int width = fieldWidth;
  int count = 1;
  int minimum = low;
  int maximum = high;
  string initialValue = initial;
  bit isFloat = 0;
  bit omittable = 0; // in the isa dialect, an attribute that is not there stands for the initial value
  int words = 0;
  Constraint attribute = constraint; // in the isa dialect
}
class Isa_Unsigned<string cpp, int width> : Isa_Kind<cpp, width, 0, !sub(!shl(1, width), 1), "0",
    ConfinedAttr<I64Attr, [IntNonNegative, IntMaxValue<!sub(!shl(1, width), 1)>]>>;
class Isa_Signed<string cpp, int width> : Isa_Kind<cpp, width, !sub(0, !shl(1, !sub(width, 1))), !sub(!shl(1, !sub(width, 1)), 1), "0",
    ConfinedAttr<I64Attr, [IntMinValue<!sub(0, !shl(1, !sub(width, 1)))>, IntMaxValue<!sub(!shl(1, !sub(width, 1)), 1)>]>>;
class Isa_Ranged<string cpp, int width, int low, int high, string initial> : Isa_Kind<cpp, width, low, high, initial,
    ConfinedAttr<I64Attr, [IntMinValue<low>, IntMaxValue<high>]>>;

class Isa_EnumAttr<EnumInfo info, string mnemonic> : EnumAttr<Isa_Dialect, info, mnemonic>;
def Isa_AluOpAttr : Isa_EnumAttr<Isa_AluOp, "alu">;
def Isa_ActFuncAttr : Isa_EnumAttr<Isa_ActFunc, "func">;
def Isa_IntOpAttr : Isa_EnumAttr<Isa_IntOp, "int">;
def Isa_CompareAttr : Isa_EnumAttr<Isa_Compare, "compare">;
def Isa_ScalarKindAttr : Isa_EnumAttr<Isa_ScalarKind, "scalar_kind">;
class Isa_EnumKind<Isa_Enum info, Constraint constraint>
    : Isa_Kind<info.className, 5, 0, !sub(!size(info.enumerants), 1), info.className # "::" # !head(info.enumerants).symbol, constraint>;

def Register : Isa_Unsigned<"uint8_t", 6>;
def Semaphore : Isa_Ranged<"uint16_t", 9, 0, 255, "0">;
def OptionalSemaphore : Isa_Ranged<"uint16_t", 9, 0, 256, "256">;
def U8 : Isa_Unsigned<"uint8_t", 8>;
def U16 : Isa_Unsigned<"uint16_t", 16>;
def U32 : Isa_Unsigned<"uint32_t", 32>;
def S16 : Isa_Signed<"int16_t", 16>;
def S32 : Isa_Signed<"int32_t", 32>;
// 64 bits: the limits are those of int64 because TableGen's numbers are.
def S64 : Isa_Kind<"int64_t", 64, !sub(-9223372036854775807, 1), 9223372036854775807, "0", I64Attr>;
def U63 : Isa_Kind<"uint64_t", 64, 0, 9223372036854775807, "0", ConfinedAttr<I64Attr, [IntNonNegative]>>;
// minimum == maximum == 0: every value is legal.
def U64 : Isa_Kind<"uint64_t", 64, 0, 0, "0", I64Attr>;
def Axes : Isa_Ranged<"uint8_t", 3, 1, 4, "1">;
def Flag : Isa_Kind<"bool", 1, 0, 1, "false", UnitAttr> { let omittable = 1; }
def F32Bits : Isa_Kind<"float", 32, 0, 0, "0.0f", F32Attr> { let isFloat = 1; }
def F32One : Isa_Kind<"float", 32, 0, 0, "1.0f", F32Attr> { let isFloat = 1; }
def Steps : Isa_Kind<"std::array<int32_t, 4>", 32, -2147483648, 2147483647, "{}", DenseI32ArrayAttr> { let count = 4; }
def ShuffleMask : Isa_Kind<"std::array<uint8_t, 32>", 8, 0, 31, "{}", DenseI32ArrayAttr> { let count = 32; }
def AluOpKind : Isa_EnumKind<Isa_AluOp, Isa_AluOpAttr>;
def AluOpOrNothing : Isa_EnumKind<Isa_AluOp, Isa_AluOpAttr> { let initialValue = "AluOp::Bypass"; }
def ActFuncKind : Isa_EnumKind<Isa_ActFunc, Isa_ActFuncAttr>;
def IntOpKind : Isa_EnumKind<Isa_IntOp, Isa_IntOpAttr>;
def CompareKind : Isa_EnumKind<Isa_Compare, Isa_CompareAttr>;
def ScalarKindKind : Isa_EnumKind<Isa_ScalarKind, Isa_ScalarKindAttr>;
// Inside operands only; the C++ enums are written by hand (lib/ISA/Operands.h, lib/Support/DType.h).
def SpaceBit : Isa_Kind<"Space", 1, 0, 1, "Space::Sbuf", I64Attr>;
def TypeCode : Isa_Kind<"DType", 4, 0, 11, "DType::F32", I64Attr>;
def RoundingBit : Isa_Kind<"Rounding", 1, 0, 1, "Rounding::Nearest", I64Attr>;
def OverflowBit : Isa_Kind<"Overflow", 1, 0, 1, "Overflow::Saturate", I64Attr>;

//===-- Fields and operands ------------------------------------------------===//

// word and low are given by the generator in order, never straddling a word, unless set here (word 0 is the header or the operand's first).
class Isa_Field<Isa_Kind fieldKind, string fieldName, string fieldText = ""> {
  Isa_Kind kind = fieldKind;
  string name = fieldName;
  string text = fieldText;
  bit optional = 0; // may be left out in text, and is when it has its initial value
  int word = -1;
  int low = -1;
}
class Isa_OptionalField<Isa_Kind kind, string name, string text = ""> : Isa_Field<kind, name, text> { let optional = 1; }
class Isa_FieldAt<Isa_Kind kind, string name, int fieldWord, int fieldLow, string text = ""> : Isa_Field<kind, name, text> {
  let word = fieldWord;
  let low = fieldLow;
}

class Isa_Attr<string name, string attrMnemonic, string cpp, string text> : AttrDef<Isa_Dialect, name> {
  let mnemonic = attrMnemonic;
  let summary = text;
  let parameters = (ins AttrParameter<cpp, text>:$value);
  let hasCustomAssemblyFormat = 1;
}
def Isa_SyncAttr : Isa_Attr<"Sync", "sync", "::manaslu::isa::Sync", "what an instruction waits for and signals">;
def Isa_TileAttr : Isa_Attr<"Tile", "tile", "::manaslu::isa::TileOperand", "an access pattern in SBUF or PSUM">;
def Isa_DeviceAttr : Isa_Attr<"Device", "device", "::manaslu::isa::DeviceOperand", "an access pattern in a device memory region">;
def Isa_NarrowingAttr : Isa_Attr<"Narrowing", "narrowing", "::manaslu::isa::Narrowing", "how results are rounded to a narrower type">;

// An operand of several words. The struct is in lib/ISA/Operands.h and lists its values in this order; the fields here give their places.
class Isa_Operand<string cpp, int wordCount, Constraint constraint, list<Isa_Field> operandFields, string operandText> : Isa_Kind<cpp, 64, 0, 0, "{}", constraint> {
  let words = wordCount;
  list<Isa_Field> fields = operandFields;
  string text = operandText;
}

def Tile : Isa_Operand<"TileOperand", 3, Isa_TileAttr, [
  Isa_FieldAt<SpaceBit, "space", 0, 0, "0 SBUF, 1 PSUM">, Isa_FieldAt<TypeCode, "type", 0, 1, "element type in memory">,
  Isa_FieldAt<Isa_Unsigned<"uint8_t", 7>, "partition", 0, 5, "first partition">,
  Isa_FieldAt<Isa_Ranged<"uint8_t", 8, 1, 128, "1">, "partitions", 0, 12, "how many partitions">,
  Isa_FieldAt<Isa_Unsigned<"uint32_t", 24>, "offset", 0, 20, "bytes within each partition">, Isa_FieldAt<Register, "reg", 0, 44, "R[reg] bytes are added to offset">,
  Isa_FieldAt<S16, "stride0", 1, 0, "elements, outermost dimension">, Isa_FieldAt<Isa_Ranged<"uint16_t", 16, 1, 65535, "1">, "size0", 1, 16>,
  Isa_FieldAt<S16, "stride1", 1, 32>, Isa_FieldAt<Isa_Ranged<"uint16_t", 16, 1, 65535, "1">, "size1", 1, 48>,
  Isa_FieldAt<S16, "stride2", 2, 0>, Isa_FieldAt<Isa_Ranged<"uint16_t", 16, 1, 65535, "1">, "size2", 2, 16>,
  Isa_FieldAt<S16, "stride3", 2, 32, "innermost dimension">, Isa_FieldAt<Isa_Ranged<"uint16_t", 16, 1, 65535, "1">, "size3", 2, 48>],
  "An access pattern in SBUF or PSUM: partitions `partition` .. `partition + partitions - 1`; element [i0,i1,i2,i3] of each lies at byte `offset + R[reg] + sum(i_k * stride_k) * bytes of an element`. Unused outer dimensions are {0, 1}.">;

class Isa_DeviceSize<string name, int word, int low> : Isa_FieldAt<Isa_Ranged<"uint32_t", 32, 1, 4294967295, "1">, name, word, low>;
def Device : Isa_Operand<"DeviceOperand", 10, Isa_DeviceAttr, [
  Isa_FieldAt<U16, "region", 0, 0, "index in the program's region table">, Isa_FieldAt<TypeCode, "type", 0, 16, "element type in memory">,
  Isa_FieldAt<U63, "offset", 1, 0, "bytes from the region's start">, Isa_FieldAt<Register, "reg", 0, 20, "R[reg] * scale bytes are added to offset">,
  Isa_FieldAt<S32, "scale", 0, 26, "bytes">,
  Isa_FieldAt<S64, "stride0", 2, 0, "bytes, outermost dimension">, Isa_DeviceSize<"size0", 7, 0>, Isa_FieldAt<S64, "stride1", 3, 0>, Isa_DeviceSize<"size1", 7, 32>,
  Isa_FieldAt<S64, "stride2", 4, 0>, Isa_DeviceSize<"size2", 8, 0>, Isa_FieldAt<S64, "stride3", 5, 0>, Isa_DeviceSize<"size3", 8, 32>,
  Isa_FieldAt<S64, "stride4", 6, 0, "innermost dimension">, Isa_DeviceSize<"size4", 9, 0>],
  "An access pattern in device memory: element [i0..i4] lies at byte `offset + R[reg] * scale + sum(i_k * stride_k)` of the region. R[reg] is unsigned. Unused outer dimensions are {0, 1}.">;

def Narrow : Isa_Operand<"Narrowing", 6, OptionalAttr<Isa_NarrowingAttr>, [
  Isa_FieldAt<RoundingBit, "rounding", 0, 0, "0 nearest even, 1 stochastic (bf16, f16 and fp8 results only)">,
  Isa_FieldAt<OverflowBit, "overflow", 0, 1, "0 saturate, 1 propagate: infinity, in f8e4m3 NaN (fp8 results only)">,
  Isa_FieldAt<Register, "stepReg", 0, 2, "R[stepReg] counts the executions of this site">, Isa_FieldAt<Register, "baseReg", 0, 8, "R[baseReg] * baseScale is added to base">,
  Isa_FieldAt<U32, "site", 0, 32, "number of the rounding site">, Isa_FieldAt<U64, "seed", 1, 0, "key of the random words">,
  Isa_FieldAt<U64, "base", 2, 0, "index of the first element in the whole tensor">, Isa_FieldAt<S32, "baseScale", 3, 0>,
  Isa_FieldAt<S32, "stride0", 3, 32, "indices from one partition to the next">, Isa_FieldAt<S32, "stride1", 4, 0, "free dimensions, outermost first">,
  Isa_FieldAt<S32, "stride2", 4, 32>, Isa_FieldAt<S32, "stride3", 5, 0>, Isa_FieldAt<S32, "stride4", 5, 32, "innermost dimension">],
  "How fp32 results become elements of `dst` (docs/Numerics.md, N12 to N17 and N60 to N65). Element [i0,i1,i2,i3] of partition p has the index `base + R[baseReg] * baseScale + p * stride0 + sum(i_k * stride_k+1)` "
  "modulo 2^64; the dimensions are those of `dst` when that is a tile, else of the tile `src`, else (device to device) the five of `dst`. Elements that are moved as bits are not rounded."> {
  let omittable = 1;
}
def NarrowField : Isa_OptionalField<Narrow, "narrow", "rounding of the results">;

//===-- Instructions -------------------------------------------------------===//

class Isa_Family<string symbolName, string streamNames> { string symbol = symbolName; string streams = streamNames; }
def ControlFamily : Isa_Family<"All", "every stream">;
def DmaFamily : Isa_Family<"Dma", "dma0 .. dma15">;
def PeFamily : Isa_Family<"Pe", "pe">;
def VeFamily : Isa_Family<"Ve", "ve">;
def SeFamily : Isa_Family<"Se", "se">;
def GeFamily : Isa_Family<"Ge", "ge">;

// The header word of every instruction (struct Sync beside the opcode).
def HeaderLayout {
  list<Isa_Field> fields = [Isa_FieldAt<U8, "opcode", 0, 0, "which instruction">,
    Isa_FieldAt<OptionalSemaphore, "waitSem", 0, 8, "semaphore to wait for, 256 = none">, Isa_FieldAt<OptionalSemaphore, "signalSem", 0, 17, "semaphore to increment at completion, 256 = none">,
    Isa_FieldAt<Register, "waitReg", 0, 26, "register added to waitValue">, Isa_FieldAt<U32, "waitValue", 0, 32, "least value of the semaphore, unsigned">];
}

class Isa_Instruction<Isa_Family instructionFamily, string instructionMnemonic, int instructionOpcode, list<Isa_Field> instructionFields>
    : Op<Isa_Dialect, instructionMnemonic> {
  Isa_Family family = instructionFamily;
  string mnemonic = instructionMnemonic;
  int opcode = instructionOpcode;
  list<Isa_Field> fields = instructionFields;
  string cost = "";                 // occupancy in cycles of the engine
  list<string> rules = [];          // numbered in docs/ISA.md; broken ones are refused
  // `description` holds the meaning.
  let arguments = !con((ins OptionalAttr<Isa_SyncAttr>:$sync), !dag(ins, !foreach(f, instructionFields, f.kind.attribute), !foreach(f, instructionFields, f.name)));
  let assemblyFormat = !interleave(!foreach(f, instructionFields,
    !if(f.kind.omittable, "(`" # f.name # "` $" # f.name # "^)?", "`" # f.name # "` $" # f.name)), " ") # " (`sync` $sync^)? attr-dict";
}

#endif // MANASLU_ISA_BASE
