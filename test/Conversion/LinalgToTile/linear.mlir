// docs/Architecture.md, "The tile program": one engine operation is one instruction; a linear layer with features on the partitions leaves PSUM through one
// activation that adds the per-partition bias, and its weights are packed at compile time in the order in which they are loaded.
// RUN: manaslu-opt %s --convert-linalg-to-tile | FileCheck %s

// CHECK: tile.region "x" input [64, 256]
// CHECK: tile.region "y" output [64, 10]
// CHECK: tile.region "w1" constant [512, 256] {pack = [{{.*}}source = "w1"
// CHECK: scf.for
// CHECK: tile.matmul %{{[0-9]+}}, %{{[0-9]+}}, %{{[0-9]+}} : !tile.view<psum, [128, 64], f32>
// CHECK: tile.matmul {{.*}} {accumulate}
// CHECK-NOT: tile.transpose
// CHECK: tile.activate {{.*}} bias {{.*}} {func = "relu"}
// CHECK: tile.store

#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d1)>
#a = affine_map<(m, n, k) -> (m, k)>
#b = affine_map<(m, n, k) -> (n, k)>
#c = affine_map<(m, n, k) -> (m, n)>
module {
  ml_program.global private @w1(#ml_program.extern<tensor<512x256xf32>>) : tensor<512x256xf32>
  ml_program.global private @b1(#ml_program.extern<tensor<512xf32>>) : tensor<512xf32>
  ml_program.global private @w2(#ml_program.extern<tensor<10x512xf32>>) : tensor<10x512xf32>
  func.func @main(%x: tensor<64x256xf32> {graph.name = "x"}) -> (tensor<64x10xf32> {graph.name = "y"}) {
    %w1 = ml_program.global_load_const @w1 : tensor<512x256xf32>
    %b1 = ml_program.global_load_const @b1 : tensor<512xf32>
    %w2 = ml_program.global_load_const @w2 : tensor<10x512xf32>
    %z = arith.constant 0.0 : f32
    %e = tensor.empty() : tensor<64x512xf32>
    %f = linalg.fill ins(%z : f32) outs(%e : tensor<64x512xf32>) -> tensor<64x512xf32>
    %h = linalg.generic {indexing_maps = [#a, #b, #c], iterator_types = ["parallel", "parallel", "reduction"]} ins(%x, %w1 : tensor<64x256xf32>, tensor<512x256xf32>) outs(%f : tensor<64x512xf32>) {
    ^bb0(%i: f32, %j: f32, %o: f32):
      %m = arith.mulf %i, %j : f32
      %s = arith.addf %o, %m : f32
      linalg.yield %s : f32
    } -> tensor<64x512xf32>
    %g = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]} ins(%h, %b1 : tensor<64x512xf32>, tensor<512xf32>) outs(%e : tensor<64x512xf32>) {
    ^bb0(%i: f32, %j: f32, %o: f32):
      %s = arith.addf %i, %j : f32
      %m = arith.maximumf %s, %z : f32
      linalg.yield %m : f32
    } -> tensor<64x512xf32>
    %e2 = tensor.empty() : tensor<64x10xf32>
    %f2 = linalg.fill ins(%z : f32) outs(%e2 : tensor<64x10xf32>) -> tensor<64x10xf32>
    %y = linalg.generic {indexing_maps = [#a, #b, #c], iterator_types = ["parallel", "parallel", "reduction"]} ins(%g, %w2 : tensor<64x512xf32>, tensor<10x512xf32>) outs(%f2 : tensor<64x10xf32>) {
    ^bb0(%i: f32, %j: f32, %o: f32):
      %m = arith.mulf %i, %j : f32
      %s = arith.addf %o, %m : f32
      linalg.yield %s : f32
    } -> tensor<64x10xf32>
    return %y : tensor<64x10xf32>
  }
}
