// Engine operations: one instruction each, with the names, attributes and order of operands of docs/ISA.md.

#ifndef MANASLU_TILE_ENGINE_OPS
#define MANASLU_TILE_ENGINE_OPS

include "dialects/Tile/TileBase.td"

defvar V = Tile_View;
class Simple<string mnemonic, string engine, dag operands, dag attributes = (ins), string outputCount = "1">
    : Tile_EngineOp<mnemonic, engine, operands, attributes, outputCount> {
  let assemblyFormat = "operands attr-dict `:` type(operands)";
}

// dma
def Tile_LoadOp : Simple<"load", "dma", (ins V:$dst, V:$src)> { let summary = "Device to SBUF or PSUM, casting"; }
def Tile_StoreOp : Simple<"store", "dma", (ins V:$dst, V:$src)> { let summary = "SBUF or PSUM to device, casting"; }
def Tile_MoveOp : Simple<"move", "dma", (ins V:$dst, V:$src)> { let summary = "SBUF or PSUM to SBUF or PSUM through a DMA mover"; }
def Tile_CopyDeviceOp : Simple<"copy_device", "dma", (ins V:$dst, V:$src)> { let summary = "Device to device"; }
def Tile_GatherRowsOp : Simple<"gather_rows", "dma", (ins V:$dst, V:$table, V:$index), (ins I64Attr:$rows)> { let summary = "Row index[p] of the table to partition p"; }
def Tile_ScatterRowsOp : Simple<"scatter_rows", "dma", (ins V:$dst, V:$src, V:$index), (ins I64Attr:$rows, UnitAttr:$add)> {
  let summary = "Partition p to row index[p] of a device region";
  let extraClassDeclaration = engineDeclaration # "bool readsOutputs() { return true; }";
}
def Tile_DmaTransposeOp : Simple<"dma_transpose", "dma", (ins V:$dst, V:$src)> { let summary = "[P, F] to [F, P] of 2-byte types"; }
def Tile_DmaFillOp : Simple<"dma_fill", "dma", (ins V:$dst), (ins F32Attr:$value)> { let summary = "A constant to every element"; }

// pe
def Tile_MatmulOp : Simple<"matmul", "pe", (ins V:$acc, V:$stationary, V:$moving), (ins UnitAttr:$accumulate)> {
  let summary = "acc[M, N] (+)= stationary[K, M]^T moving[K, N], fp32 in PSUM";
  let extraClassDeclaration = engineDeclaration # "bool readsOutputs() { return getAccumulate(); }";
}
def Tile_TransposeOp : Simple<"transpose", "pe", (ins V:$dst, V:$src)> { let summary = "[P, F] to [F, P] in PSUM, moving bits"; }

// ve
def Tile_TensorTensorOp : Simple<"tensor_tensor", "ve", (ins V:$dst, V:$a, V:$b), (ins StrAttr:$op)> { let summary = "a op b"; }
def Tile_TensorScalarOp : Tile_EngineOp<"tensor_scalar", "ve", (ins V:$dst, V:$src, Optional<V>:$scalar0, Optional<V>:$scalar1),
    (ins StrAttr:$op0, DefaultValuedAttr<F32Attr, "0.0f">:$imm0, UnitAttr:$reverse0,
         DefaultValuedAttr<StrAttr, "\"bypass\"">:$op1, DefaultValuedAttr<F32Attr, "0.0f">:$imm1, UnitAttr:$reverse1), "1", 1> {
  let summary = "(src op0 scalar0) op1 scalar1; a scalar is the immediate or a [P, 1] view";
  let assemblyFormat = "$dst `,` $src (`scalar0` $scalar0^)? (`scalar1` $scalar1^)? attr-dict `:` type(operands)";
}
def Tile_ReduceOp : Simple<"reduce", "ve", (ins V:$dst, V:$src), (ins StrAttr:$op, I64Attr:$axes, UnitAttr:$negate)> { let summary = "Over the innermost `axes` free dimensions"; }
def Tile_ScanOp : Simple<"scan", "ve", (ins V:$dst, V:$a, V:$b), (ins F32Attr:$initial, StrAttr:$op0, StrAttr:$op1)> { let summary = "state = (state op0 a) op1 b along the innermost dimension"; }
def Tile_SelectOp : Simple<"select", "ve", (ins V:$dst, V:$mask, V:$on_true, V:$on_false)> { let summary = "mask is not zero ? on_true : on_false, moving bits"; }
def Tile_CopyOp : Simple<"copy", "ve", (ins V:$dst, V:$src)> { let summary = "Copy with cast"; }
def Tile_MemsetOp : Simple<"memset", "ve", (ins V:$dst), (ins F32Attr:$value)> { let summary = "A constant to every element"; }
def Tile_ReciprocalOp : Simple<"reciprocal", "ve", (ins V:$dst, V:$src)> { let summary = "1 / src"; }
def Tile_BnStatsOp : Simple<"bn_stats", "ve", (ins V:$dst, V:$src)> { let summary = "{count, mean, M2} of the free elements of a partition; dst [P, 3] f32"; }
def Tile_BnAggregateOp : Simple<"bn_aggregate", "ve", (ins V:$dst, V:$src)> { let summary = "{mean, variance} from n triples; dst [P, 2], src [P, n, 3] f32"; }

// se
def Tile_ActivateOp : Tile_EngineOp<"activate", "se", (ins V:$dst, Optional<V>:$sum, V:$src, Optional<V>:$scale, Optional<V>:$bias),
    (ins StrAttr:$func, DefaultValuedAttr<F32Attr, "1.0f">:$scale_imm, DefaultValuedAttr<F32Attr, "0.0f">:$bias_imm), "getSum() ? 2u : 1u", 1> {
  let summary = "func(src * scale + bias); `sum` [P, 1] takes the sum of the fp32 results over the free axes";
  let assemblyFormat = "$dst (`sum` $sum^)? `,` $src (`scale` $scale^)? (`bias` $bias^)? attr-dict `:` type(operands)";
}

// ge
def Tile_IotaOp : Simple<"iota", "ge", (ins V:$dst), (ins I64Attr:$base, I64Attr:$partition_step, DenseI64ArrayAttr:$steps)> { let summary = "base + partition_step * p + sum steps * index"; }
def Tile_AffineSelectOp : Simple<"affine_select", "ge", (ins V:$dst, V:$src), (ins I64Attr:$base, I64Attr:$partition_step, DenseI64ArrayAttr:$steps, StrAttr:$compare, F32Attr:$fill)> {
  let summary = "src where base + partition_step * p + sum steps * index COMPARE 0, else fill";
}
def Tile_PartitionReduceOp : Simple<"partition_reduce", "ge", (ins V:$dst, V:$src), (ins StrAttr:$op)> { let summary = "Over the partitions; dst has one partition"; }
def Tile_PartitionBroadcastOp : Simple<"partition_broadcast", "ge", (ins V:$dst, V:$src)> { let summary = "One partition to all of dst"; }
def Tile_IntTensorTensorOp : Simple<"int_tensor_tensor", "ge", (ins V:$dst, V:$a, V:$b), (ins StrAttr:$op)> { let summary = "int32, modulo 2^32"; }
def Tile_IntTensorScalarOp : Simple<"int_tensor_scalar", "ge", (ins V:$dst, V:$src), (ins StrAttr:$op, I64Attr:$value)> { let summary = "int32 with an immediate"; }

#endif
