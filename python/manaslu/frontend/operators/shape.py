"""Handlers of operators that move or re-arrange elements."""

from __future__ import annotations

from .. import builder as text
from ..diagnostics import Unsupported
from .elementwise import operand
from .registry import axis_of, handles


@handles(
    "view.default", "reshape.default", "_unsafe_view.default", "flatten.using_ints", "unflatten.int", "unsqueeze.default", "squeeze.dim", "squeeze.dims",
    "squeeze.default", "_reshape_alias.default", "view_as.default",
)  # fmt: skip
def reshape(c, a):
    return c.reshape(c.value(a.get("self", a.get("input"))), c.type().shape)


@handles("permute.default")
def permute(c, a):
    value = c.value(a["self"])
    return c.transpose(value, [axis_of(d, value.type.rank) for d in a["dims"]])


@handles("transpose.int", "t.default", "swapaxes.default", "numpy_T.default", "mT.default")
def transpose(c, a):
    value = c.value(a["self"])
    rank = value.type.rank
    order = list(range(rank))
    if rank < 2:
        return value
    first, second = a.get("dim0", a.get("axis0", 0)), a.get("dim1", a.get("axis1", 1))
    if c.node.target == "aten.mT.default":
        first, second = -2, -1
    if c.node.target == "aten.numpy_T.default":
        return c.transpose(value, order[::-1])
    first, second = axis_of(first, rank), axis_of(second, rank)
    order[first], order[second] = second, first
    return c.transpose(value, order)


@handles("movedim.int")
def movedim(c, a):
    value = c.value(a["self"])
    source, target = axis_of(a["source"], value.type.rank), axis_of(a["destination"], value.type.rank)
    order = [i for i in range(value.type.rank) if i != source]
    order.insert(target, source)
    return c.transpose(value, order)


@handles("expand.default", "broadcast_to.default", "expand_as.default")
def expand(c, a):
    return c.broadcast(c.value(a["self"]), c.type().shape)


@handles("repeat.default")
def repeat(c, a):
    value, repeats = c.value(a["self"]), list(a["repeats"])
    shape = (1,) * (len(repeats) - value.type.rank) + value.type.shape
    inner = [d for size in shape for d in (1, size)]
    wide = [d for size, times in zip(shape, repeats) for d in (times, size)]
    return c.reshape(c.broadcast(c.reshape(value, inner), wide), c.type().shape)


@handles("repeat_interleave.self_int")
def repeat_interleave(c, a):
    value = c.value(a["self"])
    if a.get("dim") is None:
        value, axis = c.reshape(value, (value.type.elements,)), 0
    else:
        axis = axis_of(a["dim"], value.type.rank)
    head, tail = value.type.shape[: axis + 1], value.type.shape[axis + 1 :]
    return c.reshape(c.broadcast(c.reshape(value, (*head, 1, *tail)), (*head, a["repeats"], *tail)), c.type().shape)


def bounds(start, end, size: int) -> tuple:
    """Python's slice bounds for a dimension of this size."""
    start, end, _ = slice(start, end).indices(size)
    return start, max(start, end)


@handles("slice.Tensor")
def slice_tensor(c, a):
    value = c.value(a["self"])
    axis = axis_of(a.get("dim", 0), value.type.rank)
    start, end = bounds(a.get("start"), a.get("end"), value.type.shape[axis])
    return c.slice(value, axis, start, end, a.get("step", 1))


@handles("narrow.default")
def narrow(c, a):
    value = c.value(a["self"])
    axis = axis_of(a["dim"], value.type.rank)
    start = a["start"] + (value.type.shape[axis] if a["start"] < 0 else 0)
    return c.slice(value, axis, start, start + a["length"])


@handles("select.int")
def select(c, a):
    value = c.value(a["self"])
    axis = axis_of(a["dim"], value.type.rank)
    index = a["index"] + (value.type.shape[axis] if a["index"] < 0 else 0)
    return c.reshape(c.slice(value, axis, index, index + 1), c.type().shape)


@handles("split.Tensor", "split_with_sizes.default", "chunk.default", "unbind.int", "split.sizes", "tensor_split.sections")
def split(c, a):
    value = c.value(a["self"])
    axis = axis_of(a.get("dim", 0), value.type.rank)
    results, start = [], 0
    for i in range(len(c.node.outputs)):
        shape = c.type(i).shape
        length = 1 if c.node.target == "aten.unbind.int" else shape[axis]
        results.append(c.reshape(c.slice(value, axis, start, start + length), shape))
        start += length
    return results


@handles("cat.default")
def cat(c, a):
    type = c.type()
    values = [c.cast(c.value(t), type.dtype) for t in a["tensors"] if c.type_of(t).shape != (0,)]
    return concat(c, values, axis_of(a.get("dim", 0), type.rank))


def concat(c, values: list, axis: int):
    """graph.concat; one operand is itself."""
    values = [value for value in values if value.type.elements]
    if len(values) == 1:
        return values[0]
    shape = list(values[0].type.shape)
    shape[axis] = sum(value.type.shape[axis] for value in values)
    return c.emit("concat", values, values[0].type.with_shape(shape), axis=text.integer(axis))


@handles("stack.default")
def stack(c, a):
    type = c.type()
    axis = axis_of(a.get("dim", 0), type.rank)
    shape = list(type.shape)
    shape[axis] = 1
    return concat(c, [c.reshape(c.cast(c.value(t), type.dtype), shape) for t in a["tensors"]], axis)


@handles("flip.default")
def flip(c, a):
    value = c.value(a["self"])
    for dim in a["dims"]:
        axis = axis_of(dim, value.type.rank)
        size = value.type.shape[axis]
        if size > 64:
            raise Unsupported(f"flip of a dimension of {size}", "up to 64 elements are supported")
        value = concat(c, [c.slice(value, axis, i, i + 1) for i in reversed(range(size))], axis)
    return value


@handles("roll.default")
def roll(c, a):
    value = c.value(a["self"])
    if not a.get("dims"):
        flat = c.reshape(value, (value.type.elements,))
        return c.reshape(_roll(c, flat, 0, a["shifts"][0]), value.type.shape)
    for dim, shift in zip(a["dims"], a["shifts"]):
        value = _roll(c, value, axis_of(dim, value.type.rank), shift)
    return value


def _roll(c, value, axis: int, shift: int):
    size = value.type.shape[axis]
    cut = -shift % size
    return concat(c, [c.slice(value, axis, cut, size), c.slice(value, axis, 0, cut)], axis) if cut else value


@handles("constant_pad_nd.default", "pad.default")
def pad(c, a):
    if a.get("mode", "constant") != "constant":
        raise Unsupported(f"padding mode {a['mode']}", 'mode "constant" is supported')
    value, amounts = c.value(a["self"]), list(a["pad"])
    rank = value.type.rank
    low, high = [0] * rank, [0] * rank
    for i in range(len(amounts) // 2):
        low[rank - 1 - i], high[rank - 1 - i] = amounts[2 * i], amounts[2 * i + 1]
    for axis in range(rank):  # a negative amount takes elements away
        size = value.type.shape[axis]
        value = c.slice(value, axis, max(0, -low[axis]), size - max(0, -high[axis]))
    low, high = [max(0, n) for n in low], [max(0, n) for n in high]
    fill = a.get("value") or 0
    if not any(low + high):
        return value
    attribute = f"{text.number(fill, value.type.dtype)} : {value.type.dtype}" if value.type.dtype != "i1" else text.number(fill, "i1")
    return c.emit("pad", [value], c.type(), low=text.integers(low), high=text.integers(high), value=attribute)


@handles("slice_scatter.default")
def slice_scatter(c, a):
    value, axis = c.value(a["self"]), axis_of(a.get("dim", 0), c.type().rank)
    size = value.type.shape[axis]
    start, end = bounds(a.get("start"), a.get("end"), size)
    source = c.cast(c.value(a["src"]), value.type.dtype)
    if a.get("step", 1) != 1:
        raise Unsupported("writing to a slice with a step")
    return concat(c, [c.slice(value, axis, 0, start), source, c.slice(value, axis, end, size)], axis)


@handles("select_scatter.default")
def select_scatter(c, a):
    value, axis = c.value(a["self"]), axis_of(a["dim"], c.type().rank)
    size = value.type.shape[axis]
    index = a["index"] + (size if a["index"] < 0 else 0)
    shape = list(value.type.shape)
    shape[axis] = 1
    source = c.reshape(c.cast(c.value(a["src"]), value.type.dtype), shape)
    return concat(c, [c.slice(value, axis, 0, index), source, c.slice(value, axis, index + 1, size)], axis)


@handles("diff.default")
def diff(c, a):
    value, axis = c.value(a["self"]), axis_of(a.get("dim", -1), c.type().rank)
    ends = [c.value(a[name]) if a.get(name) is not None else None for name in ("prepend", "append")]
    value = concat(c, [v for v in (ends[0], value, ends[1]) if v is not None], axis)
    for _ in range(a.get("n", 1)):
        size = value.type.shape[axis]
        late = c.slice(value, axis, 1, size)
        value = c.emit("sub", [late, c.slice(value, axis, 0, size - 1)], late.type)
    return value


@handles("fill.Scalar", "fill.Tensor")
def fill(c, a):
    type = c.type()
    return c.broadcast(operand(c, a["value"], type.dtype), type.shape)


@handles("pixel_shuffle.default")
def pixel_shuffle(c, a):
    value, factor = c.value(a["self"]), a["upscale_factor"]
    *outer, channels, height, width = value.type.shape
    n = len(outer)
    split_shape = (*outer, channels // factor**2, factor, factor, height, width)
    moved = c.transpose(c.reshape(value, split_shape), [*range(n + 1), n + 3, n + 1, n + 4, n + 2])
    return c.reshape(moved, c.type().shape)


@handles("upsample_nearest2d.vec", "upsample_nearest2d.default")
def upsample_nearest(c, a):
    value, type = c.value(a.get("input", a.get("self"))), c.type()
    n, channels, height, width = value.type.shape
    if type.shape[2] % height or type.shape[3] % width:
        raise Unsupported("nearest upsampling by a factor that is not whole")
    up, across = type.shape[2] // height, type.shape[3] // width
    return c.reshape(c.broadcast(c.reshape(value, (n, channels, height, 1, width, 1)), (n, channels, height, up, width, across)), type.shape)

