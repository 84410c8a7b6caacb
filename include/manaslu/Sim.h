// The simulated chip for other projects: load a program file, run it, read time and energy. Needs no compiler and no MLIR.
#pragma once

#include "lib/Chip/Chip.h"
#include "lib/ISA/Program.h"
#include "lib/Sim/Machine.h"
