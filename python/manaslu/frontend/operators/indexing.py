"""Handlers of reads and writes at indices that are tensors. Writes compare with positions and select: no scatter is needed."""

from __future__ import annotations

from .. import builder as text
from ..diagnostics import Unsupported
from ..types import TensorType, broadcast
from .registry import axis_of, handles, refuses
from .shape import concat


def gather(c, table, indices, axis: int):
    """graph.gather: the dimension `axis` of the table is replaced by the dimensions of the indices."""
    shape = (*table.type.shape[:axis], *indices.type.shape, *table.type.shape[axis + 1 :])
    return c.emit("gather", [table, indices], table.type.with_shape(shape), axis=text.integer(axis))


@handles("embedding.default")
def embedding(c, a):
    return gather(c, c.value(a["weight"]), c.value(a["indices"]), 0)


@handles("index_select.default")
def index_select(c, a):
    table = c.value(a["self"])
    axis = axis_of(a["dim"], table.type.rank)
    known = c.constant_of(a["index"])
    if known is not None:
        return c.reshape(_take_known(c, table, known, axis), c.type().shape)
    return c.reshape(gather(c, table, c.value(a["index"]), axis), c.type().shape)


def _take_known(c, table, index, axis: int):
    """Elements along one axis at constant indices: a slice where they are in a row."""
    flat = index.reshape(-1).tolist()
    size = table.type.shape[axis]
    flat = [i + size if i < 0 else i for i in flat]
    if any(not 0 <= i < size for i in flat):
        raise Unsupported(f"constant index out of range for a dimension of {size}")
    shape = (*table.type.shape[:axis], *index.shape, *table.type.shape[axis + 1 :])
    if flat == list(range(flat[0], flat[0] + len(flat))):
        return c.reshape(c.slice(table, axis, flat[0], flat[0] + len(flat)), shape)
    import torch

    return gather(c, table, c.constant(torch.tensor(flat).reshape(index.shape)), axis)


def _wrapped(c, index, size: int):
    """A runtime index as PyTorch's indexing takes it: negative ones count from the end."""
    type = index.type
    zero, length = (c.splat(n, TensorType((), type.dtype)) for n in (0, size))
    negative = c.emit("compare", [index, zero], type.with_dtype("i1"), predicate=text.quote("lt"))
    return c.emit("select", [negative, c.emit("add", [index, length], type), index], type)


@handles("index.Tensor")
def index_tensor(c, a):
    table, indices = c.value(a["self"]), list(a["indices"])
    used = [axis for axis, index in enumerate(indices) if index is not None]
    if any(c.type_of(indices[axis]).dtype in ("i1", "ui8") for axis in used):
        raise Unsupported("a bool tensor as index has a data-dependent result shape", "use where with a mask instead")
    if used != list(range(used[0], used[0] + len(used))):
        raise Unsupported("index tensors with a slice between them", "index one dimension at a time")
    known = [c.constant_of(indices[axis]) for axis in used]
    first = used[0]
    sizes = [table.type.shape[axis] for axis in used]
    flat_table = c.reshape(table, (*table.type.shape[:first], _product(sizes), *table.type.shape[first + len(used) :]))
    if all(k is not None for k in known):
        linear = 0
        for index, size in zip(known, sizes):
            linear = linear * size + index.where(index >= 0, index + size)
        return c.reshape(_take_known(c, flat_table, linear, first), c.type().shape)
    linear, shape = None, broadcast(*[c.type_of(indices[axis]).shape for axis in used])
    for axis, size in zip(used, sizes):
        index = _wrapped(c, c.value(indices[axis]), size)
        if linear is None:
            linear = index
            continue
        scaled = c.emit("mul", [linear, c.splat(size, TensorType((), linear.type.dtype))], linear.type)
        linear = c.emit("add", [scaled, index], linear.type.with_shape(broadcast(linear.type.shape, index.type.shape)))
    return c.reshape(gather(c, flat_table, c.broadcast(linear, shape), first), c.type().shape)


def _product(sizes) -> int:
    result = 1
    for size in sizes:
        result *= size
    return result


@handles("gather.default")
def gather_elements(c, a):
    """torch.gather: one element per index, the other coordinates are those of the index."""
    import torch

    table, type = c.value(a["self"]), c.type()
    axis = axis_of(a["dim"], table.type.rank)
    if not table.type.rank:
        return c.broadcast(table, type.shape)
    steps = [_product(table.type.shape[i + 1 :]) for i in range(table.type.rank)]
    base = torch.zeros(type.shape, dtype=torch.int64)
    for i, step in enumerate(steps):
        if i != axis:
            view = [1] * type.rank
            view[i] = type.shape[i]
            base = base + (torch.arange(type.shape[i]) * step).reshape(view)
    flat = c.reshape(table, (table.type.elements,))
    known = c.constant_of(a["index"])
    if known is not None:
        return _take_known(c, flat, known * steps[axis] + base, 0)
    index = c.cast(c.value(a["index"]), "i64")
    scaled = index if steps[axis] == 1 else c.emit("mul", [index, c.splat(steps[axis], TensorType((), "i64"))], index.type)
    return gather(c, flat, c.emit("add", [scaled, c.constant(base)], index.type), 0)


# --- writes -----------------------------------------------------------------------------------------------------------


def _write(c, value, axis: int, index, known, source):
    """`value` with positions index[0..n) of one axis replaced by the slices of `source` (n of them along that axis)."""
    count, size = source.type.shape[axis], value.type.shape[axis]
    if known is not None:
        flat = [int(i) + size if i < 0 else int(i) for i in known.reshape(-1).tolist()]
        if flat == list(range(flat[0], flat[0] + count)):
            return concat(c, [c.slice(value, axis, 0, flat[0]), source, c.slice(value, axis, flat[0] + count, size)], axis)
    along = [1] * value.type.rank
    along[axis] = size
    index = _wrapped(c, index, size)
    hit_type = TensorType((size, count), "i1")
    position = c.emit("iota", [], TensorType((size, 1), index.type.dtype), axis=text.integer(0))
    hit = c.emit("compare", [position, c.reshape(index, (1, count))], hit_type, predicate=text.quote("eq"))
    if count == 1:
        return c.emit("select", [c.reshape(hit, along), source, value], value.type)
    # Several positions: each takes the last slice that is written to it, or stays.
    from .reduction import reduce

    number = c.emit("iota", [], TensorType((1, count), "i32"), axis=text.integer(1))
    candidates = c.emit("select", [hit, number, c.splat(-1, TensorType((), "i32"))], hit_type.with_dtype("i32"))
    last = reduce(c, "max", candidates, [1], False)
    zero = c.splat(0, TensorType((), "i32"))
    written = c.emit("compare", [last, zero], last.type.with_dtype("i1"), predicate=text.quote("ge"))
    placed = gather(c, source, c.emit("max", [last, zero], last.type), axis)
    return c.emit("select", [c.reshape(written, along), placed, value], value.type)


@handles("index_copy.default")
def index_copy(c, a):
    value = c.value(a["self"])
    axis = axis_of(a["dim"], value.type.rank)
    source = c.cast(c.value(a["source"]), value.type.dtype)
    if source.type.rank != value.type.rank:
        source = c.reshape(source, tuple(1 if i == axis else d for i, d in enumerate(value.type.shape)))
    return _write(c, value, axis, c.value(a["index"]), c.constant_of(a["index"]), source)


@handles("index_put.default", "_unsafe_index_put.default")
def index_put(c, a):
    value, indices = c.value(a["self"]), list(a["indices"])
    used = [axis for axis, index in enumerate(indices) if index is not None]
    source = c.cast(c.value(a["values"]), value.type.dtype)
    if len(used) == 1 and c.type_of(indices[used[0]]).dtype == "i1" and not a.get("accumulate"):
        mask = c.value(indices[used[0]])
        if source.type.elements == 1 and used[0] == 0:
            mask = c.reshape(mask, (*mask.type.shape, *(1,) * (value.type.rank - mask.type.rank)))
            return c.emit("select", [mask, c.reshape(source, ()), value], value.type)
    if len(used) != 1 or a.get("accumulate"):
        raise Unsupported("writing at several index tensors, or adding at them", "write along one dimension with index_copy_")
    axis, index = used[0], c.value(indices[used[0]])
    if index.type.dtype == "i1" or index.type.rank > 1:
        raise Unsupported(f"writing at an index of type {index.type}", "use a vector of integers")
    count = index.type.elements
    written = (*value.type.shape[:axis], *index.type.shape, *value.type.shape[axis + 1 :])
    source = c.reshape(c.broadcast(source, written), tuple(count if i == axis else d for i, d in enumerate(value.type.shape)))
    return _write(c, value, axis, c.reshape(index, (count,)), c.constant_of(indices[axis]), source)


refuses("scatter", "write along one dimension with index_copy_", "scatter.src", "scatter.value", "scatter_add.default", "scatter_reduce.two", "index_add.default")


@handles("one_hot.default")
def one_hot(c, a):
    type = c.type()
    index = c.value(a["self"])
    position = c.emit("iota", [], TensorType((type.shape[-1],), index.type.dtype), axis=text.integer(0))
    hit = c.emit("compare", [c.reshape(index, (*index.type.shape, 1)), position], type.with_dtype("i1"), predicate=text.quote("eq"))
    return c.cast(hit, type.dtype)
