// --auto-cast lowers operands of products (matmult) or every float value (all); inputs and results keep their types.
// RUN: manaslu-opt %s --pass-pipeline="builtin.module(func.func(select-types{mode=matmult}))" | FileCheck %s --check-prefix=MATMULT
// RUN: manaslu-opt %s --pass-pipeline="builtin.module(func.func(select-types{mode=all}))" | FileCheck %s --check-prefix=ALL
// RUN: manaslu-opt %s --pass-pipeline="builtin.module(func.func(select-types{mode=all type=fp16}))" | FileCheck %s --check-prefix=HALF
// RUN: manaslu-opt %s --pass-pipeline="builtin.module(func.func(select-types{mode=all type=tf32}))" | FileCheck %s --check-prefix=TF32
// RUN: manaslu-opt %s --pass-pipeline="builtin.module(func.func(select-types{mode=all type=fp8_e4m3}))" | FileCheck %s --check-prefix=BYTE
// RUN: manaslu-opt %s --pass-pipeline="builtin.module(func.func(select-types))" | FileCheck %s --check-prefix=NONE
// RUN: not manaslu-opt %s --pass-pipeline="builtin.module(func.func(select-types{mode=all type=f8}))" 2>&1 | FileCheck %s --check-prefix=ERROR

// ERROR: MN-NUM-TYPE: the type is bf16, fp16, tf32 or fp8_e4m3, not f8

// MATMULT-LABEL: @layer
// MATMULT: %[[W:.*]] = graph.parameter {name = "w"} : () -> tensor<4x3xf32>
// MATMULT: %[[X16:.*]] = graph.cast %arg0 {overflow = "propagate", rounding = "nearest_even"} : (tensor<2x3xf32>) -> tensor<2x3xbf16>
// MATMULT: %[[W16:.*]] = graph.cast %[[W]] {overflow = "propagate", rounding = "nearest_even"} : (tensor<4x3xf32>) -> tensor<4x3xbf16>
// MATMULT: graph.linear %[[X16]], %[[W16]], %{{.*}} : (tensor<2x3xbf16>, tensor<4x3xbf16>, tensor<4xf32>) -> tensor<2x4xf32>
// MATMULT: graph.softmax {{.*}} : (tensor<2x4xf32>) -> tensor<2x4xf32>

// ALL-LABEL: @layer
// ALL-SAME: -> tensor<2x4xf32>
// ALL-DAG: %[[X:.*]] = graph.cast %arg0 {overflow = "propagate", rounding = "nearest_even"} : (tensor<2x3xf32>) -> tensor<2x3xbf16>
// What parameters alone give stays in f32 and is rounded once.
// ALL-DAG: %[[B:.*]] = graph.add {{.*}} : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
// ALL-DAG: %[[B16:.*]] = graph.cast %[[B]] {overflow = "propagate", rounding = "nearest_even"} : (tensor<4xf32>) -> tensor<4xbf16>
// ALL: graph.linear %[[X]], %{{.*}}, %[[B16]] : (tensor<2x3xbf16>, tensor<4x3xbf16>, tensor<4xbf16>) -> tensor<2x4xbf16>
// A finite constant stays finite.
// ALL: graph.constant {value = dense<-3.38{{.*}}e+38> : tensor<bf16>}
// ALL: %[[S:.*]] = graph.softmax {{.*}} : (tensor<2x4xbf16>) -> tensor<2x4xbf16>
// ALL: %[[R:.*]] = graph.cast %[[S]] {overflow = "propagate", rounding = "nearest_even"} : (tensor<2x4xbf16>) -> tensor<2x4xf32>
// ALL: return %[[R]]

// HALF-LABEL: @layer
// HALF: graph.linear {{.*}} -> tensor<2x4xf16>

// tf32 is a type of products: it takes as many bytes as fp32.
// TF32-LABEL: @layer
// TF32: graph.linear {{.*}} : (tensor<2x3xtf32>, tensor<4x3xtf32>, tensor<4xf32>) -> tensor<2x4xf32>
// TF32: graph.softmax {{.*}} : (tensor<2x4xf32>) -> tensor<2x4xf32>

// fp8 as well: values between operators are bf16. Casts saturate.
// BYTE-LABEL: @layer
// BYTE: graph.linear {{.*}} : (tensor<2x3xf8E4M3FN>, tensor<4x3xf8E4M3FN>, tensor<4xbf16>) -> tensor<2x4xbf16>
// BYTE: graph.softmax {{.*}} : (tensor<2x4xbf16>) -> tensor<2x4xbf16>

// NONE-LABEL: @layer
// NONE-NOT: graph.cast
func.func @layer(%x: tensor<2x3xf32>) -> tensor<2x4xf32> {
  %w = "graph.parameter"() {name = "w"} : () -> tensor<4x3xf32>
  %b = "graph.parameter"() {name = "b"} : () -> tensor<4xf32>
  %bb = "graph.add"(%b, %b) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %0 = "graph.linear"(%x, %w, %bb) : (tensor<2x3xf32>, tensor<4x3xf32>, tensor<4xf32>) -> tensor<2x4xf32>
  %low = "graph.constant"() {value = dense<-3.4028235e38> : tensor<f32>} : () -> tensor<f32>
  %1 = "graph.max"(%0, %low) : (tensor<2x4xf32>, tensor<f32>) -> tensor<2x4xf32>
  %2 = "graph.softmax"(%1) {axis = 1 : i64} : (tensor<2x4xf32>) -> tensor<2x4xf32>
  return %2 : tensor<2x4xf32>
}
