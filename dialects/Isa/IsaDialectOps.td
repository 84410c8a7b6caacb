// Everything in the isa dialect.

#ifndef MANASLU_ISA_DIALECT_OPS
#define MANASLU_ISA_DIALECT_OPS

include "dialects/Isa/IsaOps.td"
include "dialects/Isa/IsaProgram.td"

#endif // MANASLU_ISA_DIALECT_OPS
