// A result type that does not follow from the operands is refused with the type that would (dialects/Graph/README.md, "Invariants").
// RUN: manaslu-opt %s -split-input-file -verify-diagnostics

func.func @broadcast(%x: tensor<2x3xf32>, %y: tensor<4xf32>) -> tensor<2x3xf32> {
  // expected-error @+2 {{shapes [2, 3] and [4] do not broadcast}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = "graph.add"(%x, %y) : (tensor<2x3xf32>, tensor<4xf32>) -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}

// -----

func.func @reshape(%x: tensor<2x3xf32>) -> tensor<5xf32> {
  // expected-error @+1 {{cannot give 'tensor<2x3xf32>' (6 elements) the type 'tensor<5xf32>' (5)}}
  %0 = "graph.reshape"(%x) : (tensor<2x3xf32>) -> tensor<5xf32>
  return %0 : tensor<5xf32>
}

// -----

func.func @matmul(%x: tensor<2x3xf32>, %y: tensor<4x5xf32>) -> tensor<2x5xf32> {
  // expected-error @+1 {{operands do not multiply: 'tensor<2x3xf32>' and 'tensor<4x5xf32>'}}
  %0 = "graph.matmul"(%x, %y) : (tensor<2x3xf32>, tensor<4x5xf32>) -> tensor<2x5xf32>
  return %0 : tensor<2x5xf32>
}

// -----

func.func @convolution(%x: tensor<1x4x8x8xf32>, %w: tensor<6x4x3x3xf32>) -> tensor<1x6x8x8xf32> {
  // expected-error @+1 {{result must have type 'tensor<1x6x6x6xf32>', has 'tensor<1x6x8x8xf32>'}}
  %0 = "graph.conv2d"(%x, %w) {strides = [1, 1], padding = [0, 0], dilation = [1, 1], groups = 1 : i64} : (tensor<1x4x8x8xf32>, tensor<6x4x3x3xf32>) -> tensor<1x6x8x8xf32>
  return %0 : tensor<1x6x8x8xf32>
}

// -----

func.func @attention(%q: tensor<1x4x5x8xf32>, %k: tensor<1x2x7x8xf32>) -> tensor<1x4x5x8xf32> {
  // expected-error @+1 {{dimension 1 of q, k and v does not fit: 4, 2, 2 (heads may differ only with enable_gqa)}}
  %0 = "graph.attention"(%q, %k, %k) {scale = 1.0} : (tensor<1x4x5x8xf32>, tensor<1x2x7x8xf32>, tensor<1x2x7x8xf32>) -> tensor<1x4x5x8xf32>
  return %0 : tensor<1x4x5x8xf32>
}

// -----

func.func @norm(%x: tensor<2x6xf32>, %w: tensor<5xf32>) -> tensor<2x6xf32> {
  // expected-error @+1 {{weight must have type 'tensor<6xf32>', has 'tensor<5xf32>'}}
  %0 = "graph.rms_norm"(%x, %w) {eps = 1.0e-6} : (tensor<2x6xf32>, tensor<5xf32>) -> tensor<2x6xf32>
  return %0 : tensor<2x6xf32>
}

// -----

func.func @slice(%x: tensor<4xf32>) -> tensor<5xf32> {
  // expected-error @+2 {{slice 0:5:1 leaves dimension 0 of size 4}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = "graph.slice"(%x) {starts = [0], limits = [5], strides = [1]} : (tensor<4xf32>) -> tensor<5xf32>
  return %0 : tensor<5xf32>
}

// -----

func.func @dynamic(%x: tensor<?xf32>) -> tensor<?xf32> {
  // expected-error @+1 {{operand #0 must be statically shaped tensor}}
  %0 = "graph.exp"(%x) : (tensor<?xf32>) -> tensor<?xf32>
  return %0 : tensor<?xf32>
}

// -----

func.func @predicate(%x: tensor<4xf32>) -> tensor<4xi1> {
  // expected-error @+1 {{predicate must be eq, ne, lt, le, gt or ge, is less}}
  %0 = "graph.compare"(%x, %x) {predicate = "less"} : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xi1>
  return %0 : tensor<4xi1>
}

// -----

func.func @cast_to_integer(%x: tensor<2xf32>) -> tensor<2xi32> {
  // expected-error @+1 {{from 'f32' to 'i32' rounds toward_zero, not nearest_even}}
  %0 = "graph.cast"(%x) {rounding = "nearest_even", overflow = "saturate"} : (tensor<2xf32>) -> tensor<2xi32>
  return %0 : tensor<2xi32>
}

// -----

func.func @cast_to_bf16(%x: tensor<2xf32>) -> tensor<2xbf16> {
  // expected-error @+1 {{overflow from 'f32' to 'bf16' is propagate, not saturate}}
  %0 = "graph.cast"(%x) {rounding = "nearest_even", overflow = "saturate"} : (tensor<2xf32>) -> tensor<2xbf16>
  return %0 : tensor<2xbf16>
}

// -----

func.func @cast_to_fp8(%x: tensor<2xf32>) -> tensor<2xf8E4M3FN> {
  // expected-error @+1 {{overflow from 'f32' to 'f8E4M3FN' is saturate or propagate, not wrap}}
  %0 = "graph.cast"(%x) {rounding = "nearest_even", overflow = "wrap"} : (tensor<2xf32>) -> tensor<2xf8E4M3FN>
  return %0 : tensor<2xf8E4M3FN>
}
