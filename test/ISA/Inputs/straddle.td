// A field beyond the end of its word.
include "dialects/Isa/IsaOps.td"
def Isa_StraddleOp : Isa_Control<"straddle", 31, [Isa_FieldAt<U32, "wide", 1, 40>]>;
