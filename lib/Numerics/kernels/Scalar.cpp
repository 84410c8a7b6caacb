// The kernels for any CPU; also the definition of the scalar engine's functions.
#define MANASLU_VARIANT scalarKernels
#include "lib/Numerics/kernels/Variant.inc"
