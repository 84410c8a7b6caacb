// docs/Architecture.md, "The tile program": a result whose rows would leave element by element (its features are on the partitions, in device memory they lie
// side by side) is transposed first and leaves in whole rows; one whose rows are long anyway is not.
// RUN: manaslu-opt %s --convert-linalg-to-tile --split-input-file | FileCheck %s

// CHECK-LABEL: func.func @main
// CHECK: tile.activate {{.*}} bias {{.*}} {func = "relu"}
// CHECK: tile.transpose
// CHECK: tile.store %{{[0-9]+}}, %{{[0-9]+}} : !tile.view<device, [64, 512], f32>, !tile.view<sbuf, [64, 512], f32>

#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d1)>
#a = affine_map<(m, n, k) -> (m, k)>
#b = affine_map<(m, n, k) -> (n, k)>
#c = affine_map<(m, n, k) -> (m, n)>
module {
  ml_program.global private @w(#ml_program.extern<tensor<512x256xf32>>) : tensor<512x256xf32>
  ml_program.global private @b(#ml_program.extern<tensor<512xf32>>) : tensor<512xf32>
  func.func @main(%x: tensor<64x256xf32> {graph.name = "x"}) -> (tensor<64x512xf32> {graph.name = "y"}) {
    %w = ml_program.global_load_const @w : tensor<512x256xf32>
    %b = ml_program.global_load_const @b : tensor<512xf32>
    %z = arith.constant 0.0 : f32
    %e = tensor.empty() : tensor<64x512xf32>
    %f = linalg.fill ins(%z : f32) outs(%e : tensor<64x512xf32>) -> tensor<64x512xf32>
    %h = linalg.generic {indexing_maps = [#a, #b, #c], iterator_types = ["parallel", "parallel", "reduction"]} ins(%x, %w : tensor<64x256xf32>, tensor<512x256xf32>) outs(%f : tensor<64x512xf32>) {
    ^bb0(%i: f32, %j: f32, %o: f32):
      %m = arith.mulf %i, %j : f32
      %s = arith.addf %o, %m : f32
      linalg.yield %s : f32
    } -> tensor<64x512xf32>
    %y = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]} ins(%h, %b : tensor<64x512xf32>, tensor<512xf32>) outs(%e : tensor<64x512xf32>) {
    ^bb0(%i: f32, %j: f32, %o: f32):
      %s = arith.addf %i, %j : f32
      %m = arith.maximumf %s, %z : f32
      linalg.yield %m : f32
    } -> tensor<64x512xf32>
    return %y : tensor<64x512xf32>
  }
}

// -----

// CHECK-LABEL: func.func @main
// CHECK: tile.activate {{.*}} bias {{.*}} {func = "relu"}
// CHECK-NOT: tile.transpose
// CHECK: tile.store %{{[0-9]+}}, %{{[0-9]+}} : !tile.view<device, [128, 4, 64], f32>, !tile.view<sbuf, [128, 256], f32>

#id = affine_map<(d0, d1) -> (d0, d1)>
#flip = affine_map<(d0, d1) -> (d1, d0)>
#row = affine_map<(d0, d1) -> (d1)>
#a = affine_map<(m, n, k) -> (m, k)>
#b = affine_map<(m, n, k) -> (n, k)>
#c = affine_map<(m, n, k) -> (m, n)>
module {
  ml_program.global private @w(#ml_program.extern<tensor<512x256xf32>>) : tensor<512x256xf32>
  ml_program.global private @b(#ml_program.extern<tensor<512xf32>>) : tensor<512xf32>
  func.func @main(%x: tensor<64x256xf32> {graph.name = "x"}) -> (tensor<512x64xf32> {graph.name = "y"}) {
    %w = ml_program.global_load_const @w : tensor<512x256xf32>
    %b = ml_program.global_load_const @b : tensor<512xf32>
    %z = arith.constant 0.0 : f32
    %e = tensor.empty() : tensor<64x512xf32>
    %f = linalg.fill ins(%z : f32) outs(%e : tensor<64x512xf32>) -> tensor<64x512xf32>
    %h = linalg.generic {indexing_maps = [#a, #b, #c], iterator_types = ["parallel", "parallel", "reduction"]} ins(%x, %w : tensor<64x256xf32>, tensor<512x256xf32>) outs(%f : tensor<64x512xf32>) {
    ^bb0(%i: f32, %j: f32, %o: f32):
      %m = arith.mulf %i, %j : f32
      %s = arith.addf %o, %m : f32
      linalg.yield %s : f32
    } -> tensor<64x512xf32>
    %g = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]} ins(%h, %b : tensor<64x512xf32>, tensor<512xf32>) outs(%e : tensor<64x512xf32>) {
    ^bb0(%i: f32, %j: f32, %o: f32):
      %s = arith.addf %i, %j : f32
      %m = arith.maximumf %s, %z : f32
      linalg.yield %m : f32
    } -> tensor<64x512xf32>
    %e2 = tensor.empty() : tensor<512x64xf32>
    %y = linalg.generic {indexing_maps = [#flip, #id], iterator_types = ["parallel", "parallel"]} ins(%g : tensor<64x512xf32>) outs(%e2 : tensor<512x64xf32>) {
    ^bb0(%i: f32, %o: f32):
      linalg.yield %i : f32
    } -> tensor<512x64xf32>
    return %y : tensor<512x64xf32>
  }
}
