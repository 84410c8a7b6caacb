// Two instructions with the same opcode.
include "dialects/Isa/IsaOps.td"
def Isa_SecondHaltOp : Isa_Control<"second_halt", 1>;
