// What depends on parameters and constants alone is computed at compile time: large results become new parameters, small ones constants.
// RUN: %{python} -c "import sys, torch, safetensors.torch as s; s.save_file({'w': torch.arange(32.0).reshape(4, 8), 'v': torch.full((4,), 4.0), 'i': torch.arange(3)}, sys.argv[1])" %t.safetensors
// RUN: manaslu-opt %s --pass-pipeline="builtin.module(func.func(fold-parameters{weights=%t.safetensors}))" | FileCheck %s
// RUN: head -c 40 %t.safetensors > %t.cut
// RUN: not manaslu-opt %s --pass-pipeline="builtin.module(func.func(fold-parameters{weights=%t.cut}))" 2>&1 | FileCheck %s --check-prefix=CUT

// CUT: MN-IN-WEIGHTS: the header claims {{[0-9]+}} bytes of a file of 40

// CHECK-LABEL: @weights
func.func @weights(%x: tensor<8x4xbf16>) -> (tensor<8x4xbf16>, tensor<4xf32>, tensor<3xi64>) {
  %w = "graph.parameter"() {name = "w"} : () -> tensor<4x8xf32>
  %v = "graph.parameter"() {name = "v"} : () -> tensor<4xf32>
  %i = "graph.parameter"() {name = "i"} : () -> tensor<3xi64>
  // CHECK: %[[W:.*]] = graph.parameter {name = "folded.0.w"} : () -> tensor<8x4xbf16>
  %0 = "graph.cast"(%w) {overflow = "propagate", rounding = "nearest_even"} : (tensor<4x8xf32>) -> tensor<4x8xbf16>
  %1 = "graph.transpose"(%0) {permutation = [1, 0]} : (tensor<4x8xbf16>) -> tensor<8x4xbf16>
  // CHECK: graph.add %arg0, %[[W]]
  %2 = "graph.add"(%x, %1) : (tensor<8x4xbf16>, tensor<8x4xbf16>) -> tensor<8x4xbf16>
  // CHECK: %[[R:.*]] = graph.constant {value = dense<5.000000e-01> : tensor<4xf32>}
  %3 = "graph.rsqrt"(%v) : (tensor<4xf32>) -> tensor<4xf32>
  // CHECK: %[[I:.*]] = graph.constant {value = dense<[0, 2, 4]> : tensor<3xi64>}
  %4 = "graph.add"(%i, %i) : (tensor<3xi64>, tensor<3xi64>) -> tensor<3xi64>
  // CHECK: return %{{.*}}, %[[R]], %[[I]]
  return %2, %3, %4 : tensor<8x4xbf16>, tensor<4xf32>, tensor<3xi64>
}

// CHECK-LABEL: @overflow
func.func @overflow() -> (tensor<2xf8E4M3FN>, tensor<2xf8E4M3FN>, tensor<2xf8E5M2>) {
  %c = "graph.constant"() {value = dense<[1.0, 1.0e6]> : tensor<2xf32>} : () -> tensor<2xf32>
  // CHECK-DAG: %[[SATURATED:.*]] = graph.constant {value = dense<[1.000000e+00, 4.480000e+02]> : tensor<2xf8E4M3FN>}
  %0 = "graph.cast"(%c) {overflow = "saturate", rounding = "nearest_even"} : (tensor<2xf32>) -> tensor<2xf8E4M3FN>
  // CHECK-DAG: %[[NAN:.*]] = graph.constant {value = dense<[1.000000e+00, 0x7F]> : tensor<2xf8E4M3FN>}
  %1 = "graph.cast"(%c) {overflow = "propagate", rounding = "nearest_even"} : (tensor<2xf32>) -> tensor<2xf8E4M3FN>
  // CHECK-DAG: %[[INFINITE:.*]] = graph.constant {value = dense<[1.000000e+00, 0x7C]> : tensor<2xf8E5M2>}
  %2 = "graph.cast"(%c) {overflow = "propagate", rounding = "nearest_even"} : (tensor<2xf32>) -> tensor<2xf8E5M2>
  // CHECK: return %[[SATURATED]], %[[NAN]], %[[INFINITE]]
  return %0, %1, %2 : tensor<2xf8E4M3FN>, tensor<2xf8E4M3FN>, tensor<2xf8E5M2>
}
