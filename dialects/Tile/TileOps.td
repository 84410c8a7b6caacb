// Operations of the tile dialect: storage and views here, engine operations by family in TileEngineOps.td.

#ifndef MANASLU_TILE_OPS
#define MANASLU_TILE_OPS

include "dialects/Tile/TileBase.td"
include "dialects/Tile/TileEngineOps.td"

def Tile_AllocOp : Tile_Op<"alloc", [MemoryEffects<[MemAlloc]>]> {
  let summary = "Fresh SBUF or PSUM storage, undefined until written; inside a loop body, fresh in every iteration";
  let description = [{
    `propagate` is for 8-bit floats: numbers beyond their range become infinities as they are narrowed into it, in f8E4M3FN NaN. Without it they saturate.
  }];
  let arguments = (ins OptionalAttr<StrAttr>:$label, UnitAttr:$propagate);
  let results = (outs Tile_Buffer:$buffer);
  let assemblyFormat = "($label^)? attr-dict `:` type($buffer)";
  let hasVerifier = 1;
}

def Tile_RegionOp : Tile_Op<"region"> {
  let summary = "A named region of device memory: input, output, constant, state or scratch";
  let description = [{
    `shape` is the logical shape (its product is the number of elements except for packed constants), `host_type` the host's element type where it differs ("int64", "bool").
    A constant says how its bytes are made: `pack` lists pieces `{source = "parameter" or value = dense<..>, from, at, sizes, source_strides, strides}`, in elements; each copies a
    strided block of the logical parameter to the region and casts it to the region's type (nearest even). Elements that no piece writes are zero. `propagate` is that of tile.alloc.
  }];
  let arguments = (ins StrAttr:$name, Tile_RegionKind:$kind, DenseI64ArrayAttr:$shape, OptionalAttr<StrAttr>:$host_type, OptionalAttr<ArrayAttr>:$pack, UnitAttr:$propagate);
  let results = (outs Tile_Buffer:$buffer);
  let assemblyFormat = "$name $kind $shape attr-dict `:` type($buffer)";
  let hasVerifier = 1;
}

def Tile_ViewOp : Tile_Op<"view", [Pure]> {
  let summary = "An access pattern into a buffer";
  let description = [{
    Element (p, i0, i1, ...) of an SBUF or PSUM view lies in partition `partition + p` at element `offset + sum coefficients[k] * indices[k] + sum strides[d] * i_d`.
    A device view has a stride for every size, in elements. Offsets and strides are in elements of the buffer's type; `reinterpret` views a buffer's bytes as another type of the same size.
  }];
  let arguments = (ins Tile_Buffer:$buffer, Variadic<Index>:$indices, DefaultValuedAttr<I64Attr, "0">:$partition, DefaultValuedAttr<I64Attr, "0">:$offset,
                       DefaultValuedAttr<DenseI64ArrayAttr, "{}">:$coefficients, DenseI64ArrayAttr:$strides);
  let results = (outs Tile_View:$view);
  let assemblyFormat = "$buffer (`[` $indices^ `]`)? `strides` $strides attr-dict `:` type($buffer) `->` type($view)";
  let hasVerifier = 1;
}

#endif
