// docs/decisions/0014: operands that do not fit in SBUF are loaded block by block; rows that would be too short arrive in another layout and are transposed; results are
// stored tile by tile.
// RUN: manaslu-opt %s --convert-linalg-to-tile | FileCheck %s

// CHECK-DAG: %[[A:.+]] = tile.region "a" input [4096, 4096]
// CHECK-DAG: %[[B:.+]] = tile.region "b" input [4096, 4096]
// CHECK-DAG: %[[Y:.+]] = tile.region "y" output [4096, 4096]
// The rows of a arrive whole, and are transposed.
// CHECK: scf.for
// CHECK: tile.view %[[A]]{{.*}} -> <device, [128, 4096], bf16>
// CHECK: tile.load
// CHECK: tile.transpose
// Blocks of b in an inner loop, chunks of partitions as a dimension of one transfer.
// CHECK: scf.for
// CHECK: tile.view %[[B]]{{.*}} -> <device, [128, 32, {{[0-9]+}}], bf16>
// CHECK: tile.load
// CHECK: scf.for
// CHECK: tile.matmul
// CHECK: tile.matmul {{.*}} {accumulate}
// CHECK: tile.view %[[Y]]
// CHECK: tile.store

#a = affine_map<(m, n, k) -> (m, k)>
#b = affine_map<(m, n, k) -> (k, n)>
#c = affine_map<(m, n, k) -> (m, n)>
#id = affine_map<(d0, d1) -> (d0, d1)>
module {
  func.func @main(%a: tensor<4096x4096xbf16> {graph.name = "a"}, %b: tensor<4096x4096xbf16> {graph.name = "b"}) -> (tensor<4096x4096xbf16> {graph.name = "y"}) {
    %z = arith.constant 0.0 : f32
    %e = tensor.empty() : tensor<4096x4096xf32>
    %f = linalg.fill ins(%z : f32) outs(%e : tensor<4096x4096xf32>) -> tensor<4096x4096xf32>
    %p = linalg.generic {indexing_maps = [#a, #b, #c], iterator_types = ["parallel", "parallel", "reduction"]}
        ins(%a, %b : tensor<4096x4096xbf16>, tensor<4096x4096xbf16>) outs(%f : tensor<4096x4096xf32>) {
    ^bb0(%x: bf16, %y: bf16, %s: f32):
      %xe = arith.extf %x : bf16 to f32
      %ye = arith.extf %y : bf16 to f32
      %m = arith.mulf %xe, %ye : f32
      %r = arith.addf %s, %m : f32
      linalg.yield %r : f32
    } -> tensor<4096x4096xf32>
    %o = tensor.empty() : tensor<4096x4096xbf16>
    %q = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%p : tensor<4096x4096xf32>) outs(%o : tensor<4096x4096xbf16>) {
    ^bb0(%x: f32, %y: bf16):
      %t = arith.truncf %x : f32 to bf16
      linalg.yield %t : bf16
    } -> tensor<4096x4096xbf16>
    return %q : tensor<4096x4096xbf16>
  }
}
