// Every operation parses in generic form, as the importer writes it, verifies, and prints in its own form (dialects/Graph/README.md, "Example").
// RUN: manaslu-opt %s | manaslu-opt | FileCheck %s

// CHECK-LABEL: @sources
func.func @sources() -> tensor<4xf32> {
  // CHECK: graph.parameter {name = "w"} : () -> tensor<4xf32>
  %0 = "graph.parameter"() {name = "w"} : () -> tensor<4xf32>
  // CHECK: graph.constant {value = dense<{{.*}}> : tensor<4xf32>}
  %1 = "graph.constant"() <{value = dense<1.0> : tensor<4xf32>}> : () -> tensor<4xf32>
  // CHECK: graph.state_read {name = "cache"}
  %2 = "graph.state_read"() {name = "cache"} : () -> tensor<4xf32>
  // CHECK: graph.state_write %{{.*}} {name = "cache"}
  "graph.state_write"(%2) {name = "cache"} : (tensor<4xf32>) -> ()
  %3 = "graph.add"(%0, %1) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %3 : tensor<4xf32>
}

// CHECK-LABEL: @elementwise
func.func @elementwise(%x: tensor<2x3xf32>, %y: tensor<3xf32>) -> (tensor<2x3xi1>, tensor<2x3xbf16>) {
  // CHECK: graph.gelu %{{.*}} {approximate = "tanh"} : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %0 = "graph.gelu"(%x) {approximate = "tanh"} : (tensor<2x3xf32>) -> tensor<2x3xf32>
  // CHECK: graph.mul %{{.*}}, %{{.*}} : (tensor<2x3xf32>, tensor<3xf32>) -> tensor<2x3xf32>
  %1 = "graph.mul"(%0, %y) : (tensor<2x3xf32>, tensor<3xf32>) -> tensor<2x3xf32>
  // CHECK: graph.compare {{.*}}predicate = "lt"
  %2 = "graph.compare"(%1, %y) <{predicate = "lt"}> : (tensor<2x3xf32>, tensor<3xf32>) -> tensor<2x3xi1>
  // CHECK: graph.select
  %3 = "graph.select"(%2, %1, %y) : (tensor<2x3xi1>, tensor<2x3xf32>, tensor<3xf32>) -> tensor<2x3xf32>
  // CHECK: graph.cast %{{.*}} {overflow = "propagate", rounding = "nearest_even"} : (tensor<2x3xf32>) -> tensor<2x3xbf16>
  %4 = "graph.cast"(%3) {overflow = "propagate", rounding = "nearest_even"} : (tensor<2x3xf32>) -> tensor<2x3xbf16>
  return %2, %4 : tensor<2x3xi1>, tensor<2x3xbf16>
}

// CHECK-LABEL: @contractions
func.func @contractions(%x: tensor<1x4x8x8xf32>, %w: tensor<6x4x3x3xf32>, %q: tensor<1x4x5x8xf32>, %k: tensor<1x2x7x8xf32>, %m: tensor<5x7xi1>) -> tensor<1x6x2x2xf32> {
  // CHECK: graph.conv2d
  %0 = "graph.conv2d"(%x, %w) {strides = [2, 2], padding = [1, 1, 1, 1], dilation = array<i64: 1, 1>, groups = 1 : i64} : (tensor<1x4x8x8xf32>, tensor<6x4x3x3xf32>) -> tensor<1x6x4x4xf32>
  // CHECK: graph.max_pool2d
  %1 = "graph.max_pool2d"(%0) {kernel = [2, 2], strides = [2, 2], padding = [0, 0], dilation = [1, 1], ceil_mode = false} : (tensor<1x6x4x4xf32>) -> tensor<1x6x2x2xf32>
  // CHECK: graph.attention {{.*}}causal
  %2 = "graph.attention"(%q, %k, %k, %m) {scale = 1.25e-01, causal, enable_gqa} : (tensor<1x4x5x8xf32>, tensor<1x2x7x8xf32>, tensor<1x2x7x8xf32>, tensor<5x7xi1>) -> tensor<1x4x5x8xf32>
  // CHECK: graph.matmul {{.*}}transpose_b
  %3 = "graph.matmul"(%2, %q) {transpose_b} : (tensor<1x4x5x8xf32>, tensor<1x4x5x8xf32>) -> tensor<1x4x5x5xf32>
  return %1 : tensor<1x6x2x2xf32>
}

// CHECK-LABEL: @normalizations
func.func @normalizations(%x: tensor<2x6xf32>, %w: tensor<6xf32>) -> tensor<2x6xf32> {
  // CHECK: graph.layer_norm {{.*}}operandSegmentSizes = array<i32: 1, 0, 1>
  %0 = "graph.layer_norm"(%x, %w) {normalized_rank = 1 : i64, eps = 1.0e-5, operandSegmentSizes = array<i32: 1, 0, 1>} : (tensor<2x6xf32>, tensor<6xf32>) -> tensor<2x6xf32>
  // CHECK: graph.rms_norm
  %1 = "graph.rms_norm"(%0) {eps = 1.0e-6 : f32} : (tensor<2x6xf32>) -> tensor<2x6xf32>
  // CHECK: graph.softmax
  %2 = "graph.softmax"(%1) {axis = -1 : i64} : (tensor<2x6xf32>) -> tensor<2x6xf32>
  return %2 : tensor<2x6xf32>
}

// CHECK-LABEL: @shapes
func.func @shapes(%x: tensor<2x3x4xf32>, %i: tensor<5x1xi64>) -> tensor<2x5x1x4xf32> {
  // CHECK: graph.gather
  %0 = "graph.gather"(%x, %i) {axis = 1 : i64} : (tensor<2x3x4xf32>, tensor<5x1xi64>) -> tensor<2x5x1x4xf32>
  // CHECK: graph.reduce_sum {{.*}}keepdims
  %1 = "graph.reduce_sum"(%x) {axes = [0, 2], keepdims} : (tensor<2x3x4xf32>) -> tensor<1x3x1xf32>
  // CHECK: graph.slice
  %2 = "graph.slice"(%x) {starts = [0, 1, 0], limits = [2, 3, 4], strides = [1, 1, 2]} : (tensor<2x3x4xf32>) -> tensor<2x2x2xf32>
  // CHECK: graph.pad
  %3 = "graph.pad"(%2) {low = [0, 0, 0], high = [0, 1, 2], value = 0.0 : f32} : (tensor<2x2x2xf32>) -> tensor<2x3x4xf32>
  // CHECK: graph.concat
  %4 = "graph.concat"(%3, %x) {axis = 0 : i64} : (tensor<2x3x4xf32>, tensor<2x3x4xf32>) -> tensor<4x3x4xf32>
  // CHECK: graph.iota
  %5 = "graph.iota"() {axis = 0 : i64} : () -> tensor<4xi32>
  return %0 : tensor<2x5x1x4xf32>
}
