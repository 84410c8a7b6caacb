// Contractions are generics that multiply and add in f32 over operands widened in the body; narrowing is an operation of its own.
// RUN: manaslu-opt %s --convert-graph-to-linalg | FileCheck %s

// CHECK-DAG: #[[X:.*]] = affine_map<(d0, d1, d2, d3) -> (d0, d1, d3)>
// CHECK-DAG: #[[W:.*]] = affine_map<(d0, d1, d2, d3) -> (d2, d3)>
// CHECK-DAG: #[[OUT:.*]] = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2)>
// CHECK-DAG: #[[IMAGE:.*]] = affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d0, d4, d2 * 2 + d5, d3 * 2 + d6)>
// CHECK-DAG: #[[KERNEL:.*]] = affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d1, d4, d5, d6)>
// CHECK-DAG: #[[DEPTH:.*]] = affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, d1, d2 + d4, d3 + d5)>
// CHECK-DAG: #[[WINDOW:.*]] = affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, d1, d2 * 2 + d4, d3 * 2 + d5)>

// CHECK-LABEL: @matmul
// CHECK: linalg.fill {{.*}} -> tensor<2x5x4xf32>
// CHECK: %[[SUM:.*]] = linalg.generic {indexing_maps = [#[[X]], #[[W]], #[[OUT]]], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
// CHECK-DAG: %[[A:.*]] = arith.extf %in : bf16 to f32
// CHECK-DAG: %[[B:.*]] = arith.extf %in_0 : bf16 to f32
// CHECK: %[[P:.*]] = arith.mulf %[[A]], %[[B]] : f32
// CHECK: arith.addf %out, %[[P]] : f32
// CHECK: linalg.generic {{.*}} ins(%[[SUM]] : tensor<2x5x4xf32>) outs(%{{.*}} : tensor<2x5x4xbf16>)
// CHECK: arith.truncf
func.func @matmul(%x: tensor<2x5x3xbf16>, %w: tensor<4x3xbf16>) -> tensor<2x5x4xbf16> {
  %0 = "graph.matmul"(%x, %w) {transpose_b} : (tensor<2x5x3xbf16>, tensor<4x3xbf16>) -> tensor<2x5x4xbf16>
  return %0 : tensor<2x5x4xbf16>
}

// The border is explicit; the loops are those of upstream's conv_2d_nchw_fchw.
// CHECK-LABEL: @convolution
// CHECK: %[[P:.*]] = tensor.pad %arg0 low[0, 0, 1, 1] high[0, 0, 1, 1]
// CHECK: linalg.generic {indexing_maps = [#[[IMAGE]], #[[KERNEL]], #{{.*}}], {{.*}} ins(%[[P]], %arg1 :
func.func @convolution(%x: tensor<1x4x8x8xf32>, %w: tensor<6x4x3x3xf32>) -> tensor<1x6x4x4xf32> {
  %0 = "graph.conv2d"(%x, %w) {strides = [2, 2], padding = [1, 1, 1, 1], dilation = [1, 1], groups = 1 : i64} : (tensor<1x4x8x8xf32>, tensor<6x4x3x3xf32>) -> tensor<1x6x4x4xf32>
  return %0 : tensor<1x6x4x4xf32>
}

// CHECK-LABEL: @depthwise
// CHECK: %[[W:.*]] = tensor.collapse_shape %arg1 {{.*}} into tensor<4x3x3xf32>
// CHECK: linalg.generic {indexing_maps = [#[[DEPTH]], #{{.*}}, #{{.*}}], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction"]} ins(%arg0, %[[W]] :
func.func @depthwise(%x: tensor<1x4x8x8xf32>, %w: tensor<4x1x3x3xf32>) -> tensor<1x4x6x6xf32> {
  %0 = "graph.conv2d"(%x, %w) {strides = [1, 1], padding = [0, 0], dilation = [1, 1], groups = 4 : i64} : (tensor<1x4x8x8xf32>, tensor<4x1x3x3xf32>) -> tensor<1x4x6x6xf32>
  return %0 : tensor<1x4x6x6xf32>
}

// Padding never wins: it is -inf.
// CHECK-LABEL: @pool
// CHECK: %[[LOW:.*]] = arith.constant 0xFF800000 : f32
// CHECK: tensor.pad
// CHECK: tensor.yield %[[LOW]]
// CHECK: linalg.generic {indexing_maps = [#[[WINDOW]],
// CHECK: arith.maximumf
func.func @pool(%x: tensor<1x4x7x7xf32>) -> tensor<1x4x4x4xf32> {
  %0 = "graph.max_pool2d"(%x) {kernel = [3, 3], strides = [2, 2], padding = [1, 1], dilation = [1, 1]} : (tensor<1x4x7x7xf32>) -> tensor<1x4x4x4xf32>
  return %0 : tensor<1x4x4x4xf32>
}
