// lowering.md, instruction selection: any elementwise body becomes activations func(x * scale + bias) and chains (x op scalar) op scalar; composites are recognised.
// RUN: manaslu-opt %s --convert-linalg-to-tile | FileCheck %s

#id = affine_map<(d0, d1) -> (d0, d1)>
// CHECK: tile.activate {{.*}} {bias_imm = 1.000000e+00 : f32, func = "exp", scale_imm = 2.000000e+00 : f32}
// CHECK: tile.activate {{.*}} {func = "sigmoid"}
// CHECK: tile.tensor_tensor {{.*}} {op = "mul"}
// CHECK: tile.tensor_scalar {{.*}}op0 = "sub", op1 = "max"
func.func @main(%x: tensor<64x32xf32> {graph.name = "x"}) -> (tensor<64x32xf32> {graph.name = "y"}) {
  %one = arith.constant 1.0 : f32
  %two = arith.constant 2.0 : f32
  %e = tensor.empty() : tensor<64x32xf32>
  %0 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<64x32xf32>) outs(%e : tensor<64x32xf32>) {
  ^bb0(%i: f32, %o: f32):
    %s = arith.mulf %i, %two : f32
    %b = arith.addf %s, %one : f32
    %p = math.exp %b : f32
    %n = arith.negf %i : f32
    %q = math.exp %n : f32
    %r = arith.addf %q, %one : f32
    %t = arith.divf %one, %r : f32
    %u = arith.mulf %p, %t : f32
    %v = arith.subf %u, %one : f32
    %w = arith.maximumf %v, %two : f32
    linalg.yield %w : f32
  } -> tensor<64x32xf32>
  return %0 : tensor<64x32xf32>
}
