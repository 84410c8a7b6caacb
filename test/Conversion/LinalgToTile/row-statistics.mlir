// lowering.md, "A value's place", norm statistics with features on the partitions: a product with a tile of ones gives the sum on all partitions, so a row norm
// between two linear layers needs no transpose. The sums are in fp32, and what follows from a sum alone is computed once, as it leaves PSUM.
// RUN: manaslu-opt %s --convert-linalg-to-tile | FileCheck %s

// CHECK: %[[ONES:[0-9]+]] = tile.alloc : <sbuf, 128 by 1 by f32>
// CHECK: tile.memset {{.*}} {value = 1.000000e+00 : f32}
// Only the input, whose rows are long, arrives with tokens on the partitions and is transposed.
// CHECK: tile.load
// CHECK-COUNT-2: tile.transpose
// CHECK-NOT: tile.transpose
// CHECK: tile.view %[[ONES]] strides [0]
// CHECK: tile.matmul {{.*}} !tile.view<sbuf, [128, 128], f32>, !tile.view<sbuf, [128, 64], f32>
// CHECK: tile.matmul {{.*}} {accumulate} {{.*}} !tile.view<sbuf, [128, 128], f32>, !tile.view<sbuf, [128, 64], f32>
// CHECK: {{tile.activate|tile.tensor_scalar}} {{.*}}3.906250e-03 : f32{{.*}}!tile.view<psum, [128, 64], f32>
// CHECK: tile.activate {{.*}} {func = "square"}
// CHECK: tile.matmul {{.*}} !tile.view<sbuf, [128, 128], f32>, !tile.view<sbuf, [128, 64], f32>
// CHECK: tile.activate {{.*}} {bias_imm = {{.*}}, func = "rsqrt", scale_imm = 3.906250e-03 : f32} {{.*}}!tile.view<psum, [128, 64], f32>
// CHECK-NOT: tile.transpose
// CHECK: tile.store

#id = affine_map<(d0, d1) -> (d0, d1)>
#rows = affine_map<(d0, d1) -> (d0)>
#a = affine_map<(m, n, k) -> (m, k)>
#b = affine_map<(m, n, k) -> (n, k)>
#c = affine_map<(m, n, k) -> (m, n)>
module {
  ml_program.global private @w1(#ml_program.extern<tensor<256x256xbf16>>) : tensor<256x256xbf16>
  ml_program.global private @w2(#ml_program.extern<tensor<256x256xbf16>>) : tensor<256x256xbf16>
  func.func @main(%x: tensor<64x256xbf16> {graph.name = "x"}) -> (tensor<64x256xf32> {graph.name = "y"}) {
    %w1 = ml_program.global_load_const @w1 : tensor<256x256xbf16>
    %w2 = ml_program.global_load_const @w2 : tensor<256x256xbf16>
    %z = arith.constant 0.0 : f32
    %n = arith.constant 3.906250e-03 : f32
    %eps = arith.constant 1.0e-05 : f32
    %e = tensor.empty() : tensor<64x256xf32>
    %f = linalg.fill ins(%z : f32) outs(%e : tensor<64x256xf32>) -> tensor<64x256xf32>
    %h = linalg.generic {indexing_maps = [#a, #b, #c], iterator_types = ["parallel", "parallel", "reduction"]} ins(%x, %w1 : tensor<64x256xbf16>, tensor<256x256xbf16>) outs(%f : tensor<64x256xf32>) {
    ^bb0(%i: bf16, %j: bf16, %o: f32):
      %iw = arith.extf %i : bf16 to f32
      %jw = arith.extf %j : bf16 to f32
      %m = arith.mulf %iw, %jw : f32
      %s = arith.addf %o, %m : f32
      linalg.yield %s : f32
    } -> tensor<64x256xf32>
    %er = tensor.empty() : tensor<64xf32>
    %fr = linalg.fill ins(%z : f32) outs(%er : tensor<64xf32>) -> tensor<64xf32>
    %sum = linalg.generic {indexing_maps = [#id, #rows], iterator_types = ["parallel", "reduction"]} ins(%h : tensor<64x256xf32>) outs(%fr : tensor<64xf32>) {
    ^bb0(%i: f32, %o: f32):
      %s = arith.addf %o, %i : f32
      linalg.yield %s : f32
    } -> tensor<64xf32>
    %centered = linalg.generic {indexing_maps = [#id, #rows, #id], iterator_types = ["parallel", "parallel"]} ins(%h, %sum : tensor<64x256xf32>, tensor<64xf32>) outs(%e : tensor<64x256xf32>) {
    ^bb0(%i: f32, %j: f32, %o: f32):
      %mean = arith.mulf %j, %n : f32
      %s = arith.subf %i, %mean : f32
      linalg.yield %s : f32
    } -> tensor<64x256xf32>
    %squares = linalg.generic {indexing_maps = [#id, #rows], iterator_types = ["parallel", "reduction"]} ins(%centered : tensor<64x256xf32>) outs(%fr : tensor<64xf32>) {
    ^bb0(%i: f32, %o: f32):
      %p = arith.mulf %i, %i : f32
      %s = arith.addf %o, %p : f32
      linalg.yield %s : f32
    } -> tensor<64xf32>
    %eb = tensor.empty() : tensor<64x256xbf16>
    %normed = linalg.generic {indexing_maps = [#id, #rows, #id], iterator_types = ["parallel", "parallel"]} ins(%centered, %squares : tensor<64x256xf32>, tensor<64xf32>) outs(%eb : tensor<64x256xbf16>) {
    ^bb0(%i: f32, %j: f32, %o: bf16):
      %v = arith.mulf %j, %n : f32
      %ve = arith.addf %v, %eps : f32
      %r = math.rsqrt %ve : f32
      %s = arith.mulf %i, %r : f32
      %t = arith.truncf %s : f32 to bf16
      linalg.yield %t : bf16
    } -> tensor<64x256xbf16>
    %y = linalg.generic {indexing_maps = [#a, #b, #c], iterator_types = ["parallel", "parallel", "reduction"]} ins(%normed, %w2 : tensor<64x256xbf16>, tensor<256x256xbf16>) outs(%f : tensor<64x256xf32>) {
    ^bb0(%i: bf16, %j: bf16, %o: f32):
      %iw = arith.extf %i : bf16 to f32
      %jw = arith.extf %j : bf16 to f32
      %m = arith.mulf %iw, %jw : f32
      %s = arith.addf %o, %m : f32
      linalg.yield %s : f32
    } -> tensor<64x256xf32>
    return %y : tensor<64x256xf32>
  }
}
