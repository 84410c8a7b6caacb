"""Handlers of operators that reduce over dimensions."""

from __future__ import annotations

from .. import builder as text
from ..diagnostics import Unsupported
from ..types import TensorType, is_float
from .elementwise import truth
from .registry import axes_of, axis_of, handles


def reduce(c, name: str, value, axes: list, keepdims: bool):
    """graph.reduce_<name> over sorted axes."""
    shape = [1 if i in axes else d for i, d in enumerate(value.type.shape) if keepdims or i not in axes]
    if not axes:
        return value
    return c.emit(f"reduce_{name}", [value], value.type.with_shape(shape), axes=text.integers(axes), keepdims=keepdims)


def _simple(name: str):
    def handler(c, a):
        value = c.cast(c.value(a["self"]), c.type().dtype)
        return reduce(c, name, value, axes_of(a.get("dim"), value.type.rank), bool(a.get("keepdim", False)))

    return handler


handles("sum.default", "sum.dim_IntList")(_simple("sum"))
handles("mean.default", "mean.dim")(_simple("mean"))
handles("amax.default", "max.default")(_simple("max"))
handles("amin.default", "min.default")(_simple("min"))


@handles("any.default", "any.dim", "any.dims", "all.default", "all.dim", "all.dims")
def any_all(c, a):
    value = c.cast(truth(c, a["self"]), "i32")
    result = reduce(c, "max" if ".any." in c.node.target else "min", value, axes_of(a.get("dim"), value.type.rank), bool(a.get("keepdim", False)))
    zero = c.splat(0, TensorType((), "i32"))
    return c.emit("compare", [result, zero], c.type(), predicate=text.quote("ne"))


@handles("argmax.default", "argmin.default")
def argmax(c, a):
    value = c.value(a["self"])
    dim, keepdim = a.get("dim"), bool(a.get("keepdim", False))
    if dim is None:
        value, dim = c.reshape(value, (value.type.elements,)), 0
    made = _position(c, "argmin" if "argmin" in c.node.target else "argmax", value, axis_of(dim, value.type.rank), keepdim)
    return c.reshape(made, c.type().shape)


def _position(c, name: str, value, axis: int, keepdims: bool):
    """graph.argmax or graph.argmin; of a number it is 0."""
    if not value.type.rank:
        return c.splat(0, TensorType((), "i64"))
    shape = [1 if i == axis else d for i, d in enumerate(value.type.shape) if keepdims or i != axis]
    return c.emit(name, [value], TensorType(tuple(shape), "i64"), axis=text.integer(axis), keepdims=keepdims)


@handles("max.dim", "min.dim")
def max_dim(c, a):
    value, keepdim = c.value(a["self"]), bool(a.get("keepdim", False))
    axis = axis_of(a["dim"], value.type.rank)
    name = "max" if ".max." in c.node.target else "min"
    return [reduce(c, name, value, [axis] if value.type.rank else [], keepdim), _position(c, f"arg{name}", value, axis, keepdim)]


@handles("var.correction", "var.dim", "var.default", "std.correction", "std.dim", "std.default", "var_mean.correction", "var_mean.dim", "var_mean.default")
def variance(c, a):
    value = c.value(a["self"])
    if not is_float(value.type.dtype):
        raise Unsupported(f"variance of {value.type.dtype}")
    axes, keepdim = axes_of(a.get("dim"), value.type.rank), bool(a.get("keepdim", False))
    correction = a.get("correction", 1 if a.get("unbiased", True) else 0)
    correction = 1 if correction is None else correction
    count = 1
    for axis in axes:
        count *= value.type.shape[axis]
    if count <= correction:
        raise Unsupported(f"variance of {count} elements with correction {correction} divides by zero")
    mean = reduce(c, "mean", value, axes, True)
    spread = reduce(c, "mean", c.emit("square", [c.emit("sub", [value, mean], value.type)], value.type), axes, keepdim)
    if correction:
        spread = c.emit("mul", [spread, c.splat(count / (count - correction), TensorType((), spread.type.dtype))], spread.type)
    if ".std." in c.node.target:
        return c.emit("sqrt", [spread], spread.type)
    if ".var_mean." in c.node.target:
        return [spread, c.reshape(mean, c.type(1).shape)]
    return spread


@handles("linalg_vector_norm.default", "norm.ScalarOpt_dim", "norm.Scalar")
def norm(c, a):
    order = a.get("ord", a.get("p", 2))
    value = c.cast(c.value(a["self"]), c.type().dtype)
    axes, keepdim = axes_of(a.get("dim"), value.type.rank), bool(a.get("keepdim", False))
    if order == 2:
        total = reduce(c, "sum", c.emit("square", [value], value.type), axes, keepdim)
        return c.emit("sqrt", [total], total.type)
    if order == 1:
        return reduce(c, "sum", c.emit("abs", [value], value.type), axes, keepdim)
    if order == float("inf"):
        return reduce(c, "max", c.emit("abs", [value], value.type), axes, keepdim)
    raise Unsupported(f"norm of order {order}", "orders 1, 2 and infinity are supported")


@handles("cumsum.default")
def cumsum(c, a):
    value = c.cast(c.value(a["self"]), c.type().dtype)
    return c.emit("cumsum", [value], value.type, axis=text.integer(axis_of(a["dim"], value.type.rank))) if value.type.rank else value


@handles("softmax.int", "_softmax.default", "log_softmax.int", "_log_softmax.default", "special_softmax.int", "_safe_softmax.default")
def softmax(c, a):
    type = c.type()
    value = c.cast(c.value(a["self"]), type.dtype)
    name = "log_softmax" if "log_softmax" in c.node.target else "softmax"
    if not type.rank:
        return c.splat(0 if name == "log_softmax" else 1, type)
    return c.emit(name, [value], type, axis=text.integer(axis_of(a["dim"], type.rank)))


@handles("logsumexp.default")
def logsumexp(c, a):
    value, keepdim = c.value(a["self"]), bool(a.get("keepdim", False))
    axes = axes_of(a["dim"], value.type.rank)
    largest = reduce(c, "max", value, axes, True)
    # The difference to an infinite maximum has no value; without it exp gives 0 or infinity.
    endless = c.emit("compare", [c.emit("abs", [largest], largest.type), c.splat(float("inf"), TensorType((), largest.type.dtype))], largest.type.with_dtype("i1"), predicate=text.quote("eq"))
    largest = c.emit("select", [endless, c.splat(0, TensorType((), largest.type.dtype)), largest], largest.type)
    total = reduce(c, "sum", c.emit("exp", [c.emit("sub", [value, largest], value.type)], value.type), axes, True)
    result = c.emit("add", [c.emit("log", [total], total.type), largest], total.type)
    return c.reshape(result, c.type().shape) if not keepdim else result
