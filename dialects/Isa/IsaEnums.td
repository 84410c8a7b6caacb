// The enumerations of the instruction set; also used by the tile dialect. Codes count from 0 without gaps and never change.

#ifndef MANASLU_ISA_ENUMS
#define MANASLU_ISA_ENUMS

include "mlir/IR/EnumAttr.td"

// A named code. `manaslu-tblgen` makes the C++ enum, `nameOf`, `stringify...` and `symbolize...` (lib/ISA/Instructions.h).
class Isa_Enum<string name, string text, list<EnumCase> cases> : EnumInfo<name, text, cases, 32> {
  let summary = text;
  let cppNamespace = "::manaslu::isa";
  let underlyingType = "uint8_t";
}

def Isa_AluOp : Isa_Enum<"AluOp", "arithmetic of ve (fp32 inside; comparisons and logic give 1.0 or 0.0)", [
  I32EnumCase<"Add", 0, "add">, I32EnumCase<"Sub", 1, "sub">, I32EnumCase<"Mul", 2, "mul">, I32EnumCase<"Max", 3, "max">, I32EnumCase<"Min", 4, "min">,
  I32EnumCase<"Divide", 5, "divide">, I32EnumCase<"Eq", 6, "eq">, I32EnumCase<"Ne", 7, "ne">, I32EnumCase<"Lt", 8, "lt">, I32EnumCase<"Le", 9, "le">,
  I32EnumCase<"Gt", 10, "gt">, I32EnumCase<"Ge", 11, "ge">, I32EnumCase<"LogicalAnd", 12, "logical_and">, I32EnumCase<"LogicalOr", 13, "logical_or">,
  I32EnumCase<"LogicalXor", 14, "logical_xor">, I32EnumCase<"AbsMax", 15, "abs_max">, I32EnumCase<"Bypass", 16, "bypass">]>;

def Isa_ActFunc : Isa_Enum<"ActFunc", "functions of se", [
  I32EnumCase<"Identity", 0, "identity">, I32EnumCase<"Exp", 1, "exp">, I32EnumCase<"Exp2", 2, "exp2">, I32EnumCase<"Log", 3, "log">, I32EnumCase<"Log1p", 4, "log1p">,
  I32EnumCase<"Expm1", 5, "expm1">, I32EnumCase<"Tanh", 6, "tanh">, I32EnumCase<"Sigmoid", 7, "sigmoid">, I32EnumCase<"Silu", 8, "silu">, I32EnumCase<"Gelu", 9, "gelu">,
  I32EnumCase<"GeluTanh", 10, "gelu_tanh">, I32EnumCase<"Erf", 11, "erf">, I32EnumCase<"Sin", 12, "sin">, I32EnumCase<"Cos", 13, "cos">, I32EnumCase<"Sqrt", 14, "sqrt">,
  I32EnumCase<"Rsqrt", 15, "rsqrt">, I32EnumCase<"Reciprocal", 16, "reciprocal">, I32EnumCase<"Relu", 17, "relu">, I32EnumCase<"Square", 18, "square">,
  I32EnumCase<"Abs", 19, "abs">, I32EnumCase<"Sign", 20, "sign">, I32EnumCase<"Floor", 21, "floor">]>;

def Isa_IntOp : Isa_Enum<"IntOp", "int32 arithmetic of ge, modulo 2^32 (comparisons give 1 or 0; shift amounts outside 0..31 give 0, or the sign for sar)", [
  I32EnumCase<"Add", 0, "add">, I32EnumCase<"Sub", 1, "sub">, I32EnumCase<"Mul", 2, "mul">, I32EnumCase<"And", 3, "and">, I32EnumCase<"Or", 4, "or">,
  I32EnumCase<"Xor", 5, "xor">, I32EnumCase<"Shl", 6, "shl">, I32EnumCase<"Shr", 7, "shr">, I32EnumCase<"Sar", 8, "sar">, I32EnumCase<"Min", 9, "min">,
  I32EnumCase<"Max", 10, "max">, I32EnumCase<"Eq", 11, "eq">, I32EnumCase<"Ne", 12, "ne">, I32EnumCase<"Lt", 13, "lt">, I32EnumCase<"Le", 14, "le">,
  I32EnumCase<"Gt", 15, "gt">, I32EnumCase<"Ge", 16, "ge">]>;

def Isa_Compare : Isa_Enum<"Compare", "comparison with zero in affine_select", [
  I32EnumCase<"Eq", 0, "eq">, I32EnumCase<"Ne", 1, "ne">, I32EnumCase<"Lt", 2, "lt">, I32EnumCase<"Le", 3, "le">, I32EnumCase<"Gt", 4, "gt">, I32EnumCase<"Ge", 5, "ge">]>;

def Isa_ScalarKind : Isa_Enum<"ScalarKind", "where the scalar operand of ve and se comes from", [
  I32EnumCase<"Immediate", 0, "immediate">, I32EnumCase<"Tile", 1, "tile">]>;

#endif // MANASLU_ISA_ENUMS
