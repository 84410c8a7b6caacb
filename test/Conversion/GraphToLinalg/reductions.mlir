// Reductions accumulate in f32; reduced loops come last. Integers count, compare and add as they are.
// RUN: manaslu-opt %s --convert-graph-to-linalg | FileCheck %s

// CHECK-DAG: #[[MIDDLE:.*]] = affine_map<(d0, d1, d2) -> (d0, d2, d1)>

// CHECK-LABEL: @sum
// CHECK: linalg.fill {{.*}} -> tensor<2x4xf32>
// CHECK: linalg.generic {indexing_maps = [#[[MIDDLE]], #{{.*}}], iterator_types = ["parallel", "parallel", "reduction"]}
// CHECK: arith.extf
// CHECK: arith.addf
// CHECK: arith.truncf
// CHECK: tensor.expand_shape {{.*}} into tensor<2x1x4xbf16>
func.func @sum(%x: tensor<2x3x4xbf16>) -> tensor<2x1x4xbf16> {
  %0 = "graph.reduce_sum"(%x) {axes = [1], keepdims} : (tensor<2x3x4xbf16>) -> tensor<2x1x4xbf16>
  return %0 : tensor<2x1x4xbf16>
}

// CHECK-LABEL: @any
// CHECK: arith.constant false
// CHECK: arith.ori
func.func @any(%x: tensor<2x3xi1>) -> tensor<2xi1> {
  %0 = "graph.reduce_max"(%x) {axes = [1]} : (tensor<2x3xi1>) -> tensor<2xi1>
  return %0 : tensor<2xi1>
}

// The first of equal elements wins.
// The largest value, then the smallest index at which it stands (docs/Numerics.md, N77: or a NaN).
// CHECK-LABEL: @argmax
// CHECK: %[[BEST:.*]] = linalg.generic {{.*}} outs(%{{.*}} : tensor<2xf32>)
// CHECK: arith.maximumf
// CHECK: %[[R:.*]] = linalg.generic {{.*}} ins(%arg0, %[[BEST]] : tensor<2x3xf32>, tensor<2xf32>) outs(%{{.*}} : tensor<2xi32>)
// CHECK: arith.cmpf oeq
// CHECK: arith.cmpf une
// CHECK: arith.minsi
// CHECK: return %[[R]]
func.func @argmax(%x: tensor<2x3xf32>) -> tensor<2xi32> {
  %0 = "graph.argmax"(%x) {axis = 1 : i64} : (tensor<2x3xf32>) -> tensor<2xi32>
  return %0 : tensor<2xi32>
}

// CHECK-LABEL: @argmin
// CHECK: arith.minsi
// CHECK-NOT: arith.cmpf
// CHECK: arith.cmpi eq
// CHECK: arith.minsi
func.func @argmin(%x: tensor<2x3xi32>) -> tensor<2xi32> {
  %0 = "graph.argmin"(%x) {axis = 1 : i64} : (tensor<2x3xi32>) -> tensor<2xi32>
  return %0 : tensor<2xi32>
}

// CHECK-LABEL: @cumsum
// CHECK: iterator_types = ["parallel", "parallel", "reduction"]
// CHECK: %[[I:.*]] = linalg.index 1
// CHECK: %[[J:.*]] = linalg.index 2
// CHECK: arith.cmpi sge, %[[I]], %[[J]]
// CHECK: arith.addi
func.func @cumsum(%x: tensor<2x3xi32>) -> tensor<2x3xi32> {
  %0 = "graph.cumsum"(%x) {axis = 1 : i64} : (tensor<2x3xi32>) -> tensor<2x3xi32>
  return %0 : tensor<2x3xi32>
}

// Nothing is left of a vector: the maps of the results are empty, but there.
// CHECK-LABEL: @all
// CHECK: linalg.generic {{.*}} iterator_types = ["reduction"]} ins(%arg0 : tensor<3xf32>) outs(%{{.*}} : tensor<f32>)
// CHECK: linalg.generic {{.*}} iterator_types = ["reduction"]} ins(%arg0, %{{.*}} : tensor<3xf32>, tensor<f32>) outs(%{{.*}} : tensor<i32>)
func.func @all(%x: tensor<3xf32>) -> (tensor<f32>, tensor<i32>) {
  %0 = "graph.reduce_sum"(%x) {axes = [0]} : (tensor<3xf32>) -> tensor<f32>
  %1 = "graph.argmax"(%x) {axis = 0 : i64} : (tensor<3xf32>) -> tensor<i32>
  return %0, %1 : tensor<f32>, tensor<i32>
}
