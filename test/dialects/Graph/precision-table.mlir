// interfaces.md, "Precision table": globs over module path and operator, the first rule that matches wins; comments are allowed.
// RUN: manaslu-opt %s --pass-pipeline="builtin.module(func.func(select-types{precision=%S/Inputs/precision.json}))" | FileCheck %s
// RUN: not manaslu-opt %s --pass-pipeline="builtin.module(func.func(select-types{precision=%S/Inputs/unused.json}))" 2>&1 | FileCheck %s --check-prefix=UNUSED
// RUN: not manaslu-opt %s --pass-pipeline="builtin.module(func.func(select-types{precision=%S/Inputs/invalid.json}))" 2>&1 | FileCheck %s --check-prefix=INVALID
// RUN: not manaslu-opt %s --pass-pipeline="builtin.module(func.func(select-types{precision=%S/none.json}))" 2>&1 | FileCheck %s --check-prefix=MISSING

// A dynamic scale of each row of the activation, 1/448 of its largest magnitude; scales of the weight's rows are computed from the parameter alone.
// CHECK-LABEL: @model
// CHECK: %[[ABS:.*]] = graph.abs %arg0
// CHECK: %[[MAX:.*]] = graph.reduce_max %[[ABS]] {axes = array<i64: 1>, keepdims} : (tensor<2x64xf32>) -> tensor<2x1xf32>
// CHECK: %[[QX:.*]] = graph.cast %{{.*}} {overflow = "saturate", rounding = "nearest_even"} : (tensor<2x64xf32>) -> tensor<2x64xf8E4M3FN>
// CHECK: graph.abs {{.*}} : (tensor<64x64xf32>) -> tensor<64x64xf32>
// CHECK: %[[QW:.*]] = graph.cast %{{.*}} {overflow = "saturate", rounding = "nearest_even"} : (tensor<64x64xf32>) -> tensor<64x64xf8E4M3FN>
// CHECK: %[[P:.*]] = graph.linear %[[QX]], %[[QW]] : (tensor<2x64xf8E4M3FN>, tensor<64x64xf8E4M3FN>) -> tensor<2x64xf32>
// CHECK: %[[R:.*]] = graph.mul %[[P]], {{.*}} : (tensor<2x64xf32>, tensor<1x64xf32>) -> tensor<2x64xf32>
// CHECK: %[[S:.*]] = graph.mul %[[R]], {{.*}} : (tensor<2x64xf32>, tensor<2x1xf32>) -> tensor<2x64xf32>
// CHECK: graph.add %[[S]], {{.*}} : (tensor<2x64xf32>, tensor<1x64xf32>) -> tensor<2x64xf32>

// A given scale: no reduction of the activation.
// CHECK: dense<5.000000e-01>
// CHECK: graph.cast %{{.*}} {overflow = "saturate", rounding = "nearest_even"} : (tensor<2x64xf32>) -> tensor<2x64xf8E4M3FN>
// CHECK: graph.linear {{.*}} : (tensor<2x64xf8E4M3FN>, tensor<64x64xf8E4M3FN>) -> tensor<2x64xf32>

// Weights alone.
// CHECK: graph.linear {{.*}} : (tensor<2x64xbf16>, tensor<64x64xf8E4M3FN>) -> tensor<2x64xf32>
// CHECK: graph.softmax {{.*}} : (tensor<2x64xf32>) -> tensor<2x64xf32>

// UNUSED: MN-NUM-RULE: rule 1 matches no operator: "blok.0.attention.*"; the nearest is "block.0.attention
// UNUSED: MN-NUM-RULE: rule 2 matches no operator: "*.convolution"
// UNUSED: MN-NUM-RULE: a scale is given for "block.0.softmax", which is no product

// INVALID-DAG: MN-NUM-TABLE: {{.*}}the table has the unknown key "extra"
// INVALID-DAG: MN-NUM-TABLE: {{.*}}"schema" is 2, this release reads 1
// INVALID-DAG: MN-NUM-TABLE: {{.*}}"default" is "fp9"; there are fp32, tf32, bf16, fp16, fp8_e4m3, fp8_e5m2, fp8_e3m4
// INVALID-DAG: MN-NUM-TABLE: {{.*}}rule 1, "compute" is "int4"
// INVALID-DAG: MN-NUM-TABLE: {{.*}}rule 1, "scaling" is "block64"; there are none, tensor, row, block32
// INVALID-DAG: MN-NUM-TABLE: {{.*}}rule 2 is not an object with a string "match"
// INVALID-DAG: MN-NUM-TABLE: {{.*}}the scale of "a" is 0, not one positive finite number
// INVALID-DAG: MN-NUM-TABLE: {{.*}}the scale of "b" is -1
// INVALID-DAG: MN-NUM-TABLE: {{.*}}the scale of "c" is [1,2]

// MISSING: MN-IO-001
func.func @model(%x: tensor<2x64xf32>) -> tensor<2x64xf32> {
  %w0 = "graph.parameter"() {name = "w0"} : () -> tensor<64x64xf32>
  %b0 = "graph.parameter"() {name = "b0"} : () -> tensor<64xf32>
  %0 = "graph.linear"(%x, %w0, %b0) : (tensor<2x64xf32>, tensor<64x64xf32>, tensor<64xf32>) -> tensor<2x64xf32> loc("block.0.attention.query"("m.py":1:0))
  %1 = "graph.linear"(%0, %w0) : (tensor<2x64xf32>, tensor<64x64xf32>) -> tensor<2x64xf32> loc("block.1"("m.py":2:0))
  %2 = "graph.linear"(%1, %w0) : (tensor<2x64xf32>, tensor<64x64xf32>) -> tensor<2x64xf32> loc("block.1.head"("m.py":3:0))
  %3 = "graph.softmax"(%2) {axis = 1 : i64} : (tensor<2x64xf32>) -> tensor<2x64xf32> loc("block.1"("m.py":4:0))
  return %3 : tensor<2x64xf32>
}
