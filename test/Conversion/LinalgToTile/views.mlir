// decision 0006: what views cannot express goes through device memory; a slice with a step is a stride.
// RUN: manaslu-opt %s --convert-linalg-to-tile -split-input-file | FileCheck %s

#id = affine_map<(d0, d1) -> (d0, d1)>
// Every third of ten columns: no copy, a stride of 3 elements.
// CHECK-LABEL: tile.region "stepped"
// CHECK-NOT: scratch
// CHECK: tile.view {{.*}} strides [3] {offset = 1 : i64}
// CHECK: tile.activate {{.*}} {func = "exp"}
func.func @main(%x: tensor<64x10xf32> {graph.name = "stepped"}) -> (tensor<64x3xf32> {graph.name = "y"}) {
  %s = tensor.extract_slice %x[0, 1] [64, 3] [1, 3] : tensor<64x10xf32> to tensor<64x3xf32>
  %e = tensor.empty() : tensor<64x3xf32>
  %0 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%s : tensor<64x3xf32>) outs(%e : tensor<64x3xf32>) {
  ^bb0(%a: f32, %o: f32):
    %p = math.exp %a : f32
    linalg.yield %p : f32
  } -> tensor<64x3xf32>
  return %0 : tensor<64x3xf32>
}

// -----

#id = affine_map<(d0, d1) -> (d0, d1)>
// 24 as 3 x 8 and as 4 x 6: one of the two is stored and read again.
// CHECK-LABEL: tile.region "factors"
// CHECK: tile.region "scratch0" scratch
// CHECK: tile.store
// CHECK: tile.load
func.func @main(%x: tensor<3x8xf32> {graph.name = "factors"}, %y: tensor<4x6xf32> {graph.name = "b"}) -> (tensor<24xf32> {graph.name = "y"}) {
  %a = tensor.collapse_shape %x [[0, 1]] : tensor<3x8xf32> into tensor<24xf32>
  %b = tensor.collapse_shape %y [[0, 1]] : tensor<4x6xf32> into tensor<24xf32>
  %e = tensor.empty() : tensor<24xf32>
  %0 = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]}
      ins(%a, %b : tensor<24xf32>, tensor<24xf32>) outs(%e : tensor<24xf32>) {
  ^bb0(%i: f32, %j: f32, %o: f32):
    %p = arith.addf %i, %j : f32
    linalg.yield %p : f32
  } -> tensor<24xf32>
  return %0 : tensor<24xf32>
}

// -----

#index = affine_map<(d0, d1, d2) -> (d1)>
#all = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
// N78, a gather along an inner axis: rows lie 4 elements apart, each has two runs of 4.
// CHECK-LABEL: tile.region "table"
// CHECK: tile.view {{.*}} strides [4, 12, 1] : {{.*}} -> <device, [3, 2, 4], f32>
// CHECK: tile.gather_rows {{.*}} {rows = 3 : i64}
func.func @main(%x: tensor<2x3x4xf32> {graph.name = "table"}, %i: tensor<5xi32> {graph.name = "i"}) -> (tensor<2x5x4xf32> {graph.name = "y"}) {
  %e = tensor.empty() : tensor<2x5x4xf32>
  %0 = linalg.generic {indexing_maps = [#index, #all], iterator_types = ["parallel", "parallel", "parallel"]} ins(%i : tensor<5xi32>) outs(%e : tensor<2x5x4xf32>) {
  ^bb0(%at: i32, %o: f32):
    %a = linalg.index 0 : index
    %b = arith.index_cast %at : i32 to index
    %c = linalg.index 2 : index
    %v = tensor.extract %x[%a, %b, %c] : tensor<2x3x4xf32>
    linalg.yield %v : f32
  } -> tensor<2x5x4xf32>
  return %0 : tensor<2x5x4xf32>
}
