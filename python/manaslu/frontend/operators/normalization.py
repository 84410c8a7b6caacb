"""Handlers of normalisation layers."""

from __future__ import annotations

from .. import builder as text
from ..diagnostics import Unsupported
from ..types import TensorType
from .registry import handles


def _segments(*present) -> str:
    return f"array<i32: {', '.join(str(int(p)) for p in present)}>"


def _affine(c, a):
    weight, bias = c.optional(a.get("weight")), c.optional(a.get("bias"))
    return weight, bias, [v for v in (weight, bias) if v is not None], _segments(1, weight is not None, bias is not None)


@handles("layer_norm.default", "native_layer_norm.default")
def layer_norm(c, a):
    x = c.value(a["input"])
    _, _, extra, segments = _affine(c, a)
    result = c.emit(
        "layer_norm", [x, *extra], x.type, normalized_rank=text.integer(len(a["normalized_shape"])), eps=text.floating(a.get("eps", 1e-5)), operandSegmentSizes=segments
    )
    return [result, *_unused(c, 1)] if len(c.node.outputs) > 1 else result


def _unused(c, start: int):
    """Results that only training reads; a use of one is reported where it happens."""
    from ..importer import Unavailable

    return [Unavailable(c.node.target) for _ in c.node.outputs[start:]]


@handles("rms_norm.default", "manaslu.rms_norm", "_fused_rms_norm.default")
def rms_norm(c, a):
    x, weight = c.value(a["input"]), c.optional(a.get("weight"))
    if len(a.get("normalized_shape", [1])) != 1:
        raise Unsupported("rms_norm over several dimensions", "flatten them first")
    eps = a.get("eps")
    if eps is None:
        eps = {"f32": 1.1920928955078125e-07, "bf16": 0.0078125, "f16": 0.0009765625}[x.type.dtype]
    result = c.emit("rms_norm", [x] + ([weight] if weight is not None else []), x.type, eps=text.floating(eps))
    return [result, *_unused(c, 1)] if len(c.node.outputs) > 1 else result


@handles("batch_norm.default", "_native_batch_norm_legit_no_training.default", "_native_batch_norm_legit.default", "native_batch_norm.default", "cudnn_batch_norm.default")
def batch_norm(c, a):
    if a.get("training"):
        raise Unsupported("batch norm in training mode", "call model.eval() before the export")
    x = c.value(a["input"])
    channels = TensorType((x.type.shape[1],), x.type.dtype)
    if a.get("running_mean") is None or a.get("running_var") is None:
        raise Unsupported("batch norm without running statistics", "build the layer with track_running_stats=True")
    weight = c.value(a["weight"]) if a.get("weight") is not None else c.splat(1, channels)
    bias = c.value(a["bias"]) if a.get("bias") is not None else c.splat(0, channels)
    mean, variance = (c.cast(c.value(a[name]), x.type.dtype) for name in ("running_mean", "running_var"))
    result = c.emit("batch_norm", [x, c.cast(weight, x.type.dtype), c.cast(bias, x.type.dtype), mean, variance], x.type, eps=text.floating(a["eps"]))
    return [result, *_unused(c, 1)] if len(c.node.outputs) > 1 else result


@handles("group_norm.default", "native_group_norm.default")
def group_norm(c, a):
    x = c.value(a["input"])
    _, _, extra, segments = _affine(c, a)
    groups = a.get("num_groups", a.get("group"))
    result = c.emit("group_norm", [x, *extra], x.type, groups=text.integer(groups), eps=text.floating(a.get("eps", 1e-5)), operandSegmentSizes=segments)
    return [result, *_unused(c, 1)] if len(c.node.outputs) > 1 else result


@handles("instance_norm.default", "_native_batch_norm_legit.no_stats")
def instance_norm(c, a):
    x = c.value(a["input"])
    if not a.get("use_input_stats", True):
        raise Unsupported("instance norm with running statistics", "build the layer with track_running_stats=False")
    if "no_stats" in c.node.target and x.type.shape[0] != 1:
        raise Unsupported("batch norm in training mode", "call model.eval() before the export")
    _, _, extra, segments = _affine(c, a)
    result = c.emit("group_norm", [x, *extra], x.type, groups=text.integer(x.type.shape[1]), eps=text.floating(a.get("eps", 1e-5)), operandSegmentSizes=segments)
    return [result, *_unused(c, 1)] if len(c.node.outputs) > 1 else result
