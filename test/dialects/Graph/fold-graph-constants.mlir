// Integer side graphs that depend on no input become constants; a comparison of two index grids stays, since it is how a causal mask is recognised.
// RUN: manaslu-opt %s --pass-pipeline="builtin.module(func.func(fold-graph-constants),canonicalize)" | FileCheck %s

// CHECK-LABEL: @positions
// CHECK-NEXT: %[[C:.*]] = graph.constant {value = dense<[0, 2, 6, 12, 20]> : tensor<5xi32>}
// CHECK-NEXT: return %[[C]]
func.func @positions() -> tensor<5xi32> {
  %0 = "graph.iota"() {axis = 0 : i64} : () -> tensor<5xi32>
  %1 = "graph.constant"() {value = dense<2> : tensor<i32>} : () -> tensor<i32>
  %2 = "graph.mul"(%0, %1) : (tensor<5xi32>, tensor<i32>) -> tensor<5xi32>
  %3 = "graph.cumsum"(%2) {axis = 0 : i64} : (tensor<5xi32>) -> tensor<5xi32>
  return %3 : tensor<5xi32>
}

// CHECK-LABEL: @mask
// CHECK: graph.iota
// CHECK: graph.iota
// CHECK: graph.compare
func.func @mask() -> tensor<4x4xi1> {
  %0 = "graph.iota"() {axis = 0 : i64} : () -> tensor<4x4xi32>
  %1 = "graph.iota"() {axis = 1 : i64} : () -> tensor<4x4xi32>
  %2 = "graph.compare"(%0, %1) {predicate = "ge"} : (tensor<4x4xi32>, tensor<4x4xi32>) -> tensor<4x4xi1>
  return %2 : tensor<4x4xi1>
}

// What depends on an input stays.
// CHECK-LABEL: @input
// CHECK: graph.add
func.func @input(%x: tensor<4xi32>) -> tensor<4xi32> {
  %0 = "graph.iota"() {axis = 0 : i64} : () -> tensor<4xi32>
  %1 = "graph.add"(%x, %0) : (tensor<4xi32>, tensor<4xi32>) -> tensor<4xi32>
  return %1 : tensor<4xi32>
}
