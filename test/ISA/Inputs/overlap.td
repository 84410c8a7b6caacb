// Two fields on the same bits.
include "dialects/Isa/IsaOps.td"
def Isa_OverlapOp : Isa_Control<"overlap", 31, [Isa_FieldAt<U16, "first", 1, 0>, Isa_FieldAt<U16, "second", 1, 8>]>;
