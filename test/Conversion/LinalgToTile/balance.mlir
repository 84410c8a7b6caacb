// docs/Architecture.md, "From the tile program to instructions": a copy may go to ve or se, whichever is less loaded; a maximum that is only subtracted leaves ve
// with its sign turned.
// RUN: manaslu-opt %s --convert-linalg-to-tile | FileCheck %s

// CHECK: tile.activate {{.*}} {func = "identity", scale_imm = 5.000000e-01 : f32}
// CHECK: tile.reduce {{.*}} {axes = 1 : i64, negate, op = "max"}
// CHECK: tile.activate {{.*}} bias {{.*}} {func = "identity"}
// CHECK-NOT: tile.tensor_scalar

#id = affine_map<(d0, d1) -> (d0, d1)>
#rows = affine_map<(d0, d1) -> (d0)>
func.func @main(%x: tensor<64x512xf32> {graph.name = "x"}) -> (tensor<64x512xf32> {graph.name = "y"}, tensor<64x512xf32> {graph.name = "z"}) {
  %half = arith.constant 0.5 : f32
  %low = arith.constant 0xFF800000 : f32
  %e = tensor.empty() : tensor<64x512xf32>
  %h = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<64x512xf32>) outs(%e : tensor<64x512xf32>) {
  ^bb0(%i: f32, %o: f32):
    %s = arith.mulf %i, %half : f32
    linalg.yield %s : f32
  } -> tensor<64x512xf32>
  %er = tensor.empty() : tensor<64xf32>
  %fr = linalg.fill ins(%low : f32) outs(%er : tensor<64xf32>) -> tensor<64xf32>
  %most = linalg.generic {indexing_maps = [#id, #rows], iterator_types = ["parallel", "reduction"]} ins(%h : tensor<64x512xf32>) outs(%fr : tensor<64xf32>) {
  ^bb0(%i: f32, %o: f32):
    %s = arith.maximumf %o, %i : f32
    linalg.yield %s : f32
  } -> tensor<64xf32>
  %y = linalg.generic {indexing_maps = [#id, #rows, #id], iterator_types = ["parallel", "parallel"]} ins(%h, %most : tensor<64x512xf32>, tensor<64xf32>) outs(%e : tensor<64x512xf32>) {
  ^bb0(%i: f32, %j: f32, %o: f32):
    %s = arith.subf %i, %j : f32
    linalg.yield %s : f32
  } -> tensor<64x512xf32>
  return %y, %h : tensor<64x512xf32>, tensor<64x512xf32>
}
