// docs/Numerics.md, N70: integers run on the vector engine where their ranges prove that fp32 is exact, on ge elsewhere.
// RUN: manaslu-opt %s --convert-linalg-to-tile -split-input-file | FileCheck %s

#id = affine_map<(d0) -> (d0)>
// Up to 4096 * 4096 = 2^24: exact in fp32.
// CHECK-LABEL: tile.region "small"
// CHECK: tile.tensor_tensor {{.*}} {op = "mul"}
// CHECK-NOT: int_tensor
// CHECK: return
func.func @main(%x: tensor<64xi32> {graph.name = "small", graph.range = array<i64: -4096, 4096>}, %y: tensor<64xi32> {graph.name = "b", graph.range = array<i64: 0, 4096>})
    -> (tensor<64xi32> {graph.name = "y"}) {
  %e = tensor.empty() : tensor<64xi32>
  %0 = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel"]} ins(%x, %y : tensor<64xi32>, tensor<64xi32>) outs(%e : tensor<64xi32>) {
  ^bb0(%a: i32, %b: i32, %o: i32):
    %p = arith.muli %a, %b : i32
    linalg.yield %p : i32
  } -> tensor<64xi32>
  return %0 : tensor<64xi32>
}

// -----

#id = affine_map<(d0) -> (d0)>
// One more, and the product may be 2^24 + 4096.
// CHECK-LABEL: tile.region "large"
// CHECK: tile.int_tensor_tensor {{.*}} {op = "mul"}
func.func @main(%x: tensor<64xi32> {graph.name = "large", graph.range = array<i64: -4097, 4096>}, %y: tensor<64xi32> {graph.name = "b", graph.range = array<i64: 0, 4096>})
    -> (tensor<64xi32> {graph.name = "y"}) {
  %e = tensor.empty() : tensor<64xi32>
  %0 = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel"]} ins(%x, %y : tensor<64xi32>, tensor<64xi32>) outs(%e : tensor<64xi32>) {
  ^bb0(%a: i32, %b: i32, %o: i32):
    %p = arith.muli %a, %b : i32
    linalg.yield %p : i32
  } -> tensor<64xi32>
  return %0 : tensor<64xi32>
}

// -----

#id = affine_map<(d0) -> (d0)>
// A comparison is exact when one side is small; with two large ones it is not.
// CHECK-LABEL: tile.region "compared"
// CHECK-DAG: tile.tensor_scalar {{.*}}imm0 = 1.000000e+02 : f32, {{.*}}op0 = "lt"
// CHECK-DAG: tile.int_tensor_tensor {{.*}} {op = "lt"}
func.func @main(%x: tensor<64xi32> {graph.name = "compared"}, %y: tensor<64xi32> {graph.name = "b"}) -> (tensor<64xi1> {graph.name = "y"}) {
  %c = arith.constant 100 : i32
  %e = tensor.empty() : tensor<64xi1>
  %0 = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel"]} ins(%x, %y : tensor<64xi32>, tensor<64xi32>) outs(%e : tensor<64xi1>) {
  ^bb0(%a: i32, %b: i32, %o: i1):
    %p = arith.cmpi slt, %a, %b : i32
    %q = arith.cmpi slt, %a, %c : i32
    %r = arith.andi %p, %q : i1
    linalg.yield %r : i1
  } -> tensor<64xi1>
  return %0 : tensor<64xi1>
}

// -----

#in = affine_map<(d0, d1) -> (d0, d1)>
#out = affine_map<(d0, d1) -> (d0)>
// Sums of all of int32 are halved row by row on ge: 5 elements in three steps.
// CHECK-LABEL: tile.region "summed"
// CHECK-COUNT-3: tile.int_tensor_tensor {{.*}} {op = "add"}
// CHECK-NOT: tile.reduce
// CHECK: return
func.func @main(%x: tensor<64x5xi32> {graph.name = "summed"}) -> (tensor<64xi32> {graph.name = "y"}) {
  %z = arith.constant 0 : i32
  %e = tensor.empty() : tensor<64xi32>
  %f = linalg.fill ins(%z : i32) outs(%e : tensor<64xi32>) -> tensor<64xi32>
  %0 = linalg.generic {indexing_maps = [#in, #out], iterator_types = ["parallel", "reduction"]} ins(%x : tensor<64x5xi32>) outs(%f : tensor<64xi32>) {
  ^bb0(%a: i32, %o: i32):
    %p = arith.addi %a, %o : i32
    linalg.yield %p : i32
  } -> tensor<64xi32>
  return %0 : tensor<64xi32>
}

// -----

#id = affine_map<(d0) -> (d0)>
// A function of an index is the chip's, on a constant: it was once folded as if it were the identity. What needs no rounding is folded.
// CHECK-LABEL: tile.region "indexed"
// CHECK: dense<[0.000000e+00, 2.000000e+00, 4.000000e+00, 6.000000e+00]> : tensor<4xf32>
// CHECK: tile.activate {{.*}} {func = "sin"}
func.func @main(%x: tensor<4xf32> {graph.name = "indexed"}) -> (tensor<4xf32> {graph.name = "y"}) {
  %two = arith.constant 2 : i32
  %e = tensor.empty() : tensor<4xf32>
  %0 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%x : tensor<4xf32>) outs(%e : tensor<4xf32>) {
  ^bb0(%a: f32, %o: f32):
    %i = linalg.index 0 : index
    %j = arith.index_cast %i : index to i32
    %k = arith.muli %j, %two : i32
    %f = arith.sitofp %k : i32 to f32
    %s = math.sin %f : f32
    %p = arith.addf %a, %s : f32
    linalg.yield %p : f32
  } -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

#in = affine_map<(d0, d1) -> (d0, d1)>
#out = affine_map<(d0, d1) -> (d0)>
// The start of a reduction is left out only where it changes nothing: 5 is not the neutral element of a maximum.
// CHECK-LABEL: tile.region "started"
// CHECK: tile.reduce {{.*}} op = "max"
// CHECK: tile.tensor_scalar {{.*}}imm0 = -5.000000e+09 : f32, {{.*}}op0 = "max"
func.func @main(%x: tensor<64x8xf32> {graph.name = "started"}) -> (tensor<64xf32> {graph.name = "y"}) {
  %z = arith.constant -5.0e9 : f32
  %e = tensor.empty() : tensor<64xf32>
  %f = linalg.fill ins(%z : f32) outs(%e : tensor<64xf32>) -> tensor<64xf32>
  %0 = linalg.generic {indexing_maps = [#in, #out], iterator_types = ["parallel", "reduction"]} ins(%x : tensor<64x8xf32>) outs(%f : tensor<64xf32>) {
  ^bb0(%a: f32, %o: f32):
    %p = arith.maximumf %a, %o : f32
    linalg.yield %p : f32
  } -> tensor<64xf32>
  return %0 : tensor<64xf32>
}
