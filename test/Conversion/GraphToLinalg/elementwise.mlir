// Element-wise operations are generics that compute in f32 and narrow once; numbers and indices are in the body, broadcasts in the maps.
// RUN: manaslu-opt %s --convert-graph-to-linalg | FileCheck %s

// CHECK-DAG: #[[ROW:.*]] = affine_map<(d0, d1) -> (d1)>
// CHECK-DAG: #[[COLUMN:.*]] = affine_map<(d0, d1) -> (d0, 0)>

// CHECK-LABEL: @broadcast
// CHECK: linalg.generic {indexing_maps = [#[[COLUMN]], #[[ROW]], #{{.*}}], iterator_types = ["parallel", "parallel"]} ins(%arg0, %arg1 : tensor<2x1xbf16>, tensor<3xbf16>)
// CHECK-DAG: %[[A:.*]] = arith.extf %in : bf16 to f32
// CHECK-DAG: %[[B:.*]] = arith.extf %in_0 : bf16 to f32
// CHECK: %[[S:.*]] = arith.addf %[[A]], %[[B]] : f32
// CHECK: %[[N:.*]] = arith.truncf %[[S]] : f32 to bf16
// CHECK: linalg.yield %[[N]]
func.func @broadcast(%x: tensor<2x1xbf16>, %y: tensor<3xbf16>) -> tensor<2x3xbf16> {
  %wide = "graph.broadcast_to"(%x) : (tensor<2x1xbf16>) -> tensor<2x3xbf16>
  %0 = "graph.add"(%wide, %y) : (tensor<2x3xbf16>, tensor<3xbf16>) -> tensor<2x3xbf16>
  return %0 : tensor<2x3xbf16>
}

// A causal mask is two indices in the body, from which the tile lowering knows the blocks to skip.
// CHECK-LABEL: @causal
// CHECK-NOT: tensor<4x4xi1>
// CHECK: linalg.generic {{.*}} ins(%arg0 : tensor<2x4x4xf32>)
// CHECK: %[[Q:.*]] = linalg.index 1
// CHECK: %[[QI:.*]] = arith.index_cast %[[Q]] : index to i32
// CHECK: %[[K:.*]] = linalg.index 2
// CHECK: %[[KI:.*]] = arith.index_cast %[[K]] : index to i32
// CHECK: %[[KEPT:.*]] = arith.cmpi sge, %[[QI]], %[[KI]] : i32
// CHECK: %[[LOW:.*]] = arith.constant -1.000000e+30 : f32
// CHECK: arith.select %[[KEPT]], %in, %[[LOW]] : f32
func.func @causal(%x: tensor<2x4x4xf32>) -> tensor<2x4x4xf32> {
  %q = "graph.iota"() {axis = 0 : i64} : () -> tensor<4x4xi32>
  %k = "graph.iota"() {axis = 1 : i64} : () -> tensor<4x4xi32>
  %kept = "graph.compare"(%q, %k) {predicate = "ge"} : (tensor<4x4xi32>, tensor<4x4xi32>) -> tensor<4x4xi1>
  %low = "graph.constant"() {value = dense<-1.0e30> : tensor<f32>} : () -> tensor<f32>
  %0 = "graph.select"(%kept, %x, %low) : (tensor<4x4xi1>, tensor<2x4x4xf32>, tensor<f32>) -> tensor<2x4x4xf32>
  return %0 : tensor<2x4x4xf32>
}

// CHECK-LABEL: @gelu
// CHECK: %[[R:.*]] = arith.constant 0.707106769 : f32
// CHECK: %[[S:.*]] = arith.mulf %in, %[[R]]
// CHECK: math.erf %[[S]]
func.func @gelu(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = "graph.gelu"(%x) {approximate = "none"} : (tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// CHECK-LABEL: @silu
// CHECK: %[[N:.*]] = arith.negf %in
// CHECK: %[[E:.*]] = math.exp %[[N]]
// CHECK: %[[D:.*]] = arith.addf %{{.*}}, %[[E]]
// CHECK: %[[S:.*]] = arith.divf %{{.*}}, %[[D]]
// CHECK: arith.mulf %in, %[[S]]
func.func @silu(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = "graph.silu"(%x) : (tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// linalg has no unsigned types: the signature keeps the note.
// CHECK-LABEL: @unsigned
// CHECK-SAME: %arg0: tensor<4xi8> {graph.host_type = "uint8"}
// CHECK: arith.uitofp
func.func @unsigned(%x: tensor<4xui8>) -> tensor<4xf32> {
  %0 = "graph.cast"(%x) {overflow = "propagate", rounding = "nearest_even"} : (tensor<4xui8>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}
