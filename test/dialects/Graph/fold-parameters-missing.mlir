// A parameter that the weights lack, or hold under another shape, is an error that names it.
// RUN: %{python} -c "import sys, torch, safetensors.torch as s; s.save_file({'w': torch.zeros(4, 8), 'd': torch.zeros(2, dtype=torch.float64)}, sys.argv[1])" %t.safetensors
// RUN: not manaslu-opt %s --pass-pipeline="builtin.module(func.func(fold-parameters{weights=%t.safetensors}))" 2>&1 | FileCheck %s
func.func @weights() -> (tensor<4x9xf32>, tensor<2xf32>) {
  // CHECK: MN-IN-WEIGHTS-NAME: parameter 'w' of type 'tensor<4x9xf32>' is stored under another shape or type
  %w = "graph.parameter"() {name = "w"} : () -> tensor<4x9xf32>
  // CHECK: MN-IN-WEIGHTS-NAME: parameter 'd' of type 'tensor<2xf32>' is not in the weights: the chip has no type F64
  %d = "graph.parameter"() {name = "d"} : () -> tensor<2xf32>
  %0 = "graph.neg"(%w) : (tensor<4x9xf32>) -> tensor<4x9xf32>
  %1 = "graph.neg"(%d) : (tensor<2xf32>) -> tensor<2xf32>
  return %0, %1 : tensor<4x9xf32>, tensor<2xf32>
}
