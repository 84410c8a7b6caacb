// REQUIRES: manaslu-opt
// RUN: manaslu-opt %s -split-input-file -verify-diagnostics
// Holds docs/ISA.md: streams take their own instructions, loops are closed, values stay within their fields.

isa.program @wrong_stream {
  isa.stream @pe {
    // expected-error @+1 {{does not belong in stream pe}}
    isa.copy dst <"sbuf.f32[0:1]+0{}"> src <"sbuf.f32[0:1]+0{}">
  }
}

// -----

isa.program @no_stream {
  // expected-error @+1 {{is not one of the streams pe, ve, se, ge, dma0 .. dma15}}
  isa.stream @dma16 {
  }
}

// -----

isa.program @open_loop {
  // expected-error @+1 {{leaves a loop open}}
  isa.stream @pe {
    isa.loop count 3 countReg 0
  }
}

// -----

isa.program @bad_text {
  isa.stream @ve {
    // expected-error @+1 {{MN-ASM-VALUE: the number of partitions must lie in 1..128}}
    isa.memset dst <"sbuf.f32[0:129]+0{}"> value 1.0
  }
}

// -----

isa.program @bad_register {
  isa.stream @ve {
    // expected-error @+1 {{attribute 'dst' failed to satisfy constraint}}
    isa.reg_set dst 64 value 1
  }
}

// -----

isa.program @bad_missing {
  isa.stream @ve {
    // expected-error @+1 {{requires attribute 'dst'}}
    "isa.copy"() : () -> ()
  }
}
