// docs/decisions/0015: a loop of a convolution's window goes to the partitions beside few channels; the operand is loaded once for each of its coordinates, shifted.
// RUN: manaslu-opt %s -split-input-file --convert-linalg-to-tile | FileCheck %s

#image = affine_map<(n, o, y, x, c, i, j) -> (n, c, y * 2 + i, x * 2 + j)>
#weight = affine_map<(n, o, y, x, c, i, j) -> (o, c, i, j)>
#result = affine_map<(n, o, y, x, c, i, j) -> (n, o, y, x)>
#id = affine_map<(a, b, c, d) -> (a, b, c, d)>

// 3 channels and 7 rows of the window: 21 partitions, one product for each of the 7 columns. The patch (7, 3) of device memory overlaps itself.
// CHECK-LABEL: func.func @main
// CHECK: %[[IMAGE:.+]] = tile.region "image" input [1, 3, 117, 117]
// CHECK: %[[PATCH:.+]] = tile.view %[[IMAGE]] strides [117, 13689, 234, 1] : {{.*}} -> <device, [7, 3, 56, 117], f32>
// CHECK: tile.load {{.*}}, %[[PATCH]]
// CHECK-COUNT-7: tile.matmul {{.*}}<sbuf, [21, 8], f32>
// CHECK-NOT: tile.matmul
func.func @main(%image: tensor<1x3x117x117xf32> {graph.name = "image"}, %weight: tensor<8x3x7x7xf32> {graph.name = "weight"}) -> (tensor<1x8x56x56xf32> {graph.name = "y"}) {
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : tensor<1x8x56x56xf32>
  %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<1x8x56x56xf32>) -> tensor<1x8x56x56xf32>
  %y = linalg.generic {indexing_maps = [#image, #weight, #result], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
      ins(%image, %weight : tensor<1x3x117x117xf32>, tensor<8x3x7x7xf32>) outs(%init : tensor<1x8x56x56xf32>) {
  ^bb0(%a: f32, %b: f32, %sum: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %sum, %p : f32
    linalg.yield %s : f32
  } -> tensor<1x8x56x56xf32>
  return %y : tensor<1x8x56x56xf32>
}

// -----

#image = affine_map<(n, o, y, x, c, i, j) -> (n, c, y * 2 + i, x * 2 + j)>
#weight = affine_map<(n, o, y, x, c, i, j) -> (o, c, i, j)>
#result = affine_map<(n, o, y, x, c, i, j) -> (n, o, y, x)>

// The padding of an input is made by transfers within device memory: zeros, row by row, then the image.
// CHECK-LABEL: func.func @main
// CHECK-DAG: %[[IMAGE:.+]] = tile.region "image" input [1, 3, 111, 111]
// CHECK-DAG: %[[PADDED:.+]] = tile.region "scratch0" scratch [{{(1, )?}}3, 117, 117]
// CHECK: tile.copy_device {{.*}}<device, [351, 117], f32>
// CHECK: tile.copy_device {{.*}}<device, [3, 111, 111], f32>
// CHECK: %[[PATCH:.+]] = tile.view %[[PADDED]] strides [117, 13689, 234, 1] : {{.*}} -> <device, [7, 3, 56, 117], f32>
// CHECK: tile.load {{.*}}, %[[PATCH]]
// CHECK-COUNT-7: tile.matmul {{.*}}<sbuf, [21, 8], f32>
// CHECK-NOT: tile.matmul
func.func @main(%image: tensor<1x3x111x111xf32> {graph.name = "image"}, %weight: tensor<8x3x7x7xf32> {graph.name = "weight"}) -> (tensor<1x8x56x56xf32> {graph.name = "y"}) {
  %zero = arith.constant 0.0 : f32
  %padded = tensor.pad %image low[0, 0, 3, 3] high[0, 0, 3, 3] {
  ^bb0(%a: index, %b: index, %c: index, %d: index):
    tensor.yield %zero : f32
  } : tensor<1x3x111x111xf32> to tensor<1x3x117x117xf32>
  %empty = tensor.empty() : tensor<1x8x56x56xf32>
  %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<1x8x56x56xf32>) -> tensor<1x8x56x56xf32>
  %y = linalg.generic {indexing_maps = [#image, #weight, #result], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
      ins(%padded, %weight : tensor<1x3x117x117xf32>, tensor<8x3x7x7xf32>) outs(%init : tensor<1x8x56x56xf32>) {
  ^bb0(%a: f32, %b: f32, %sum: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %sum, %p : f32
    linalg.yield %s : f32
  } -> tensor<1x8x56x56xf32>
  return %y : tensor<1x8x56x56xf32>
}

// -----

#image = affine_map<(n, o, y, x, c, i, j) -> (n, c, y * 2 + i, x * 2 + j)>
#weight = affine_map<(n, o, y, x, c, i, j) -> (o, c, i, j)>
#result = affine_map<(n, o, y, x, c, i, j) -> (n, o, y, x)>
#id = affine_map<(a, b, c, d) -> (a, b, c, d)>

// A computed operand goes through device memory.
// CHECK-LABEL: func.func @main
// CHECK: %[[SCRATCH:.+]] = tile.region "scratch0" scratch [{{(1, )?}}3, 117, 117]
// CHECK: %[[WHOLE:.+]] = tile.view %[[SCRATCH]]
// CHECK: tile.store %[[WHOLE]]
// CHECK: %[[PATCH:.+]] = tile.view %[[SCRATCH]] strides [117, 13689, 234, 1] : {{.*}} -> <device, [7, 3, 56, 117], f32>
// CHECK: tile.load {{.*}}, %[[PATCH]]
// CHECK-COUNT-7: tile.matmul {{.*}}<sbuf, [21, 8], f32>
// CHECK-NOT: tile.matmul
func.func @main(%image: tensor<1x3x117x117xf32> {graph.name = "image"}, %weight: tensor<8x3x7x7xf32> {graph.name = "weight"}) -> (tensor<1x8x56x56xf32> {graph.name = "y"}) {
  %zero = arith.constant 0.0 : f32
  %same = tensor.empty() : tensor<1x3x117x117xf32>
  %positive = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%image : tensor<1x3x117x117xf32>) outs(%same : tensor<1x3x117x117xf32>) {
  ^bb0(%a: f32, %out: f32):
    %m = arith.maximumf %a, %zero : f32
    linalg.yield %m : f32
  } -> tensor<1x3x117x117xf32>
  %empty = tensor.empty() : tensor<1x8x56x56xf32>
  %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<1x8x56x56xf32>) -> tensor<1x8x56x56xf32>
  %y = linalg.generic {indexing_maps = [#image, #weight, #result], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
      ins(%positive, %weight : tensor<1x3x117x117xf32>, tensor<8x3x7x7xf32>) outs(%init : tensor<1x8x56x56xf32>) {
  ^bb0(%a: f32, %b: f32, %sum: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %sum, %p : f32
    linalg.yield %s : f32
  } -> tensor<1x8x56x56xf32>
  return %y : tensor<1x8x56x56xf32>
}

// -----

#image = affine_map<(n, o, y, x, c, i, j) -> (n, c, y + i, x + j)>
#weight = affine_map<(n, o, y, x, c, i, j) -> (o, c, i, j)>
#result = affine_map<(n, o, y, x, c, i, j) -> (n, o, y, x)>

// 64 channels leave room for one row of the window only: nothing is gained.
// CHECK-LABEL: func.func @main
// CHECK-NOT: [3, 64
// CHECK-COUNT-9: tile.matmul {{.*}}<sbuf, [64, 8], f32>
func.func @main(%image: tensor<1x64x18x18xf32> {graph.name = "image"}, %weight: tensor<8x64x3x3xf32> {graph.name = "weight"}) -> (tensor<1x8x16x16xf32> {graph.name = "y"}) {
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : tensor<1x8x16x16xf32>
  %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<1x8x16x16xf32>) -> tensor<1x8x16x16xf32>
  %y = linalg.generic {indexing_maps = [#image, #weight, #result], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
      ins(%image, %weight : tensor<1x64x18x18xf32>, tensor<8x64x3x3xf32>) outs(%init : tensor<1x8x16x16xf32>) {
  ^bb0(%a: f32, %b: f32, %sum: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %sum, %p : f32
    linalg.yield %s : f32
  } -> tensor<1x8x16x16xf32>
  return %y : tensor<1x8x16x16xf32>
}
