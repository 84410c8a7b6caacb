"""Handlers of matrix products, convolutions, pooling and attention."""

from __future__ import annotations

import math

from .. import builder as text
from ..diagnostics import Unsupported
from ..types import TensorType, broadcast
from .registry import handles


def matmul(c, a, b):
    """graph.matmul with torch.matmul's rules for vectors and for batch dimensions that broadcast."""
    left, right = a, b
    if left.type.rank == 1:
        left = c.reshape(left, (1, *left.type.shape))
    if right.type.rank == 1:
        right = c.reshape(right, (*right.type.shape, 1))
    batch = broadcast(left.type.shape[:-2], right.type.shape[:-2])
    if right.type.rank > 2 or left.type.rank < right.type.rank:
        left = c.broadcast(left, (*batch, *left.type.shape[-2:]))
        right = c.broadcast(right, (*batch, *right.type.shape[-2:]))
    product = c.emit("matmul", [left, right], left.type.with_shape((*batch, left.type.shape[-2], right.type.shape[-1])))
    shape = list(product.type.shape)
    if b.type.rank == 1:
        del shape[-1]
    if a.type.rank == 1:
        del shape[-1 if b.type.rank == 1 else -2]
    return c.reshape(product, shape)


def _need_float(c, *values):
    for value in values:
        if value.type.dtype not in ("f32", "bf16", "f16"):
            raise Unsupported(f"matrix product of {value.type.dtype}", "convert the operands to float32")


@handles("matmul.default", "mm.default", "bmm.default", "mv.default", "dot.default")
def plain_matmul(c, a):
    left, right = c.value(a["self"]), c.value(a.get("other", a.get("mat2", a.get("vec", a.get("tensor")))))
    _need_float(c, left, right)
    return matmul(c, left, right)


@handles("addmm.default", "baddbmm.default", "addmv.default")
def addmm(c, a):
    left = c.value(a.get("mat1", a.get("batch1", a.get("mat"))))
    right = c.value(a.get("mat2", a.get("batch2", a.get("vec"))))
    _need_float(c, left, right)
    product, type = matmul(c, left, right), c.type()
    if a.get("alpha", 1) != 1:
        product = c.emit("mul", [product, c.splat(a["alpha"], TensorType((), type.dtype))], type)
    if a.get("beta", 1) == 0:
        return product
    added = c.cast(c.value(a["self"]), type.dtype)
    if a.get("beta", 1) != 1:
        added = c.emit("mul", [added, c.splat(a["beta"], TensorType((), type.dtype))], added.type)
    return c.emit("add", [product, added], type)


@handles("linear.default")
def linear(c, a):
    x, weight, bias = c.value(a["input"]), c.value(a["weight"]), c.optional(a.get("bias"))
    _need_float(c, x, weight)
    flat = c.reshape(x, (1, *x.type.shape)) if x.type.rank == 1 else x
    if weight.type.rank == 1:
        return c.reshape(matmul(c, x, weight), c.type().shape) if bias is None else c.emit("add", [matmul(c, x, weight), bias], c.type())
    made = c.emit("linear", [flat, weight] + ([bias] if bias is not None else []), flat.type.with_shape((*flat.type.shape[:-1], weight.type.shape[0])))
    return c.reshape(made, c.type().shape)


# --- convolutions ---------------------------------------------------------------------------------------------------


def _pair(value, count: int) -> list:
    value = [value] if isinstance(value, int) else list(value)
    return value * count if len(value) == 1 else value


@handles("conv2d.default", "conv1d.default", "convolution.default", "conv2d.padding", "conv1d.padding", "_convolution.default")
def convolution(c, a):
    x, weight, bias = c.value(a["input"]), c.value(a["weight"]), c.optional(a.get("bias"))
    spatial = weight.type.rank - 2
    if a.get("transposed"):
        raise Unsupported("transposed convolution")
    if spatial not in (1, 2):
        raise Unsupported(f"convolution over {spatial} dimensions", "1 and 2 are supported")
    strides, dilation = _pair(a.get("stride", 1), spatial), _pair(a.get("dilation", 1), spatial)
    padding = a.get("padding", 0)
    if isinstance(padding, str):
        total = [dilation[i] * (weight.type.shape[2 + i] - 1) if padding == "same" else 0 for i in range(spatial)]
        before, after = [t // 2 for t in total], [t - t // 2 for t in total]
    else:
        before = after = _pair(padding, spatial)
    batched = x if x.type.rank == spatial + 2 else c.reshape(x, (1, *x.type.shape))
    if spatial == 1:  # one row of a picture
        batched, weight = _with_row(c, batched), _with_row(c, weight)
        strides, dilation, before, after = [1, *strides], [1, *dilation], [0, *before], [0, *after]
    result = c.type().shape if x.type.rank == spatial + 2 else (1, *c.type().shape)
    shape = (*result[:2], 1, result[2]) if spatial == 1 else result
    made = c.emit(
        "conv2d", [batched, weight] + ([bias] if bias is not None else []), batched.type.with_shape(shape),
        strides=text.integers(strides), padding=text.integers([*before, *after]), dilation=text.integers(dilation), groups=text.integer(a.get("groups", 1)),
    )  # fmt: skip
    return c.reshape(made, c.type().shape)


def _with_row(c, value):
    n, channels, width = value.type.shape
    return c.reshape(value, (n, channels, 1, width))


# --- pooling --------------------------------------------------------------------------------------------------------


def _pool_arguments(c, a):
    x = c.value(a["self"])
    kernel = _pair(a["kernel_size"], 2)
    strides = _pair(a["stride"], 2) if a.get("stride") else kernel
    padding = _pair(a.get("padding", 0), 2)
    batched = x if x.type.rank == 4 else c.reshape(x, (1, *x.type.shape))
    shape = c.type().shape if x.type.rank == 4 else (1, *c.type().shape)
    return batched, batched.type.with_shape(shape), dict(kernel=text.integers(kernel), strides=text.integers(strides), padding=text.integers([*padding, *padding]))


@handles("max_pool2d.default", "max_pool2d_with_indices.default")
def max_pool2d(c, a):
    x, type, attributes = _pool_arguments(c, a)
    made = c.emit("max_pool2d", [x], type, dilation=text.integers(_pair(a.get("dilation", 1), 2)), ceil_mode=bool(a.get("ceil_mode", False)), **attributes)
    result = c.reshape(made, c.type().shape)
    if len(c.node.outputs) == 1:
        return result
    from ..importer import Unavailable

    return [result, Unavailable(c.node.target)]


@handles("avg_pool2d.default")
def avg_pool2d(c, a):
    if a.get("divisor_override") is not None or a.get("ceil_mode"):
        raise Unsupported("avg_pool2d with ceil_mode or divisor_override")
    x, type, attributes = _pool_arguments(c, a)
    return c.reshape(c.emit("avg_pool2d", [x], type, count_include_pad=bool(a.get("count_include_pad", True)), **attributes), c.type().shape)


@handles("adaptive_avg_pool2d.default", "_adaptive_avg_pool2d.default", "adaptive_avg_pool1d.default", "adaptive_max_pool2d.default")
def adaptive_pool(c, a):
    from .reduction import reduce

    x, spatial = c.value(a["self"]), 1 if "pool1d" in c.node.target else 2
    name, outer = ("max" if "max" in c.node.target else "mean"), x.type.rank - spatial
    sizes, result = x.type.shape[outer:], c.type().shape[outer:]
    if all(r == 1 for r in result):
        return reduce(c, name, x, list(range(outer, x.type.rank)), True)
    if any(s % r for s, r in zip(sizes, result)):
        raise Unsupported(f"adaptive pooling from {list(sizes)} to {list(result)}", "the output size must divide the input size")
    split = [d for s, r in zip(sizes, result) for d in (r, s // r)]
    split_shape = (*x.type.shape[:outer], *split)
    return reduce(c, name, c.reshape(x, split_shape), [outer + 1 + 2 * i for i in range(spatial)], False)


# --- attention ------------------------------------------------------------------------------------------------------


def _is_causal(mask, queries: int, keys: int) -> bool:
    """Whether a constant mask lets query i see exactly the keys 0..i."""
    import torch

    if queries != keys or mask.shape[-2:] != (queries, keys):
        return False
    allowed = mask if mask.dtype == torch.bool else mask == 0
    if mask.dtype != torch.bool and bool((mask[~allowed] > -1e4).any()):
        return False
    return bool((allowed == torch.ones(queries, keys, dtype=torch.bool).tril()).all())


def _ungrouped(value):
    """x of reshape(broadcast_to(reshape(x))) where heads are repeated next to each other, else None."""
    op = value.op
    if not op or op.name != "graph.reshape" or not op.operands[0].op or op.operands[0].op.name != "graph.broadcast_to":
        return None
    wide = op.operands[0].type.shape
    inner = op.operands[0].op.operands[0]
    if len(wide) != 5 or value.type.shape != (wide[0], wide[1] * wide[2], *wide[3:]) or inner.type.shape != (*wide[:2], 1, *wide[3:]):
        return None
    if inner.op and inner.op.name == "graph.reshape" and inner.op.operands[0].type.shape == (*wide[:2], *wide[3:]):
        return inner.op.operands[0]
    return None


@handles("scaled_dot_product_attention.default")
def attention(c, a):
    if a.get("dropout_p"):
        raise Unsupported("attention with dropout", "call model.eval() before the export")
    q, k, v = (c.value(a[name]) for name in ("query", "key", "value"))
    scale = a.get("scale")
    scale = 1 / math.sqrt(q.type.shape[-1]) if scale is None else scale
    causal, grouped, mask = bool(a.get("is_causal", False)), bool(a.get("enable_gqa", False)), None
    if a.get("attn_mask") is not None:
        known = c.constant_of(a["attn_mask"])
        if known is not None and _is_causal(known, q.type.shape[-2], k.type.shape[-2]):
            causal = True
        elif known is None or not bool((known if known.dtype.is_floating_point is False else known == 0).all()):
            mask = c.value(a["attn_mask"])
            if mask.op and mask.op.name == "graph.broadcast_to" and mask.op.operands[0].type.rank == mask.type.rank:
                mask = mask.op.operands[0]
            if mask.type.dtype != "i1":
                mask = c.cast(mask, q.type.dtype)
    if q.type.rank == 4 and not grouped:
        narrow = _ungrouped(k), _ungrouped(v)
        if all(narrow):
            (k, v), grouped = narrow, True
    q, k, v, result = _four_dimensions(c, q, k, v)
    if not grouped and k.type.shape[1] == v.type.shape[1] == 1 < q.type.shape[1]:
        grouped = True  # one head of keys and values for all
    mask = c.reshape(mask, (1,) * (4 - mask.type.rank) + mask.type.shape) if mask is not None and mask.type.rank < 4 else mask
    made = c.emit(
        "attention", [q, k, v] + ([mask] if mask is not None else []), result, scale=text.floating(scale), causal=causal, enable_gqa=grouped and q.type.shape[1] != k.type.shape[1]
    )
    return c.reshape(made, c.type().shape)


def _four_dimensions(c, q, k, v):
    """Operands as [batch, heads, length, size], and the type of the result in that form."""
    if q.type.rank < 4:
        q, k, v = (c.reshape(value, (1,) * (4 - value.type.rank) + value.type.shape) for value in (q, k, v))
    if q.type.rank > 4:
        raise Unsupported(f"attention on tensors of {q.type.rank} dimensions", "use [batch, heads, length, size]")
    if q.type.shape[0] != k.type.shape[0]:
        batch = max(q.type.shape[0], k.type.shape[0])
        q, k, v = (c.broadcast(value, (batch, *value.type.shape[1:])) for value in (q, k, v))
    heads = [value.type.shape[1] for value in (q, k, v)]
    if len(set(heads)) > 1 and (heads[0] == 1 or heads[1] != heads[2]) and set(heads) <= {1, max(heads)}:
        q, k, v = (c.broadcast(value, (value.type.shape[0], max(heads), *value.type.shape[2:])) for value in (q, k, v))
    return q, k, v, q.type.with_shape((*q.type.shape[:3], v.type.shape[3]))

