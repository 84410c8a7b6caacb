"""Handlers of operators that make tensors from nothing; they only come here when too large to fold."""

from __future__ import annotations

from .. import builder as text
from ..types import TensorType
from .registry import handles, refuses


@handles("full.default", "full_like.default", "new_full.default")
def full(c, a):
    return c.splat(a["fill_value"], c.type())


@handles("zeros.default", "zeros_like.default", "new_zeros.default", "empty.memory_format", "empty_like.default", "new_empty.default")
def zeros(c, a):
    return c.splat(0, c.type())


@handles("ones.default", "ones_like.default", "new_ones.default")
def ones(c, a):
    return c.splat(1, c.type())


@handles("scalar_tensor.default")
def scalar_tensor(c, a):
    return c.splat(a["s"], c.type())


@handles("arange.default", "arange.start", "arange.start_step")
def arange(c, a):
    type, start, step = c.type(), a.get("start", 0), a.get("step", 1)
    value = c.emit("iota", [], type, axis=text.integer(0))
    for name, number, neutral in (("mul", step, 1), ("add", start, 0)):
        if number != neutral:
            value = c.emit(name, [value, c.splat(number, TensorType((), type.dtype))], type)
    return value


@handles("tril.default", "triu.default")
def triangle(c, a):
    type, lower = c.type(), "tril" in c.node.target
    last = TensorType(type.shape[-2:], "i32")
    row, column = (c.emit("iota", [], last, axis=text.integer(axis)) for axis in (0, 1))
    diagonal = c.splat(a.get("diagonal", 0), TensorType((), "i32"))
    kept = c.emit("compare", [c.emit("sub", [column, row], last), diagonal], last.with_dtype("i1"), predicate=text.quote("le" if lower else "ge"))
    return c.emit("select", [kept, c.value(a["self"]), c.splat(0, TensorType((), type.dtype))], type)


refuses(
    "random numbers", "make them outside and pass them as an input",
    *(f"{name}.default" for name in ("rand", "randn", "rand_like", "randn_like", "bernoulli", "multinomial", "randperm", "normal_functional")), "bernoulli.p", "randint.low",
)  # fmt: skip
refuses(
    "data-dependent output shape or control", "use where with a mask of fixed shape instead",
    *(f"{name}.default" for name in ("nonzero", "masked_select", "_unique2", "item", "_local_scalar_dense", "nonzero_static")), "unique_dim.default",
)  # fmt: skip
