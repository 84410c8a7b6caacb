// manaslu-reduce reads our dialects and keeps a pass's result while the test script still finds the bug.
// REQUIRES: manaslu-reduce
// RUN: printf '#!/bin/sh\ngrep -q graph.tanh "$1" && exit 1\nexit 0\n' > %t.sh && chmod +x %t.sh
// RUN: manaslu-reduce %s -opt-reduction-pass='opt-pass=canonicalize test=%t.sh' | FileCheck %s

// CHECK: graph.tanh
// CHECK-NOT: graph.exp
func.func @main(%x: tensor<4x4xf32>) -> tensor<4x4xf32> {
  %0 = graph.exp %x : (tensor<4x4xf32>) -> tensor<4x4xf32>
  %1 = graph.tanh %x : (tensor<4x4xf32>) -> tensor<4x4xf32>
  return %1 : tensor<4x4xf32>
}
