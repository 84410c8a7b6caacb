// int64 becomes int32 where the range is proved; the signature keeps the framework's type (docs/Numerics.md, int64).
// RUN: manaslu-opt %s --narrow-integers -split-input-file -verify-diagnostics | FileCheck %s

// An index is bounded by the rows of its table.
// CHECK-LABEL: @embedding
// CHECK-SAME: %arg0: tensor<2xi32> {graph.host_type = "int64", graph.name = "ids", graph.range = array<i64: 0, 9>}
// CHECK-SAME: -> (tensor<2x4xf32>, tensor<2xi32> {graph.host_type = "int64"})
func.func @embedding(%ids: tensor<2xi64> {graph.name = "ids"}, %table: tensor<10x4xf32>) -> (tensor<2x4xf32>, tensor<2xi64>) {
  // CHECK: graph.constant {value = dense<7> : tensor<i32>}
  %0 = "graph.constant"() {value = dense<7> : tensor<i64>} : () -> tensor<i64>
  // CHECK: graph.gather {{.*}} : (tensor<10x4xf32>, tensor<2xi32>) -> tensor<2x4xf32>
  %1 = "graph.gather"(%table, %ids) {axis = 0 : i64} : (tensor<10x4xf32>, tensor<2xi64>) -> tensor<2x4xf32>
  %2 = "graph.add"(%ids, %0) : (tensor<2xi64>, tensor<i64>) -> tensor<2xi64>
  return %1, %2 : tensor<2x4xf32>, tensor<2xi64>
}

// -----

// A sum that could overflow bounds its input instead: the host rejects other values.
// CHECK-LABEL: @bounded
// CHECK-SAME: %arg0: tensor<2xi32> {graph.host_type = "int64", graph.range = array<i64: -16777216, 16777216>}
func.func @bounded(%x: tensor<2xi64>) -> tensor<2xi64> {
  %0 = "graph.add"(%x, %x) : (tensor<2xi64>, tensor<2xi64>) -> tensor<2xi64>
  return %0 : tensor<2xi64>
}

// -----

func.func @constant() -> tensor<2xi64> {
  // expected-error @+1 {{MN-NUM-RANGE: values of int64 may reach [1, 4294967296], outside int32 [-2147483648, 2147483647]}}
  %0 = "graph.constant"() {value = dense<[1, 4294967296]> : tensor<2xi64>} : () -> tensor<2xi64>
  return %0 : tensor<2xi64>
}

// -----

func.func @product(%x: tensor<2xi64>) -> tensor<2xi64> {
  %0 = "graph.constant"() {value = dense<1000000000> : tensor<i64>} : () -> tensor<i64>
  // expected-error @+1 {{MN-NUM-RANGE: values of int64 may reach [-256000000000, 256000000000]}}
  %1 = "graph.mul"(%x, %0) : (tensor<2xi64>, tensor<i64>) -> tensor<2xi64>
  return %1 : tensor<2xi64>
}
