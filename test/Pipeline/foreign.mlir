// Issue: "a provable cf.assert folds, f64 as in numerics.md"; what torch-mlir writes beside the statistics of a batch norm.
// REQUIRES: manaslu-opt
// RUN: manaslu-opt %s --manaslu-linalg-simplify --split-input-file --verify-diagnostics | FileCheck %s

#map = affine_map<(d0) -> (d0)>
// CHECK-LABEL: func.func @statistics
// CHECK-NOT: cf.assert
// CHECK-NOT: linalg.generic
// CHECK: arith.constant dense<[5.000000e-01, 2.500000e-01]> : tensor<2xf32>
func.func @statistics() -> tensor<2xf32> {
  %variance = arith.constant dense<[4.0, 16.0]> : tensor<2xf32>
  %zero = arith.constant 0.0 : f32
  %one = arith.constant 1.0 : f32
  %empty = tensor.empty() : tensor<2xf32>
  %root = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel"]} ins(%variance : tensor<2xf32>) outs(%empty : tensor<2xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = math.sqrt %in : f32
    linalg.yield %0 : f32
  } -> tensor<2xf32>
  %inverse = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel"]} ins(%root : tensor<2xf32>) outs(%empty : tensor<2xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = arith.cmpf one, %in, %zero : f32
    cf.assert %0, "unimplemented: tensor with zero element"
    %1 = arith.divf %one, %in : f32
    linalg.yield %1 : f32
  } -> tensor<2xf32>
  return %inverse : tensor<2xf32>
}

// -----

#map = affine_map<(d0) -> (d0)>
// CHECK-LABEL: func.func @intermediates
// CHECK-NOT: f64
func.func @intermediates(%x: tensor<8xf32>) -> tensor<8xf32> {
  %offset = arith.constant 1.0 : f64
  %wide = tensor.empty() : tensor<8xf64>
  %narrow = tensor.empty() : tensor<8xf32>
  %0 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel"]} ins(%x : tensor<8xf32>) outs(%wide : tensor<8xf64>) {
  ^bb0(%in: f32, %out: f64):
    %a = arith.extf %in : f32 to f64
    %b = arith.addf %a, %offset : f64
    linalg.yield %b : f64
  } -> tensor<8xf64>
  %1 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel"]} ins(%0 : tensor<8xf64>) outs(%narrow : tensor<8xf32>) {
  ^bb0(%in: f64, %out: f32):
    %a = arith.truncf %in : f64 to f32
    linalg.yield %a : f32
  } -> tensor<8xf32>
  return %1 : tensor<8xf32>
}

// -----

// expected-error@+1 {{MN-NUM-F64}}
func.func @seen(%x: tensor<8xf64>) -> tensor<8xf64> {
  return %x : tensor<8xf64>
}

// -----

#map = affine_map<(d0) -> (d0)>
func.func @unproved(%x: tensor<2xf32>) -> tensor<2xf32> {
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : tensor<2xf32>
  %0 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel"]} ins(%x : tensor<2xf32>) outs(%empty : tensor<2xf32>) {
  ^bb0(%in: f32, %out: f32):
    %a = arith.cmpf one, %in, %zero : f32
    // expected-error@+1 {{MN-LOW-006}}
    cf.assert %a, "zero"
    linalg.yield %in : f32
  } -> tensor<2xf32>
  return %0 : tensor<2xf32>
}
