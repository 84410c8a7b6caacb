// docs/precision.md: what a product leaves for other products alone takes their 8-bit type as it leaves PSUM; moves in between take it along. A value with another reader keeps the type of values.
// RUN: manaslu-opt %s --pass-pipeline="builtin.module(func.func(select-types{mode=all type=fp8_e4m3}))" | FileCheck %s

// CHECK-LABEL: @alone
// CHECK: %[[A:.*]] = graph.linear {{.*}} -> tensor<2x64xf8E4M3FN>
// CHECK: %[[T:.*]] = graph.transpose %[[A]] {{.*}} -> tensor<64x2xf8E4M3FN>
// CHECK: graph.matmul %[[T]], {{.*}} -> tensor<64x64xbf16>
func.func @alone(%x: tensor<2x64xf32>) -> tensor<64x64xf32> {
  %w = "graph.parameter"() {name = "w"} : () -> tensor<64x64xf32>
  %0 = "graph.linear"(%x, %w) : (tensor<2x64xf32>, tensor<64x64xf32>) -> tensor<2x64xf32>
  %1 = "graph.transpose"(%0) {permutation = array<i64: 1, 0>} : (tensor<2x64xf32>) -> tensor<64x2xf32>
  %2 = "graph.matmul"(%1, %x) : (tensor<64x2xf32>, tensor<2x64xf32>) -> tensor<64x64xf32>
  return %2 : tensor<64x64xf32>
}

// CHECK-LABEL: @shared
// CHECK: %[[A:.*]] = graph.linear {{.*}} -> tensor<2x64xbf16>
// CHECK: graph.cast %[[A]] {overflow = "saturate", rounding = "nearest_even"} : (tensor<2x64xbf16>) -> tensor<2x64xf8E4M3FN>
func.func @shared(%x: tensor<2x64xf32>) -> tensor<2x64xf32> {
  %w = "graph.parameter"() {name = "w"} : () -> tensor<64x64xf32>
  %0 = "graph.linear"(%x, %w) : (tensor<2x64xf32>, tensor<64x64xf32>) -> tensor<2x64xf32>
  %1 = "graph.linear"(%0, %w) : (tensor<2x64xf32>, tensor<64x64xf32>) -> tensor<2x64xf32>
  %2 = "graph.add"(%0, %1) : (tensor<2x64xf32>, tensor<2x64xf32>) -> tensor<2x64xf32>
  return %2 : tensor<2x64xf32>
}
