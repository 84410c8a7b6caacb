"""Handlers of operators that work element by element, with PyTorch's type promotion made explicit."""

from __future__ import annotations

from .. import builder as text
from ..diagnostics import Unsupported
from ..program import Ref
from ..types import BOOL, TensorType, is_float, kind, promote
from .registry import handles

_UNARY_FLOAT = ["exp", "exp2", "log", "log1p", "expm1", "sqrt", "rsqrt", "reciprocal", "tanh", "sigmoid", "erf", "sin", "cos", "silu"]
_UNARY_SAME = ["neg", "abs", "sign", "relu", "square"]


def operand(c, argument, dtype: str):
    """SSA value of a tensor or a number in the type of the computation."""
    if isinstance(argument, Ref):
        return c.cast(c.value(argument), dtype)
    if isinstance(argument, (int, float)):
        return c.splat(argument, TensorType((), dtype))
    raise Unsupported(f"operand {argument!r} is neither a tensor nor a real number")


def binary(c, name: str, a, b, dtype: str | None = None, **attributes):
    """graph.<name>(a, b) in the type `dtype` (the result's by default), cast to the type of the result."""
    result = c.type()
    dtype = dtype or result.dtype
    made = result.with_dtype("i1") if name in ("compare", "logical_and", "logical_or", "logical_xor") else result.with_dtype(dtype)
    return c.cast(c.emit(name, [operand(c, a, dtype), operand(c, b, dtype)], made, **attributes), result.dtype)


def computation_type(c, *arguments) -> str:
    return promote([c.type_of(a) if isinstance(a, Ref) else a for a in arguments])


def _unary(name: str):
    def handler(c, a):
        result = c.type()
        return c.emit(name, [c.cast(c.value(a["self"]), result.dtype)], result)

    return handler


for _name in _UNARY_FLOAT + _UNARY_SAME:
    handles(f"{_name}.default")(_unary(_name))
handles("sgn.default")(_unary("sign"))
handles("special_expm1.default")(_unary("expm1"))


@handles("floor.default")
def floor(c, a):
    value = c.value(a["self"])
    return c.emit("floor", [value], c.type()) if is_float(value.type.dtype) else value


@handles("ceil.default")
def ceil(c, a):
    value, type = c.value(a["self"]), c.type()
    return c.emit("neg", [c.emit("floor", [c.emit("neg", [value], type)], type)], type) if is_float(type.dtype) else value


@handles("trunc.default")
def trunc(c, a):
    value = c.value(a["self"])
    return truncated(c, value) if is_float(value.type.dtype) else value


def truncated(c, value):
    """A float towards zero."""
    type = value.type
    return c.emit("mul", [c.emit("sign", [value], type), c.emit("floor", [c.emit("abs", [value], type)], type)], type)


@handles("frac.default")
def frac(c, a):
    value = c.value(a["self"])
    return c.emit("sub", [value, truncated(c, value)], value.type)


@handles("round.default")
def round_even(c, a):
    value = c.value(a["self"])
    return c.emit("round", [value], value.type) if is_float(value.type.dtype) else value


@handles("gelu.default")
def gelu(c, a):
    return c.emit("gelu", [c.value(a["self"])], c.type(), approximate=text.quote(a.get("approximate", "none")))


@handles("erfc.default")
def erfc(c, a):
    type = c.type()
    return c.emit("sub", [c.splat(1, TensorType((), type.dtype)), c.emit("erf", [c.value(a["self"])], type)], type)


@handles("log2.default")
def log2(c, a):
    return _times_constant(c, c.emit("log", [c.cast(c.value(a["self"]), c.type().dtype)], c.type()), 1.4426950408889634)


@handles("log10.default")
def log10(c, a):
    return _times_constant(c, c.emit("log", [c.cast(c.value(a["self"]), c.type().dtype)], c.type()), 0.4342944819032518)


def _times_constant(c, value, factor: float):
    return c.emit("mul", [value, c.splat(factor, TensorType((), value.type.dtype))], value.type)


@handles("softplus.default")
def softplus(c, a):
    type, beta, threshold = c.type(), a.get("beta", 1.0), a.get("threshold", 20.0)
    x = c.value(a["self"])
    scaled = x if beta == 1 else _times_constant(c, x, beta)
    # log1p(exp(-|x|)) + max(x, 0) does not overflow.
    tail = c.emit("log1p", [c.emit("exp", [c.emit("neg", [c.emit("abs", [scaled], type)], type)], type)], type)
    soft = c.emit("add", [tail, c.emit("relu", [scaled], type)], type)
    soft = soft if beta == 1 else _times_constant(c, soft, 1 / beta)
    above = c.emit("compare", [scaled, c.splat(threshold, TensorType((), type.dtype))], type.with_dtype("i1"), predicate=text.quote("gt"))
    return c.emit("select", [above, x, soft], type)


@handles("leaky_relu.default")
def leaky_relu(c, a):
    type, x = c.type(), c.value(a["self"])
    positive = c.emit("compare", [x, c.splat(0, TensorType((), type.dtype))], type.with_dtype("i1"), predicate=text.quote("gt"))
    return c.emit("select", [positive, x, _times_constant(c, x, a.get("negative_slope", 0.01))], type)


@handles("elu.default")
def elu(c, a):
    if a.get("input_scale", 1) != 1:
        raise Unsupported("elu with an input scale")
    type, x = c.type(), c.value(a["self"])
    positive = c.emit("compare", [x, c.splat(0, TensorType((), type.dtype))], type.with_dtype("i1"), predicate=text.quote("gt"))
    negative = c.emit("expm1", [c.emit("min", [x, c.splat(0, TensorType((), type.dtype))], type)], type)
    chosen = c.emit("select", [positive, x, _times_constant(c, negative, a.get("alpha", 1.0))], type)
    return chosen if a.get("scale", 1) == 1 else _times_constant(c, chosen, a["scale"])


@handles("hardtanh.default", "relu6.default", "clamp.default", "clamp.Tensor", "clamp_min.default", "clamp_max.default")
def clamp(c, a):
    type = c.type()
    low = a.get("min", a.get("min_val", -1 if "min_val" in a or "max_val" in a else None))
    high = a.get("max", a.get("max_val", 1 if "min_val" in a or "max_val" in a else None))
    if c.node.target == "aten.relu6.default":
        low, high = 0, 6
    elif c.node.target == "aten.hardtanh.default" and low is None and high is None:
        low, high = -1, 1
    value = c.cast(c.value(a["self"]), type.dtype)
    for name, bound in (("max", low), ("min", high)):
        if bound is not None:
            value = c.emit(name, [value, operand(c, bound, type.dtype)], type)
    return value


@handles("hardsigmoid.default", "hardswish.default")
def hardsigmoid(c, a):
    type, x = c.type(), c.value(a["self"])
    number = lambda n: c.splat(n, TensorType((), type.dtype))  # noqa: E731
    gate = c.emit("min", [c.emit("max", [c.emit("add", [x, number(3)], type), number(0)], type), number(6)], type)
    return _times_constant(c, gate if "sigmoid" in c.node.target else c.emit("mul", [x, gate], type), 1 / 6)


def _scaled_binary(name: str):
    def handler(c, a):
        dtype, alpha = c.type().dtype, a.get("alpha", 1)
        if kind(dtype) == BOOL:
            if name == "sub":
                raise Unsupported("subtraction of bool tensors")
            return binary(c, "logical_or", a["self"], a["other"])
        left, right = operand(c, a["self"], dtype), operand(c, a["other"], dtype)
        if alpha != 1:
            right = c.emit("mul", [right, c.splat(alpha, TensorType((), dtype))], right.type)
        return c.emit(name, [left, right], c.type())

    return handler


handles("add.Tensor", "add.Scalar")(_scaled_binary("add"))
handles("sub.Tensor", "sub.Scalar")(_scaled_binary("sub"))


@handles("rsub.Scalar", "rsub.Tensor")
def rsub(c, a):
    return _scaled_binary("sub")(c, {"self": a["other"], "other": a["self"]}) if a.get("alpha", 1) == 1 else _rsub_scaled(c, a)


def _rsub_scaled(c, a):
    type = c.type()
    scaled = c.emit("mul", [operand(c, a["self"], type.dtype), c.splat(a["alpha"], TensorType((), type.dtype))], c.type_of(a["self"]).with_dtype(type.dtype))
    return c.emit("sub", [operand(c, a["other"], type.dtype), scaled], type)


@handles("mul.Tensor", "mul.Scalar")
def mul(c, a):
    return binary(c, "logical_and" if kind(c.type().dtype) == BOOL else "mul", a["self"], a["other"])


@handles("div.Tensor", "div.Scalar", "true_divide.Tensor", "div.Tensor_mode", "div.Scalar_mode")
def div(c, a):
    mode = a.get("rounding_mode")
    if mode is None:
        return binary(c, "div", a["self"], a["other"])
    return _rounded_division(c, a, mode)


@handles("floor_divide.default")
def floor_divide(c, a):
    return _rounded_division(c, a, "floor")


def _rounded_division(c, a, mode: str):
    type = c.type()
    if mode == "floor":
        return binary(c, "floor_div", a["self"], a["other"])
    quotient = binary(c, "div", a["self"], a["other"])  # graph.div rounds integers towards zero
    return truncated(c, quotient) if is_float(type.dtype) else quotient


@handles("remainder.Tensor", "remainder.Scalar")
def remainder(c, a):
    return binary(c, "remainder", a["self"], a["other"])


@handles("fmod.Tensor", "fmod.Scalar")
def fmod(c, a):
    """The remainder with the sign of the dividend: that of the sizes, with its sign."""
    type = c.type()
    x, y = operand(c, a["self"], type.dtype), operand(c, a["other"], type.dtype)
    if not is_float(type.dtype):
        quotient = c.emit("div", [x, y], type)
        return c.emit("sub", [x, c.emit("mul", [quotient, y], type)], type)
    rest = c.emit("remainder", [c.emit("abs", [x], x.type), c.emit("abs", [y], y.type)], type)
    return c.emit("select", [c.emit("compare", [x, c.splat(0, TensorType((), x.type.dtype))], x.type.with_dtype("i1"), predicate=text.quote("lt")),
                             c.emit("neg", [rest], type), rest], type)  # fmt: skip


@handles("maximum.default", "max.other")
def maximum(c, a):
    return binary(c, "logical_or" if kind(c.type().dtype) == BOOL else "max", a["self"], a["other"])


@handles("minimum.default", "min.other")
def minimum(c, a):
    return binary(c, "logical_and" if kind(c.type().dtype) == BOOL else "min", a["self"], a["other"])


@handles("pow.Tensor_Scalar", "pow.Tensor_Tensor", "pow.Scalar")
def power(c, a):
    type, exponent = c.type(), a["exponent"]
    if isinstance(exponent, (int, float)) and isinstance(a["self"], Ref):
        x = c.cast(c.value(a["self"]), type.dtype)
        simple = {1: lambda: x, 2: lambda: c.emit("square", [x], type), 3: lambda: c.emit("mul", [c.emit("square", [x], type), x], type)}
        if is_float(type.dtype):
            simple |= {0.5: lambda: c.emit("sqrt", [x], type), -0.5: lambda: c.emit("rsqrt", [x], type), -1: lambda: c.emit("reciprocal", [x], type)}
            simple |= {4: lambda: c.emit("square", [c.emit("square", [x], type)], type)}
        if exponent in simple:
            return simple[exponent]()
    return binary(c, "pow", a["self"], exponent)


def _compare(predicate: str):
    def handler(c, a):
        return binary(c, "compare", a["self"], a["other"], computation_type(c, a["self"], a["other"]), predicate=text.quote(predicate))

    return handler


for _predicate in ("eq", "ne", "lt", "le", "gt", "ge"):
    handles(f"{_predicate}.Tensor", f"{_predicate}.Scalar")(_compare(_predicate))


def truth(c, argument):
    """A tensor as bool: different from zero."""
    value = c.value(argument)
    if value.type.dtype == "i1":
        return value
    zero = c.splat(0, TensorType((), value.type.dtype))
    return c.emit("compare", [value, zero], value.type.with_dtype("i1"), predicate=text.quote("ne"))


def _logical(name: str, bitwise: bool):
    def handler(c, a):
        type = c.type()
        if bitwise and type.dtype != "i1":
            raise Unsupported(f"bit operation on {type.dtype}", "use bool tensors")
        operands = []
        for argument in (a["self"], a["other"]):
            operands.append(truth(c, argument) if isinstance(argument, Ref) else c.splat(bool(argument), TensorType((), "i1")))
        for this, other in ((0, 1), (1, 0)):  # x and true, x or false: x
            op = operands[this].op
            neutral = {"logical_and": "dense<true>", "logical_or": "dense<false>"}.get(name)
            if neutral and op and op.name == "graph.constant" and op.attributes["value"].startswith(neutral):
                return c.broadcast(operands[other], type.shape)
        return c.emit(name, operands, type)

    return handler


for _name in ("and", "or", "xor"):
    handles(f"logical_{_name}.default")(_logical(f"logical_{_name}", False))
    handles(f"bitwise_{_name}.Tensor", f"bitwise_{_name}.Scalar", f"__{_name}__.Tensor", f"__{_name}__.Scalar")(_logical(f"logical_{_name}", True))


@handles("logical_not.default")
def logical_not(c, a):
    return c.emit("logical_not", [truth(c, a["self"])], c.type())


@handles("bitwise_not.default")
def bitwise_not(c, a):
    if c.type().dtype != "i1":
        raise Unsupported(f"bit operation on {c.type().dtype}", "use bool tensors")
    return logical_not(c, a)


@handles("where.self", "where.ScalarOther", "where.ScalarSelf", "where.Scalar")
def where(c, a):
    type = c.type()
    return c.emit("select", [truth(c, a["condition"]), operand(c, a["self"], type.dtype), operand(c, a["other"], type.dtype)], type)


@handles("masked_fill.Scalar", "masked_fill.Tensor")
def masked_fill(c, a):
    type = c.type()
    return c.emit("select", [truth(c, a["mask"]), operand(c, a["value"], type.dtype), c.value(a["self"])], type)


@handles("lerp.Scalar", "lerp.Tensor")
def lerp(c, a):
    type = c.type()
    start, end = operand(c, a["self"], type.dtype), operand(c, a["end"], type.dtype)
    step = c.emit("sub", [end, start], type)
    return c.emit("add", [start, c.emit("mul", [step, operand(c, a["weight"], type.dtype)], type)], type)


@handles("addcmul.default", "addcdiv.default")
def addcmul(c, a):
    type = c.type()
    x, y, z = (operand(c, a[name], type.dtype) for name in ("self", "tensor1", "tensor2"))
    term = c.emit("mul" if "mul" in c.node.target else "div", [y, z], type)
    if a.get("value", 1) != 1:
        term = _times_constant(c, term, a["value"])
    return c.emit("add", [x, term], type)


@handles("isinf.default", "isfinite.default")
def isinf(c, a):
    value = c.value(a["self"])
    if not is_float(value.type.dtype):
        return c.splat("isfinite" in c.node.target, c.type())
    infinite = c.splat(float("inf"), TensorType((), value.type.dtype))
    return c.emit("compare", [c.emit("abs", [value], value.type), infinite], c.type(), predicate=text.quote("eq" if "isinf" in c.node.target else "lt"))


@handles("isnan.default")
def isnan(c, a):
    value = c.value(a["self"])
    return c.emit("compare", [value, value], c.type(), predicate=text.quote("ne"))


@handles(
    "to.dtype", "to.dtype_layout", "to.device", "to.other", "_to_copy.default", "type_as.default", "clone.default", "contiguous.default", "detach.default",
    "alias.default", "lift_fresh_copy.default", "lift_fresh.default", "dropout.default", "feature_dropout.default", "copy.default", "positive.default",
    "prims.convert_element_type.default", "resolve_conj.default", "resolve_neg.default", "native_dropout.default",
)  # fmt: skip
def copy(c, a):
    if a.get("train", a.get("training")) and a.get("p", 0.5):
        raise Unsupported("dropout in training mode", "call model.eval() before the export")
    source = a.get("src", a.get("self", a.get("input", a.get("a"))))
    value, type = c.value(source), c.type()
    if value.type.dtype != type.dtype and type.dtype == "i1":
        value = truth(c, source)
    result = c.broadcast(c.cast(value, type.dtype), type.shape)
    return [result] + [c.splat(True, c.type(1))] if len(c.node.outputs) > 1 else result
