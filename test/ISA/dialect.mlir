// REQUIRES: manaslu-opt
// RUN: manaslu-opt %s | manaslu-opt | FileCheck %s
// Holds docs/Architecture.md: "isa: one operation per instruction, physical addresses, one list per stream"; text survives a round trip.

// CHECK-LABEL: isa.program @doubled
isa.program @doubled {
  // CHECK: isa.region @x "input" "f32" [64, 32] host "float32"
  isa.region @x "input" "f32" [64, 32] host "float32"
  isa.region @y "output" "f32" [64, 32] host "float32"
  // CHECK: isa.stream @dma0
  isa.stream @dma0 {
    // CHECK: isa.dma_load dst <"sbuf.f32[0:64]+0{[1,32]}"> src <"@0.f32+0{[128,64],[4,32]}"> sync <"signal=s0">
    isa.dma_load dst <"sbuf.f32[0:64]+0{[1,32]}"> src <"@0.f32+0{[128,64],[4,32]}"> sync <"signal=s0">
    isa.halt
  }
  // CHECK: isa.stream @ve
  isa.stream @ve {
    // CHECK-NEXT: isa.copy dst <"sbuf.bf16[0:1]+0{}"> src <"sbuf.f32[0:1]+4{}"> narrow <"{stochastic seed=18446744073709551615 site=7 step=r3 base=100+r4*-512 strides=[96,0,0,0,1]}">
    isa.copy dst <"sbuf.bf16[0:1]+0{}"> src <"sbuf.f32[0:1]+4{}"> narrow <"{strides=[96,0,0,0,1] stochastic seed=18446744073709551615 site=7 step=r3 base=100+r4*-512}">
    // CHECK-NEXT: isa.memset dst <"sbuf.f8e4m3[0:1]+8{}"> value 1.000000e+00 narrow <"{propagate}">
    isa.memset dst <"sbuf.f8e4m3[0:1]+8{}"> value 1.0 narrow <"{propagate}">
    // CHECK-NEXT: isa.memset dst <"sbuf.f8e4m3[0:1]+8{}"> value 1.000000e+00{{$}}
    isa.memset dst <"sbuf.f8e4m3[0:1]+8{}"> value 1.0
    isa.halt
  }
  isa.stream @pe {
    // CHECK: isa.loop count 3 countReg 0
    isa.loop count 3 countReg 0
    // CHECK-NEXT: isa.matmul {{.*}} accumulate sync <"wait=s0>=1+r2 signal=s1">
    isa.matmul acc <"psum.f32[0:32]+0{[1,32]}"> stationary <"sbuf.f32[0:64]+0{[1,32]}"> moving <"sbuf.f32[0:64]+0{[1,32]}"> accumulate sync <"wait=s0>=1+r2 signal=s1">
    isa.end_loop
    isa.halt
  }
}
