"""`manaslu.calibrate`: scales of activations for 8-bit products, from samples that run through the model on the host."""

from __future__ import annotations

import torch

from .. import progress
from ..frontend.diagnostics import Error, Item

LARGEST = {"fp8_e4m3": 448.0, "fp8_e5m2": 57344.0, "fp8_e3m4": 15.5}
"""The largest finite number of each 8-bit type (numerics.md: names and bits as in ml_dtypes)."""
SMALLEST_NORMAL = {"fp8_e4m3": 2.0**-6, "fp8_e5m2": 2.0**-14, "fp8_e3m4": 2.0**-2}
BITS = {"fp8_e4m3": 3, "fp8_e5m2": 2, "fp8_e3m4": 4}

KINDS = {
    **dict.fromkeys(("linear.default",), "linear"),
    **dict.fromkeys(("conv1d.default", "conv2d.default", "convolution.default", "conv1d.padding", "conv2d.padding", "_convolution.default"), "conv2d"),
    **dict.fromkeys(("matmul.default", "mm.default", "bmm.default", "mv.default", "dot.default"), "matmul"),
    **dict.fromkeys(("addmm.default", "baddbmm.default", "addmv.default"), "matmul"),
}
"""PyTorch's products whose activations can have a scale, and what the compiler calls them."""
FIRST_FACTOR = {"addmm.default": 1, "baddbmm.default": 1, "addmv.default": 1}
"""Where the factors begin among a product's arguments, where that is not 0."""

# Bins of magnitudes: 16 to an octave from 2^-40 to 2^40, below and above them the first and the last.
_OCTAVES, _PER_OCTAVE = 40, 16


class _Range:
    """What is known of one activation: its largest magnitude and how often each magnitude came. Takes the same memory after any number of samples."""

    def __init__(self):
        self.largest = 0.0
        self.counts = torch.zeros(2 * _OCTAVES * _PER_OCTAVE, dtype=torch.int64)

    def add(self, x) -> None:
        magnitude = x.detach().float().abs().flatten()
        if not magnitude.numel():
            return
        self.largest = max(self.largest, magnitude.max().item())
        magnitude = magnitude[magnitude > 0]
        bins = ((magnitude.log2() + _OCTAVES) * _PER_OCTAVE).long().clamp(0, len(self.counts) - 1)
        self.counts += torch.bincount(bins, minlength=len(self.counts))

    def edges(self):
        """The upper ends of the bins, the last one that holds something at the largest magnitude."""
        return torch.exp2((torch.arange(len(self.counts), dtype=torch.float64) + 1) / _PER_OCTAVE - _OCTAVES).clamp(max=self.largest)

    def clip(self, method: str, percentile: float, type: str) -> float:
        """The magnitude that becomes the type's largest number."""
        if method == "max" or not self.counts.sum():
            return self.largest
        edges = self.edges()
        if method == "percentile":
            share = self.counts.cumsum(0).double() / self.counts.sum()
            return edges[torch.searchsorted(share, percentile / 100)].item()
        candidates = edges[self.counts > 0]
        return min(candidates.tolist(), key=lambda clip: self.error(clip, edges, type))

    def error(self, clip: float, edges, type: str) -> float:
        """Expected squared error when magnitudes above `clip` saturate: of each bin x^2 4^-(bits + 1) / 3 (a rounding error uniform over half a step either way), the step of subnormals below
        the smallest normal number."""
        step = 2.0 ** -BITS[type] * edges.clamp(min=clip / LARGEST[type] * SMALLEST_NORMAL[type]) / 2
        inside = torch.where(edges <= clip, step**2 / 3, (edges - clip) ** 2)
        return (self.counts * inside).sum().item()


class _Watch(torch.fx.Interpreter):
    """Runs a graph and looks at the first factor of every product."""

    def __init__(self, module, names: dict, ranges: dict):
        super().__init__(module)
        self.names, self.ranges = names, ranges

    def run_node(self, node):
        name = self.names.get(node)
        if name:
            position = FIRST_FACTOR.get(operator(node), 0)
            self.ranges[name].add(self.env[node.args[position]])
        return super().run_node(node)


def operator(node) -> str:
    """"linear.default" of a call of torch.ops.aten.linear.default; empty for what is no call."""
    return str(node.target).removeprefix("aten.") if node.op == "call_function" else ""


def module_path(node) -> str:
    """Of the innermost module that the node was traced in."""
    stack = list((node.meta.get("nn_module_stack") or {}).values())
    return stack[-1][0] if stack else ""


def operator_names(graph, kinds: dict) -> dict:
    """Node of an operator of `kinds` to its name: module path, kind, and a number from the second of a name on (docs/precision.md)."""
    names, seen = {}, {}
    for node in graph.nodes:
        kind = kinds.get(operator(node))
        if not kind:
            continue
        path = module_path(node)
        name = f"{path}.{kind}" if path else kind
        number = seen[name] = seen.get(name, -1) + 1
        names[node] = f"{name}_{number}" if number else name
    return names


def _check(batch, expected, number: int) -> list:
    """What is wrong with a batch: its tensors must have the shapes of the first and hold finite numbers."""
    problems = []
    for position, (tensor, like) in enumerate(zip(batch, expected, strict=False)):
        if not isinstance(tensor, torch.Tensor):
            continue
        if tuple(tensor.shape) != tuple(like.shape) or tensor.dtype != like.dtype:
            problems.append(Item(f"batch {number}, argument {position}", f"is {tensor.dtype} {list(tensor.shape)}", remedy=f"the model takes {like.dtype} {list(like.shape)}"))
        elif tensor.is_floating_point() and not torch.isfinite(tensor).all():
            problems.append(Item(f"batch {number}, argument {position}", f"holds {(~torch.isfinite(tensor)).sum().item()} numbers that are not finite"))
    if len(batch) != len(expected):
        problems.append(Item(f"batch {number}", f"has {len(batch)} arguments", remedy=f"the model takes {len(expected)}"))
    return problems


def calibrate(model, batches, *, type: str = "fp8_e4m3", method: str = "max", percentile: float = 99.99) -> dict:
    """Scales of activations, by operator name: what a precision table takes as "scales" (docs/precision.md).

    model: a torch.nn.Module in evaluation mode, or an ExportedProgram. batches: tuples of arguments (or single tensors), all of one shape; they run through the model on the host one at a time, and what is kept of
    them does not grow with their number. type: the 8-bit type that the scales are for. method: "max" (the largest magnitude becomes the type's largest number), "percentile" (a magnitude that so many percent of the nonzero
    elements do not exceed), "mse" (the magnitude of least expected squared error). Activations that are always zero have no scale. Raises manaslu.Error MN-NUM-CALIBRATION, which lists every bad batch."""
    from ..api import export_model
    from ..frontend.exported import known_form

    if type not in LARGEST or method not in ("max", "percentile", "mse") or not 0 < percentile <= 100:
        raise Error("MN-USE-002", f"type is one of {', '.join(LARGEST)}, method one of max, percentile, mse, percentile above 0 and at most 100; got {type!r}, {method!r}, {percentile!r}")
    batches = [batch if isinstance(batch, (tuple, list)) else (batch,) for batch in batches]
    if not batches:
        raise Error("MN-NUM-CALIBRATION", "there are no samples")
    problems = [problem for number, batch in enumerate(batches) for problem in _check(batch, batches[0], number)]
    if problems:
        raise Error("MN-NUM-CALIBRATION", "samples do not fit the model", problems)
    exported = export_model(model, tuple(batches[0]))
    module = known_form(exported).module()
    names = operator_names(module.graph, KINDS)
    ranges = {name: _Range() for name in names.values()}
    watch = _Watch(module, names, ranges)
    with torch.no_grad():
        for number, batch in enumerate(batches):
            watch.run(*batch)
            progress.show("calibrating", number + 1, len(batches))
    return {name: known.clip(method, percentile, type) / LARGEST[type] for name, known in ranges.items() if known.largest > 0}
