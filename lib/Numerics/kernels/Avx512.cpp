// The kernels for x86-64 with AVX-512 (F, BW, DQ, VL).
#define MANASLU_VARIANT avx512Kernels
#include "lib/Numerics/kernels/Variant.inc"
