// Moves that move nothing disappear, pairs of moves become one, small integer operations on constants are computed.
// RUN: manaslu-opt %s --canonicalize | FileCheck %s

// CHECK-LABEL: @moves
// CHECK-NEXT: return %arg0
func.func @moves(%x: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %0 = "graph.reshape"(%x) : (tensor<2x3xf32>) -> tensor<6xf32>
  %1 = "graph.reshape"(%0) : (tensor<6xf32>) -> tensor<2x3xf32>
  %2 = "graph.transpose"(%1) {permutation = [1, 0]} : (tensor<2x3xf32>) -> tensor<3x2xf32>
  %3 = "graph.transpose"(%2) {permutation = [1, 0]} : (tensor<3x2xf32>) -> tensor<2x3xf32>
  %4 = "graph.cast"(%3) {overflow = "propagate", rounding = "nearest_even"} : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return %4 : tensor<2x3xf32>
}

// CHECK-LABEL: @transpose_of_ones
// CHECK-NEXT: graph.reshape %arg0
func.func @transpose_of_ones(%x: tensor<1x2x3xf32>) -> tensor<2x1x3xf32> {
  %0 = "graph.transpose"(%x) {permutation = [1, 0, 2]} : (tensor<1x2x3xf32>) -> tensor<2x1x3xf32>
  return %0 : tensor<2x1x3xf32>
}

// A detour through f32 loses nothing; one through bf16 does and stays.
// CHECK-LABEL: @casts
// CHECK-NEXT: %[[A:.*]] = graph.cast %arg0 {overflow = "propagate", rounding = "nearest_even"} : (tensor<4xf16>) -> tensor<4xbf16>
// CHECK-NEXT: %[[B:.*]] = graph.cast %arg1 {overflow = "propagate", rounding = "nearest_even"} : (tensor<4xf32>) -> tensor<4xbf16>
// CHECK-NEXT: %[[C:.*]] = graph.cast %[[B]] {overflow = "propagate", rounding = "nearest_even"} : (tensor<4xbf16>) -> tensor<4xf32>
// CHECK-NEXT: return %[[A]], %[[C]]
func.func @casts(%x: tensor<4xf16>, %y: tensor<4xf32>) -> (tensor<4xbf16>, tensor<4xf32>) {
  %0 = "graph.cast"(%x) {overflow = "propagate", rounding = "nearest_even"} : (tensor<4xf16>) -> tensor<4xf32>
  %1 = "graph.cast"(%0) {overflow = "propagate", rounding = "nearest_even"} : (tensor<4xf32>) -> tensor<4xbf16>
  %2 = "graph.cast"(%y) {overflow = "propagate", rounding = "nearest_even"} : (tensor<4xf32>) -> tensor<4xbf16>
  %3 = "graph.cast"(%2) {overflow = "propagate", rounding = "nearest_even"} : (tensor<4xbf16>) -> tensor<4xf32>
  return %1, %3 : tensor<4xbf16>, tensor<4xf32>
}

// CHECK-LABEL: @integers
// CHECK-NEXT: %[[V:.*]] = graph.constant {value = dense<[true, false, false]> : tensor<3xi1>}
// CHECK-NEXT: return %[[V]]
func.func @integers() -> tensor<3xi1> {
  %0 = "graph.constant"() {value = dense<[1, 2, 3]> : tensor<3xi64>} : () -> tensor<3xi64>
  %1 = "graph.constant"() {value = dense<2> : tensor<i64>} : () -> tensor<i64>
  %2 = "graph.mul"(%0, %1) : (tensor<3xi64>, tensor<i64>) -> tensor<3xi64>
  %3 = "graph.compare"(%2, %0) {predicate = "le"} : (tensor<3xi64>, tensor<3xi64>) -> tensor<3xi1>
  %4 = "graph.logical_not"(%3) : (tensor<3xi1>) -> tensor<3xi1>
  %5 = "graph.constant"() {value = dense<[true, false, false]> : tensor<3xi1>} : () -> tensor<3xi1>
  %6 = "graph.logical_and"(%4, %5) : (tensor<3xi1>, tensor<3xi1>) -> tensor<3xi1>
  return %6 : tensor<3xi1>
}

// CHECK-LABEL: @power
// CHECK-NEXT: graph.square
func.func @power(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = "graph.constant"() {value = dense<2.0> : tensor<f32>} : () -> tensor<f32>
  %1 = "graph.pow"(%x, %0) : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  return %1 : tensor<4xf32>
}

// CHECK-LABEL: @merged_cast_keeps_its_overflow
// CHECK-NEXT: %[[A:.*]] = graph.cast %arg0 {overflow = "propagate", rounding = "nearest_even"} : (tensor<4xbf16>) -> tensor<4xf8E5M2>
// CHECK-NEXT: %[[B:.*]] = graph.cast %arg0 {overflow = "saturate", rounding = "nearest_even"} : (tensor<4xbf16>) -> tensor<4xf8E4M3FN>
// CHECK-NEXT: return %[[A]], %[[B]]
func.func @merged_cast_keeps_its_overflow(%x: tensor<4xbf16>) -> (tensor<4xf8E5M2>, tensor<4xf8E4M3FN>) {
  %0 = "graph.cast"(%x) {overflow = "propagate", rounding = "nearest_even"} : (tensor<4xbf16>) -> tensor<4xf32>
  %1 = "graph.cast"(%0) {overflow = "propagate", rounding = "nearest_even"} : (tensor<4xf32>) -> tensor<4xf8E5M2>
  %2 = "graph.cast"(%0) {overflow = "saturate", rounding = "nearest_even"} : (tensor<4xf32>) -> tensor<4xf8E4M3FN>
  return %1, %2 : tensor<4xf8E5M2>, tensor<4xf8E4M3FN>
}
