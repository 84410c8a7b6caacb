// Sources become globals, gathers extract rows in a generic's body, the rest are tensor operations.
// RUN: manaslu-opt %s --convert-graph-to-linalg | FileCheck %s

// CHECK: ml_program.global private @table(#extern{{.*}}) : tensor<10x4xf32>
// CHECK: ml_program.global private mutable @cache(#extern{{.*}}) : tensor<2x4xf32>

// CHECK-LABEL: @state
// CHECK: %[[T:.*]] = ml_program.global_load_const @table
// CHECK: linalg.generic {{.*}} ins(%arg0 : tensor<2xi32>)
// CHECK: %[[I:.*]] = arith.index_cast %in : i32 to index
// CHECK: %[[C:.*]] = linalg.index 1
// CHECK: tensor.extract %[[T]][%[[I]], %[[C]]]
// CHECK: ml_program.global_load @cache
// CHECK: ml_program.global_store @cache
func.func @state(%ids: tensor<2xi32>) -> tensor<2x4xf32> {
  %table = "graph.parameter"() {name = "table"} : () -> tensor<10x4xf32>
  %0 = "graph.gather"(%table, %ids) {axis = 0 : i64} : (tensor<10x4xf32>, tensor<2xi32>) -> tensor<2x4xf32>
  %1 = "graph.state_read"() {name = "cache"} : () -> tensor<2x4xf32>
  %2 = "graph.add"(%0, %1) : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  "graph.state_write"(%2) {name = "cache"} : (tensor<2x4xf32>) -> ()
  return %2 : tensor<2x4xf32>
}

// Any reshape is a collapse, then an expansion.
// CHECK-LABEL: @reshape
// CHECK: tensor.collapse_shape %arg0 {{\[}}[0], [1, 2]] : tensor<2x3x4xf32> into tensor<2x12xf32>
// CHECK: tensor.expand_shape {{.*}} {{\[}}[0, 1], [2, 3]] {{.*}} into tensor<1x2x6x2xf32>
func.func @reshape(%x: tensor<2x3x4xf32>) -> tensor<1x2x6x2xf32> {
  %0 = "graph.reshape"(%x) : (tensor<2x3x4xf32>) -> tensor<1x2x6x2xf32>
  return %0 : tensor<1x2x6x2xf32>
}

// CHECK-LABEL: @moves
// CHECK: linalg.transpose ins(%arg0 : tensor<2x3xf32>) {{.*}} permutation = [1, 0]
// CHECK: tensor.extract_slice {{.*}}[1, 0] [2, 1] [1, 2]
// CHECK: tensor.concat dim(0)
// CHECK: tensor.pad {{.*}} low[0, 1] high[0, 0]
func.func @moves(%x: tensor<2x3xf32>) -> tensor<4x2xf32> {
  %0 = "graph.transpose"(%x) {permutation = [1, 0]} : (tensor<2x3xf32>) -> tensor<3x2xf32>
  %1 = "graph.slice"(%0) {starts = [1, 0], limits = [3, 2], strides = [1, 2]} : (tensor<3x2xf32>) -> tensor<2x1xf32>
  %2 = "graph.concat"(%1, %1) {axis = 0 : i64} : (tensor<2x1xf32>, tensor<2x1xf32>) -> tensor<4x1xf32>
  %3 = "graph.pad"(%2) {low = [0, 1], high = [0, 0], value = 1.0 : f32} : (tensor<4x1xf32>) -> tensor<4x2xf32>
  return %3 : tensor<4x2xf32>
}
