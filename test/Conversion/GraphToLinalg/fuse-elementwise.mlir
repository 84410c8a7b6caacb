// A producer with one use joins its consumer, never a contraction; a value between the parts of a fused body stays in f32.
// RUN: manaslu-opt %s --pass-pipeline="builtin.module(convert-graph-to-linalg,func.func(fuse-elementwise),canonicalize)" | FileCheck %s

// CHECK-LABEL: @chain
// CHECK-COUNT-1: linalg.generic
// CHECK: %[[A:.*]] = arith.extf %in : bf16 to f32
// CHECK-NEXT: %[[E:.*]] = math.exp %[[A]]
// CHECK-NEXT: %[[T:.*]] = math.tanh %[[E]]
// CHECK-NEXT: arith.truncf %[[T]]
// CHECK-NOT: linalg.generic
// CHECK: return
func.func @chain(%x: tensor<4xbf16>) -> tensor<4xbf16> {
  %0 = "graph.exp"(%x) : (tensor<4xbf16>) -> tensor<4xbf16>
  %1 = "graph.tanh"(%0) : (tensor<4xbf16>) -> tensor<4xbf16>
  return %1 : tensor<4xbf16>
}

// CHECK-LABEL: @reduction
// CHECK: linalg.generic {{.*}} iterator_types = ["parallel", "reduction"]} ins(%arg0 : tensor<2x3xf32>)
// CHECK: %[[S:.*]] = arith.mulf %in, %in
// CHECK: arith.addf %[[S]], %out
func.func @reduction(%x: tensor<2x3xf32>) -> tensor<2xf32> {
  %0 = "graph.square"(%x) : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %1 = "graph.reduce_sum"(%0) {axes = [1]} : (tensor<2x3xf32>) -> tensor<2xf32>
  return %1 : tensor<2xf32>
}

// CHECK-LABEL: @contraction
// CHECK: %[[E:.*]] = linalg.generic
// CHECK: math.exp
// CHECK: linalg.generic {{.*}} ins(%[[E]], %arg1
func.func @contraction(%x: tensor<2x3xf32>, %y: tensor<3x4xf32>) -> tensor<2x4xf32> {
  %0 = "graph.exp"(%x) : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %1 = "graph.matmul"(%0, %y) : (tensor<2x3xf32>, tensor<3x4xf32>) -> tensor<2x4xf32>
  return %1 : tensor<2x4xf32>
}

// CHECK-LABEL: @two_uses
// CHECK: math.exp
// CHECK: linalg.generic
// CHECK: math.tanh
func.func @two_uses(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %0 = "graph.exp"(%x) : (tensor<4xf32>) -> tensor<4xf32>
  %1 = "graph.tanh"(%0) : (tensor<4xf32>) -> tensor<4xf32>
  return %0, %1 : tensor<4xf32>, tensor<4xf32>
}

// A gather is a move of its own, whatever is done with its rows.
// CHECK-LABEL: @gather
// CHECK: tensor.extract
// CHECK: linalg.generic
// CHECK: math.exp
func.func @gather(%table: tensor<10x4xf32>, %ids: tensor<2xi32>) -> tensor<2x4xf32> {
  %0 = "graph.gather"(%table, %ids) {axis = 0 : i64} : (tensor<10x4xf32>, tensor<2xi32>) -> tensor<2x4xf32>
  %1 = "graph.exp"(%0) : (tensor<2x4xf32>) -> tensor<2x4xf32>
  return %1 : tensor<2x4xf32>
}
