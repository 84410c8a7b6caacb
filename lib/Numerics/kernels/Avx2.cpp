// The kernels for x86-64 with AVX2 and FMA.
#define MANASLU_VARIANT avx2Kernels
#include "lib/Numerics/kernels/Variant.inc"
