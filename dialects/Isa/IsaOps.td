// Every instruction of the set.

#ifndef MANASLU_ISA_OPS
#define MANASLU_ISA_OPS

include "dialects/Isa/IsaControl.td"
include "dialects/Isa/IsaDma.td"
include "dialects/Isa/IsaPe.td"
include "dialects/Isa/IsaVe.td"
include "dialects/Isa/IsaSe.td"
include "dialects/Isa/IsaGe.td"

#endif // MANASLU_ISA_OPS
