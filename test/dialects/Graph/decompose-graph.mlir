// Composite operators become simple ones, with statistics in f32 and one rounding at the end (dialects/Graph/README.md, "Invariants").
// RUN: manaslu-opt %s --pass-pipeline="builtin.module(func.func(decompose-graph))" | FileCheck %s

// CHECK-LABEL: @layer_norm
// CHECK: %[[X:.*]] = graph.cast %arg0 {overflow = "propagate", rounding = "nearest_even"} : (tensor<2x8xbf16>) -> tensor<2x8xf32>
// CHECK: %[[SUM:.*]] = graph.reduce_sum %[[X]] {axes = array<i64: 1>, keepdims} : (tensor<2x8xf32>) -> tensor<2x1xf32>
// CHECK: %[[MEAN:.*]] = graph.mul %[[SUM]]
// CHECK: %[[CENTERED:.*]] = graph.sub %[[X]], %[[MEAN]]
// CHECK: %[[SQUARE:.*]] = graph.square %[[CENTERED]]
// CHECK: graph.reduce_sum %[[SQUARE]]
// CHECK: %[[SCALE:.*]] = graph.rsqrt {{.*}} : (tensor<2x1xf32>) -> tensor<2x1xf32>
// CHECK: graph.mul %[[CENTERED]], %[[SCALE]] : (tensor<2x8xf32>, tensor<2x1xf32>) -> tensor<2x8xf32>
// CHECK: %[[OUT:.*]] = graph.add {{.*}} -> tensor<2x8xf32>
// CHECK: %[[NARROW:.*]] = graph.cast %[[OUT]] {overflow = "propagate", rounding = "nearest_even"} : (tensor<2x8xf32>) -> tensor<2x8xbf16>
// CHECK: return %[[NARROW]]
func.func @layer_norm(%x: tensor<2x8xbf16>, %w: tensor<8xbf16>, %b: tensor<8xbf16>) -> tensor<2x8xbf16> {
  %0 = "graph.layer_norm"(%x, %w, %b) {normalized_rank = 1 : i64, eps = 1.0e-5, operandSegmentSizes = array<i32: 1, 1, 1>} : (tensor<2x8xbf16>, tensor<8xbf16>, tensor<8xbf16>) -> tensor<2x8xbf16>
  return %0 : tensor<2x8xbf16>
}

// Scale and shift are computed from parameters alone, by channel: one multiplication and one sum are left.
// CHECK-LABEL: @batch_norm
// CHECK-DAG: %[[SCALE:.*]] = graph.reshape {{.*}} : (tensor<4xf32>) -> tensor<1x4x1x1xf32>
// CHECK-DAG: %[[SHIFT:.*]] = graph.reshape {{.*}} : (tensor<4xf32>) -> tensor<1x4x1x1xf32>
// CHECK: %[[SCALED:.*]] = graph.mul %arg0,
// CHECK: graph.add %[[SCALED]],
// CHECK-NEXT: return
func.func @batch_norm(%x: tensor<1x4x2x2xf32>) -> tensor<1x4x2x2xf32> {
  %w = "graph.parameter"() {name = "w"} : () -> tensor<4xf32>
  %0 = "graph.batch_norm"(%x, %w, %w, %w, %w) {eps = 1.0e-5} : (tensor<1x4x2x2xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<1x4x2x2xf32>
  return %0 : tensor<1x4x2x2xf32>
}

// The product stays in f32 until the bias is added.
// CHECK-LABEL: @linear
// CHECK: %[[P:.*]] = graph.matmul %arg0, %arg1 {transpose_b} : (tensor<2x3xbf16>, tensor<4x3xbf16>) -> tensor<2x4xf32>
// CHECK: %[[S:.*]] = graph.add %[[P]], %{{.*}} : (tensor<2x4xf32>, tensor<1x4xf32>) -> tensor<2x4xf32>
// CHECK: graph.cast %[[S]] {overflow = "propagate", rounding = "nearest_even"} : (tensor<2x4xf32>) -> tensor<2x4xbf16>
func.func @linear(%x: tensor<2x3xbf16>, %w: tensor<4x3xbf16>, %b: tensor<4xbf16>) -> tensor<2x4xbf16> {
  %0 = "graph.linear"(%x, %w, %b) : (tensor<2x3xbf16>, tensor<4x3xbf16>, tensor<4xbf16>) -> tensor<2x4xbf16>
  return %0 : tensor<2x4xbf16>
}

// CHECK-LABEL: @softmax
// CHECK: %[[M:.*]] = graph.reduce_max %arg0
// CHECK: %[[D:.*]] = graph.sub %arg0, %[[M]]
// CHECK: %[[E:.*]] = graph.exp %[[D]]
// CHECK: %[[T:.*]] = graph.reduce_sum %[[E]]
// CHECK: %[[R:.*]] = graph.reciprocal %[[T]]
// CHECK: graph.mul %[[E]], %[[R]]
func.func @softmax(%x: tensor<2x8xf32>) -> tensor<2x8xf32> {
  %0 = "graph.softmax"(%x) {axis = -1 : i64} : (tensor<2x8xf32>) -> tensor<2x8xf32>
  return %0 : tensor<2x8xf32>
}

// Two heads of queries share one head of keys: their queries are rows of one product, nothing is copied. The division comes last.
// CHECK-LABEL: @attention
// CHECK-DAG: %[[Q:.*]] = graph.reshape %arg0 : (tensor<1x4x5x8xbf16>) -> tensor<1x2x10x8xbf16>
// CHECK-DAG: %[[S:.*]] = graph.matmul %[[Q]], %arg1 {transpose_b} : (tensor<1x2x10x8xbf16>, tensor<1x2x5x8xbf16>) -> tensor<1x2x10x5xf32>
// CHECK-DAG: %[[ROW:.*]] = graph.iota {axis = 0 : i64} : () -> tensor<5x5xi32>
// CHECK-DAG: %[[COLUMN:.*]] = graph.iota {axis = 1 : i64} : () -> tensor<5x5xi32>
// CHECK: %[[KEPT:.*]] = graph.compare %[[ROW]], %[[COLUMN]] {predicate = "ge"}
// CHECK: %[[MASKED:.*]] = graph.select %[[KEPT]]
// CHECK: %[[E:.*]] = graph.exp
// CHECK: graph.reduce_sum %[[E]]
// CHECK: graph.cast %[[E]] {overflow = "propagate", rounding = "nearest_even"} : (tensor<1x2x2x5x5xf32>) -> tensor<1x2x2x5x5xbf16>
// CHECK: %[[O:.*]] = graph.matmul {{.*}} : (tensor<1x2x10x5xbf16>, tensor<1x2x5x8xbf16>) -> tensor<1x2x10x8xf32>
// CHECK: %[[R:.*]] = graph.reciprocal {{.*}} : (tensor<1x2x10x1xf32>) -> tensor<1x2x10x1xf32>
// CHECK: graph.mul %[[O]], %[[R]]
// CHECK: return %{{.*}} : tensor<1x4x5x8xbf16>
func.func @attention(%q: tensor<1x4x5x8xbf16>, %k: tensor<1x2x5x8xbf16>, %v: tensor<1x2x5x8xbf16>) -> tensor<1x4x5x8xbf16> {
  %0 = "graph.attention"(%q, %k, %v) {scale = 0.125, causal, enable_gqa} : (tensor<1x4x5x8xbf16>, tensor<1x2x5x8xbf16>, tensor<1x2x5x8xbf16>) -> tensor<1x4x5x8xbf16>
  return %0 : tensor<1x4x5x8xbf16>
}

// CHECK-LABEL: @mean
// CHECK: %[[S:.*]] = graph.reduce_sum %arg0
// CHECK: graph.mul %[[S]]
func.func @mean(%x: tensor<2x8xf32>) -> tensor<2xf32> {
  %0 = "graph.reduce_mean"(%x) {axes = [1]} : (tensor<2x8xf32>) -> tensor<2xf32>
  return %0 : tensor<2xf32>
}

// One function of the chip: it stays.
// CHECK-LABEL: @gelu
// CHECK-NEXT: graph.gelu
func.func @gelu(%x: tensor<2x8xf32>) -> tensor<2x8xf32> {
  %0 = "graph.gelu"(%x) {approximate = "tanh"} : (tensor<2x8xf32>) -> tensor<2x8xf32>
  return %0 : tensor<2x8xf32>
}
