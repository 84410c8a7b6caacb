// Every engine widens what it reads and takes one number for each partition, so a norm reads its narrow input where it is: no widened copy, no centred one.
// RUN: manaslu-opt %s --convert-linalg-to-tile | FileCheck %s

// CHECK: tile.region "y" output
// CHECK: tile.reduce {{.*}} {axes = 1 : i64, op = "add"} : !tile.view<sbuf, [128, 1], f32>, !tile.view<sbuf, [128, 512], bf16>
// CHECK-NOT: !tile.view<sbuf, [128, 512], f32>, !tile.view<sbuf, [128, 512], bf16>
// CHECK: tile.activate {{.*}} sum {{.*}} bias {{.*}} {func = "square"} : !tile.view<sbuf, [128, 512], f32>, !tile.view<sbuf, [128, 1], f32>, !tile.view<sbuf, [128, 512], bf16>
// CHECK: tile.tensor_scalar {{.*}} scalar0 {{.*}} scalar1 {{.*}} {op0 = "sub", op1 = "mul"} : !tile.view<sbuf, [128, 512], bf16>, !tile.view<sbuf, [128, 512], bf16>

#id = affine_map<(t, f) -> (t, f)>
#row = affine_map<(t, f) -> (t)>
module {
  func.func @main(%in: tensor<128x512xbf16> {graph.name = "x"}) -> (tensor<128x512xbf16> {graph.name = "y"}) {
    %ex = tensor.empty() : tensor<128x512xbf16>
    %x = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%in : tensor<128x512xbf16>) outs(%ex : tensor<128x512xbf16>) {
    ^bb0(%a: bf16, %c: bf16):
      %t = arith.addf %a, %a : bf16
      linalg.yield %t : bf16
    } -> tensor<128x512xbf16>
    %z = arith.constant 0.0 : f32
    %n = arith.constant 0.001953125 : f32
    %eps = arith.constant 1.0e-5 : f32
    %ew = tensor.empty() : tensor<128x512xf32>
    %er = tensor.empty() : tensor<128xf32>
    %fr = linalg.fill ins(%z : f32) outs(%er : tensor<128xf32>) -> tensor<128xf32>
    %wide = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<128x512xbf16>) outs(%ew : tensor<128x512xf32>) {
    ^bb0(%a: bf16, %c: f32):
      %t = arith.extf %a : bf16 to f32
      linalg.yield %t : f32
    } -> tensor<128x512xf32>
    %sum = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]} ins(%wide : tensor<128x512xf32>) outs(%fr : tensor<128xf32>) {
    ^bb0(%a: f32, %c: f32):
      %t = arith.addf %c, %a : f32
      linalg.yield %t : f32
    } -> tensor<128xf32>
    %mean = linalg.generic {indexing_maps = [affine_map<(t) -> (t)>, affine_map<(t) -> (t)>], iterator_types = ["parallel"]} ins(%sum : tensor<128xf32>) outs(%er : tensor<128xf32>) {
    ^bb0(%a: f32, %c: f32):
      %t = arith.mulf %a, %n : f32
      linalg.yield %t : f32
    } -> tensor<128xf32>
    %centred = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]} ins(%wide, %mean : tensor<128x512xf32>, tensor<128xf32>) outs(%ew : tensor<128x512xf32>) {
    ^bb0(%a: f32, %b: f32, %c: f32):
      %t = arith.subf %a, %b : f32
      linalg.yield %t : f32
    } -> tensor<128x512xf32>
    %squares = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]} ins(%centred : tensor<128x512xf32>) outs(%fr : tensor<128xf32>) {
    ^bb0(%a: f32, %c: f32):
      %s = arith.mulf %a, %a : f32
      %t = arith.addf %c, %s : f32
      linalg.yield %t : f32
    } -> tensor<128xf32>
    %ey = tensor.empty() : tensor<128x512xbf16>
    %y = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]} ins(%centred, %squares : tensor<128x512xf32>, tensor<128xf32>) outs(%ey : tensor<128x512xbf16>) {
    ^bb0(%a: f32, %b: f32, %c: bf16):
      %v = arith.mulf %b, %n : f32
      %e = arith.addf %v, %eps : f32
      %r = math.rsqrt %e : f32
      %m = arith.mulf %a, %r : f32
      %t = arith.truncf %m : f32 to bf16
      linalg.yield %t : bf16
    } -> tensor<128x512xbf16>
    return %y : tensor<128x512xbf16>
  }
}
