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
// CHECK-SAME: %arg0: tensor<2xi32> {graph.host_type = "int64", graph.range = array<i64: -1073741824, 1073741823>}
func.func @bounded(%x: tensor<2xi64>) -> tensor<2xi64> {
  %0 = "graph.add"(%x, %x) : (tensor<2xi64>, tensor<2xi64>) -> tensor<2xi64>
  return %0 : tensor<2xi64>
}

// -----

func.func @constant() -> tensor<2xi64> {
  // expected-error @+1 {{MN-NUM-RANGE: values of int64 may reach [1, 4294967296], outside [-2147483648, 2147483647]}}
  %0 = "graph.constant"() {value = dense<[1, 4294967296]> : tensor<2xi64>} : () -> tensor<2xi64>
  return %0 : tensor<2xi64>
}

// -----

func.func @product(%x: tensor<2xi64>) -> tensor<2xi64> {
  %0 = "graph.constant"() {value = dense<1000000000> : tensor<i64>} : () -> tensor<i64>
  // expected-error @+1 {{MN-NUM-RANGE: values of int64 may reach [-256000000000, 255000000000]}}
  %1 = "graph.mul"(%x, %0) : (tensor<2xi64>, tensor<i64>) -> tensor<2xi64>
  return %1 : tensor<2xi64>
}

// -----

// Bytes from the host become int32; what could wrap around is refused.
// CHECK-LABEL: @bytes
// CHECK-SAME: %arg0: tensor<2xi32> {graph.host_type = "uint8"}) -> (tensor<2xf32>, tensor<2xi32> {graph.host_type = "uint8"})
func.func @bytes(%x: tensor<2xui8>) -> (tensor<2xf32>, tensor<2xui8>) {
  // CHECK: graph.constant {value = dense<200> : tensor<i32>}
  %c = "graph.constant"() {value = dense<200> : tensor<ui8>} : () -> tensor<ui8>
  // CHECK: graph.parameter {name = "p"} : () -> tensor<2xui8>
  // CHECK-NEXT: graph.cast {{.*}} {overflow = "wrap", rounding = "nearest_even"} : (tensor<2xui8>) -> tensor<2xi32>
  %p = "graph.parameter"() {name = "p"} : () -> tensor<2xui8>
  %0 = "graph.max"(%x, %c) : (tensor<2xui8>, tensor<ui8>) -> tensor<2xui8>
  %1 = "graph.min"(%0, %p) : (tensor<2xui8>, tensor<2xui8>) -> tensor<2xui8>
  %2 = "graph.cast"(%x) {overflow = "propagate", rounding = "nearest_even"} : (tensor<2xui8>) -> tensor<2xf32>
  return %2, %1 : tensor<2xf32>, tensor<2xui8>
}

// -----

func.func @wrap(%x: tensor<2xui8>) -> tensor<2xui8> {
  // expected-error @+1 {{MN-NUM-RANGE: values of uint8 may reach [0, 510], outside [0, 255]}}
  %0 = "graph.add"(%x, %x) : (tensor<2xui8>, tensor<2xui8>) -> tensor<2xui8>
  return %0 : tensor<2xui8>
}
