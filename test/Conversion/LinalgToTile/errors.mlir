// What the tile lowering cannot read is refused with a code at the operation.
// RUN: not manaslu-opt %s --convert-linalg-to-tile 2>&1 | FileCheck %s

// CHECK: error: MN-LOW-001: slices at positions known only at run time are not supported
func.func @main(%x: tensor<64x32xf32> {graph.name = "x"}) -> (tensor<32x32xf32> {graph.name = "y"}) {
  %c = arith.constant 3 : index
  %i = arith.addi %c, %c : index
  %0 = tensor.extract_slice %x[%i, 0] [32, 32] [1, 1] : tensor<64x32xf32> to tensor<32x32xf32>
  return %0 : tensor<32x32xf32>
}
