// Work that ve and se can both do goes to the one that has less.
// RUN: manaslu-opt %s --convert-linalg-to-tile | FileCheck %s

// The results of a product without an epilogue leave PSUM through se, which has nothing else to do and is the faster of the two.
// CHECK: tile.region "y" output
// CHECK: tile.matmul
// CHECK-NOT: tile.copy
// CHECK: tile.activate {{.*}} {func = "identity"} : !tile.view<sbuf, [128, 512], bf16>, !tile.view<psum, [128, 512], f32>

#a = affine_map<(m, n, k) -> (m, k)>
#b = affine_map<(m, n, k) -> (n, k)>
#c = affine_map<(m, n, k) -> (m, n)>
#id = affine_map<(m, n) -> (m, n)>
module {
  func.func @main(%x: tensor<128x128xbf16> {graph.name = "x"}, %w: tensor<512x128xbf16> {graph.name = "w"}) -> (tensor<128x512xbf16> {graph.name = "y"}) {
    %z = arith.constant 0.0 : f32
    %e = tensor.empty() : tensor<128x512xf32>
    %f = linalg.fill ins(%z : f32) outs(%e : tensor<128x512xf32>) -> tensor<128x512xf32>
    %h = linalg.generic {indexing_maps = [#a, #b, #c], iterator_types = ["parallel", "parallel", "reduction"]} ins(%x, %w : tensor<128x128xbf16>, tensor<512x128xbf16>) outs(%f : tensor<128x512xf32>) {
    ^bb0(%i: bf16, %j: bf16, %o: f32):
      %iw = arith.extf %i : bf16 to f32
      %jw = arith.extf %j : bf16 to f32
      %m = arith.mulf %iw, %jw : f32
      %s = arith.addf %o, %m : f32
      linalg.yield %s : f32
    } -> tensor<128x512xf32>
    %en = tensor.empty() : tensor<128x512xbf16>
    %n = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%h : tensor<128x512xf32>) outs(%en : tensor<128x512xbf16>) {
    ^bb0(%i: f32, %o: bf16):
      %t = arith.truncf %i : f32 to bf16
      linalg.yield %t : bf16
    } -> tensor<128x512xbf16>
    return %n : tensor<128x512xbf16>
  }
}
