// lowering.md, "What to expect": blocks that a causal mask known at compile time masks whole are not computed; and where it masks nothing it costs nothing.
// RUN: manaslu-opt %s --convert-linalg-to-tile --split-input-file | FileCheck %s

// The mask selects. The first 128 queries see 128 keys, the others 256 of which the last 128 are masked in part.
// CHECK-LABEL: tile.region "selected"
// CHECK: tile.matmul {{.*}} : !tile.view<psum, [128, 128], f32>
// CHECK-NOT: [128, 256]
// CHECK: tile.select {{.*}} : !tile.view<sbuf, [128, 128], f32>
// CHECK-NOT: [128, 256]
// CHECK: tile.reduce {{.*}}op = "max"{{.*}}, !tile.view<sbuf, [128, 128], f32>
// CHECK-NOT: [128, 256]
// CHECK: tile.activate {{.*}}func = "exp"
// CHECK: tile.matmul {{.*}} : !tile.view<psum, [128, 256], f32>
// CHECK-NOT: tile.select {{.*}}[128, 256]
// CHECK: tile.select {{.*}} : !tile.view<sbuf, [128, 128], f32>
// CHECK-NOT: tile.select {{.*}}[128, 256]
// CHECK: tile.reduce {{.*}}op = "max"{{.*}}, !tile.view<sbuf, [128, 256], f32>
// CHECK-NOT: tile.select {{.*}}[128, 256]
// The transposed tiles of the weights share a bank and leave it at once.
// CHECK-COUNT-2: tile.transpose
// CHECK-NOT: tile.transpose
// CHECK: {{tile.copy|tile.activate}} {{.*}} : !tile.view<sbuf, [128, 256], f32>, !tile.view<psum, [128, 256], f32>

#q = affine_map<(h, m, n, k) -> (h, m, k)>
#k = affine_map<(h, m, n, k) -> (h, n, k)>
#s = affine_map<(h, m, n, k) -> (h, m, n)>
#id = affine_map<(h, m, n) -> (h, m, n)>
#row = affine_map<(h, m, n) -> (h, m)>
#p = affine_map<(h, m, d, n) -> (h, m, n)>
#v = affine_map<(h, m, d, n) -> (h, n, d)>
#o = affine_map<(h, m, d, n) -> (h, m, d)>
module {
  func.func @main(%q: tensor<4x256x64xf32> {graph.name = "q"}, %k: tensor<4x256x64xf32> {graph.name = "k"}, %v: tensor<4x256x64xf32> {graph.name = "v"})
      -> (tensor<4x256x64xf32> {graph.name = "selected"}) {
    %z = arith.constant 0.0 : f32
    %low = arith.constant 0xFF800000 : f32
    %es = tensor.empty() : tensor<4x256x256xf32>
    %fs = linalg.fill ins(%z : f32) outs(%es : tensor<4x256x256xf32>) -> tensor<4x256x256xf32>
    %scores = linalg.generic {indexing_maps = [#q, #k, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%q, %k : tensor<4x256x64xf32>, tensor<4x256x64xf32>) outs(%fs : tensor<4x256x256xf32>) {
    ^bb0(%a: f32, %b: f32, %c: f32):
      %m = arith.mulf %a, %b : f32
      %t = arith.addf %c, %m : f32
      linalg.yield %t : f32
    } -> tensor<4x256x256xf32>
    %masked = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel"]} ins(%scores : tensor<4x256x256xf32>) outs(%es : tensor<4x256x256xf32>) {
    ^bb0(%a: f32, %c: f32):
      %i = linalg.index 1 : index
      %j = linalg.index 2 : index
      %keep = arith.cmpi sge, %i, %j : index
      %t = arith.select %keep, %a, %low : f32
      linalg.yield %t : f32
    } -> tensor<4x256x256xf32>
    %er = tensor.empty() : tensor<4x256xf32>
    %fm = linalg.fill ins(%low : f32) outs(%er : tensor<4x256xf32>) -> tensor<4x256xf32>
    %max = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "parallel", "reduction"]} ins(%masked : tensor<4x256x256xf32>) outs(%fm : tensor<4x256xf32>) {
    ^bb0(%a: f32, %c: f32):
      %t = arith.maximumf %c, %a : f32
      linalg.yield %t : f32
    } -> tensor<4x256xf32>
    %power = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel", "parallel"]} ins(%masked, %max : tensor<4x256x256xf32>, tensor<4x256xf32>) outs(%es : tensor<4x256x256xf32>) {
    ^bb0(%a: f32, %b: f32, %c: f32):
      %d = arith.subf %a, %b : f32
      %t = math.exp %d : f32
      linalg.yield %t : f32
    } -> tensor<4x256x256xf32>
    %f0 = linalg.fill ins(%z : f32) outs(%er : tensor<4x256xf32>) -> tensor<4x256xf32>
    %sum = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "parallel", "reduction"]} ins(%power : tensor<4x256x256xf32>) outs(%f0 : tensor<4x256xf32>) {
    ^bb0(%a: f32, %c: f32):
      %t = arith.addf %c, %a : f32
      linalg.yield %t : f32
    } -> tensor<4x256xf32>
    %eo = tensor.empty() : tensor<4x256x64xf32>
    %fo = linalg.fill ins(%z : f32) outs(%eo : tensor<4x256x64xf32>) -> tensor<4x256x64xf32>
    %out = linalg.generic {indexing_maps = [#p, #v, #o], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%power, %v : tensor<4x256x256xf32>, tensor<4x256x64xf32>) outs(%fo : tensor<4x256x64xf32>) {
    ^bb0(%a: f32, %b: f32, %c: f32):
      %m = arith.mulf %a, %b : f32
      %t = arith.addf %c, %m : f32
      linalg.yield %t : f32
    } -> tensor<4x256x64xf32>
    %y = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel", "parallel"]} ins(%out, %sum : tensor<4x256x64xf32>, tensor<4x256xf32>) outs(%eo : tensor<4x256x64xf32>) {
    ^bb0(%a: f32, %b: f32, %c: f32):
      %t = arith.divf %a, %b : f32
      linalg.yield %t : f32
    } -> tensor<4x256x64xf32>
    return %y : tensor<4x256x64xf32>
  }
}

// -----

// The same mask as a sum.
// CHECK-LABEL: tile.region "added"
// CHECK: tile.matmul {{.*}} : !tile.view<psum, [128, 128], f32>
// CHECK-NOT: [128, 256]
// CHECK: tile.tensor_tensor {{.*}} {op = "add"} : !tile.view<sbuf, [128, 128], f32>
// CHECK: tile.matmul {{.*}} : !tile.view<psum, [128, 256], f32>
// CHECK-NOT: tile.tensor_tensor {{.*}}[128, 256]
// CHECK: tile.tensor_tensor {{.*}} {op = "add"} : !tile.view<sbuf, [128, 128], f32>
// CHECK-NOT: tile.tensor_tensor {{.*}}[128, 256]
// CHECK-LABEL: return

#q = affine_map<(h, m, n, k) -> (h, m, k)>
#k = affine_map<(h, m, n, k) -> (h, n, k)>
#s = affine_map<(h, m, n, k) -> (h, m, n)>
#id = affine_map<(h, m, n) -> (h, m, n)>
#row = affine_map<(h, m, n) -> (h, m)>
#p = affine_map<(h, m, d, n) -> (h, m, n)>
#v = affine_map<(h, m, d, n) -> (h, n, d)>
#o = affine_map<(h, m, d, n) -> (h, m, d)>
module {
  func.func @main(%q: tensor<4x256x64xf32> {graph.name = "q"}, %k: tensor<4x256x64xf32> {graph.name = "k"}, %v: tensor<4x256x64xf32> {graph.name = "v"})
      -> (tensor<4x256x64xf32> {graph.name = "added"}) {
    %z = arith.constant 0.0 : f32
    %low = arith.constant 0xFF800000 : f32
    %es = tensor.empty() : tensor<4x256x256xf32>
    %fs = linalg.fill ins(%z : f32) outs(%es : tensor<4x256x256xf32>) -> tensor<4x256x256xf32>
    %scores = linalg.generic {indexing_maps = [#q, #k, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%q, %k : tensor<4x256x64xf32>, tensor<4x256x64xf32>) outs(%fs : tensor<4x256x256xf32>) {
    ^bb0(%a: f32, %b: f32, %c: f32):
      %m = arith.mulf %a, %b : f32
      %t = arith.addf %c, %m : f32
      linalg.yield %t : f32
    } -> tensor<4x256x256xf32>
    %masked = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel"]} ins(%scores : tensor<4x256x256xf32>) outs(%es : tensor<4x256x256xf32>) {
    ^bb0(%a: f32, %c: f32):
      %i = linalg.index 1 : index
      %j = linalg.index 2 : index
      %keep = arith.cmpi sge, %i, %j : index
      %bias = arith.select %keep, %z, %low : f32
      %t = arith.addf %a, %bias : f32
      linalg.yield %t : f32
    } -> tensor<4x256x256xf32>
    %er = tensor.empty() : tensor<4x256xf32>
    %fm = linalg.fill ins(%low : f32) outs(%er : tensor<4x256xf32>) -> tensor<4x256xf32>
    %max = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "parallel", "reduction"]} ins(%masked : tensor<4x256x256xf32>) outs(%fm : tensor<4x256xf32>) {
    ^bb0(%a: f32, %c: f32):
      %t = arith.maximumf %c, %a : f32
      linalg.yield %t : f32
    } -> tensor<4x256xf32>
    %power = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel", "parallel"]} ins(%masked, %max : tensor<4x256x256xf32>, tensor<4x256xf32>) outs(%es : tensor<4x256x256xf32>) {
    ^bb0(%a: f32, %b: f32, %c: f32):
      %d = arith.subf %a, %b : f32
      %t = math.exp %d : f32
      linalg.yield %t : f32
    } -> tensor<4x256x256xf32>
    %f0 = linalg.fill ins(%z : f32) outs(%er : tensor<4x256xf32>) -> tensor<4x256xf32>
    %sum = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "parallel", "reduction"]} ins(%power : tensor<4x256x256xf32>) outs(%f0 : tensor<4x256xf32>) {
    ^bb0(%a: f32, %c: f32):
      %t = arith.addf %c, %a : f32
      linalg.yield %t : f32
    } -> tensor<4x256xf32>
    %eo = tensor.empty() : tensor<4x256x64xf32>
    %fo = linalg.fill ins(%z : f32) outs(%eo : tensor<4x256x64xf32>) -> tensor<4x256x64xf32>
    %out = linalg.generic {indexing_maps = [#p, #v, #o], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%power, %v : tensor<4x256x256xf32>, tensor<4x256x64xf32>) outs(%fo : tensor<4x256x64xf32>) {
    ^bb0(%a: f32, %b: f32, %c: f32):
      %m = arith.mulf %a, %b : f32
      %t = arith.addf %c, %m : f32
      linalg.yield %t : f32
    } -> tensor<4x256x64xf32>
    %y = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel", "parallel"]} ins(%out, %sum : tensor<4x256x64xf32>, tensor<4x256xf32>) outs(%eo : tensor<4x256x64xf32>) {
    ^bb0(%a: f32, %b: f32, %c: f32):
      %t = arith.divf %a, %b : f32
      linalg.yield %t : f32
    } -> tensor<4x256x64xf32>
    return %y : tensor<4x256x64xf32>
  }
}

// -----

// What a function makes of a masked value counts in the sum (tanh of minus infinity is -1): everything is computed.
// CHECK-LABEL: tile.region "counted"
// CHECK-NOT: tile.reduce {{.*}}op = "max"{{.*}}, !tile.view<sbuf, [128, 128], f32>
// CHECK: tile.reduce {{.*}}op = "max"{{.*}}, !tile.view<sbuf, [128, 256], f32>
// CHECK-NOT: tile.reduce {{.*}}op = "max"{{.*}}, !tile.view<sbuf, [128, 128], f32>

#q = affine_map<(h, m, n, k) -> (h, m, k)>
#k = affine_map<(h, m, n, k) -> (h, n, k)>
#s = affine_map<(h, m, n, k) -> (h, m, n)>
#id = affine_map<(h, m, n) -> (h, m, n)>
#row = affine_map<(h, m, n) -> (h, m)>
#p = affine_map<(h, m, d, n) -> (h, m, n)>
#v = affine_map<(h, m, d, n) -> (h, n, d)>
#o = affine_map<(h, m, d, n) -> (h, m, d)>
module {
  func.func @main(%q: tensor<4x256x64xf32> {graph.name = "q"}, %k: tensor<4x256x64xf32> {graph.name = "k"}, %v: tensor<4x256x64xf32> {graph.name = "v"})
      -> (tensor<4x256x64xf32> {graph.name = "counted"}) {
    %z = arith.constant 0.0 : f32
    %low = arith.constant 0xFF800000 : f32
    %es = tensor.empty() : tensor<4x256x256xf32>
    %fs = linalg.fill ins(%z : f32) outs(%es : tensor<4x256x256xf32>) -> tensor<4x256x256xf32>
    %scores = linalg.generic {indexing_maps = [#q, #k, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%q, %k : tensor<4x256x64xf32>, tensor<4x256x64xf32>) outs(%fs : tensor<4x256x256xf32>) {
    ^bb0(%a: f32, %b: f32, %c: f32):
      %m = arith.mulf %a, %b : f32
      %t = arith.addf %c, %m : f32
      linalg.yield %t : f32
    } -> tensor<4x256x256xf32>
    %masked = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel"]} ins(%scores : tensor<4x256x256xf32>) outs(%es : tensor<4x256x256xf32>) {
    ^bb0(%a: f32, %c: f32):
      %i = linalg.index 1 : index
      %j = linalg.index 2 : index
      %keep = arith.cmpi sge, %i, %j : index
      %t = arith.select %keep, %a, %low : f32
      linalg.yield %t : f32
    } -> tensor<4x256x256xf32>
    %er = tensor.empty() : tensor<4x256xf32>
    %fm = linalg.fill ins(%low : f32) outs(%er : tensor<4x256xf32>) -> tensor<4x256xf32>
    %max = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "parallel", "reduction"]} ins(%masked : tensor<4x256x256xf32>) outs(%fm : tensor<4x256xf32>) {
    ^bb0(%a: f32, %c: f32):
      %t = arith.maximumf %c, %a : f32
      linalg.yield %t : f32
    } -> tensor<4x256xf32>
    %power = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel", "parallel"]} ins(%masked, %max : tensor<4x256x256xf32>, tensor<4x256xf32>) outs(%es : tensor<4x256x256xf32>) {
    ^bb0(%a: f32, %b: f32, %c: f32):
      %d = arith.subf %a, %b : f32
      %t = math.tanh %d : f32
      linalg.yield %t : f32
    } -> tensor<4x256x256xf32>
    %f0 = linalg.fill ins(%z : f32) outs(%er : tensor<4x256xf32>) -> tensor<4x256xf32>
    %sum = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "parallel", "reduction"]} ins(%power : tensor<4x256x256xf32>) outs(%f0 : tensor<4x256xf32>) {
    ^bb0(%a: f32, %c: f32):
      %t = arith.addf %c, %a : f32
      linalg.yield %t : f32
    } -> tensor<4x256xf32>
    %eo = tensor.empty() : tensor<4x256x64xf32>
    %fo = linalg.fill ins(%z : f32) outs(%eo : tensor<4x256x64xf32>) -> tensor<4x256x64xf32>
    %out = linalg.generic {indexing_maps = [#p, #v, #o], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%power, %v : tensor<4x256x256xf32>, tensor<4x256x64xf32>) outs(%fo : tensor<4x256x64xf32>) {
    ^bb0(%a: f32, %b: f32, %c: f32):
      %m = arith.mulf %a, %b : f32
      %t = arith.addf %c, %m : f32
      linalg.yield %t : f32
    } -> tensor<4x256x64xf32>
    %y = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel", "parallel"]} ins(%out, %sum : tensor<4x256x64xf32>, tensor<4x256xf32>) outs(%eo : tensor<4x256x64xf32>) {
    ^bb0(%a: f32, %b: f32, %c: f32):
      %t = arith.divf %a, %b : f32
      linalg.yield %t : f32
    } -> tensor<4x256x64xf32>
    return %y : tensor<4x256x64xf32>
  }
}
