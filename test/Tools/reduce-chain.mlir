// manaslu-reduce shortens a chain of operations to the one that the test script looks for, and says when the script finds nothing (docs/decisions/0013).
// REQUIRES: manaslu-reduce
// RUN: printf '#!/bin/sh\nmanaslu-opt "$1" -o /dev/null 2>/dev/null || exit 0\ngrep -q graph.tanh "$1" && exit 1\nexit 0\n' > %t.sh && chmod +x %t.sh
// RUN: manaslu-reduce %s -reduce-operations='test=%t.sh' | FileCheck %s
// RUN: printf '#!/bin/sh\nexit 0\n' > %t.none.sh && chmod +x %t.none.sh
// RUN: not manaslu-reduce %s -reduce-operations='test=%t.none.sh' 2>&1 | FileCheck %s --check-prefix=NONE

// NONE: MN-USE-002: the test script does not find the bug

// CHECK-NOT: graph.exp
// CHECK-NOT: graph.sigmoid
// CHECK: %[[T:.*]] = graph.tanh %{{.*}} : (tensor<4x4xf32>) -> tensor<4x4xf32>
// CHECK-NEXT: return %[[T]]
func.func @main(%x: tensor<4x4xf32>) -> tensor<4x4xf32> {
  %0 = graph.exp %x : (tensor<4x4xf32>) -> tensor<4x4xf32>
  %1 = graph.tanh %0 : (tensor<4x4xf32>) -> tensor<4x4xf32>
  %2 = graph.exp %1 : (tensor<4x4xf32>) -> tensor<4x4xf32>
  %3 = graph.sigmoid %2 : (tensor<4x4xf32>) -> tensor<4x4xf32>
  return %3 : tensor<4x4xf32>
}
