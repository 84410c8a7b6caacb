"""`manaslu.compile` and `manaslu.load`."""

from __future__ import annotations

import json
import os
import tempfile
import time

import torch

from .frontend.diagnostics import Error
from .native import errors
from .program import Program, Structure

_PRECISIONS = {"fp32": {"auto_cast": "none"}, **{name: {"auto_cast": "all", "auto_cast_type": name} for name in ("bf16", "fp16", "tf32", "fp8_e4m3")}}


def compile(model, args=None, kwargs=None, *, target: str = "mt1", precision="fp32", **options) -> Program:
    """Compiles a torch.nn.Module (with example arguments), a torch.export.ExportedProgram, or a `.pt2` or `.mlir` file.

    target: mt1, mt2, mi1 or a chip file. precision: "fp32" (no cast), "bf16", "fp16", "tf32" or "fp8_e4m3" (as `--auto-cast all`), or a precision table: a dictionary or the path of its
    JSON file (docs/precision.md). Further options are the long flags of `manaslu-cc compile` with underscores. Raises manaslu.Error, which lists all reasons."""
    folder = tempfile.TemporaryDirectory(prefix="manaslu-")
    options = {"target": os.fspath(target), **_precision(precision, folder.name), **options}
    if args is not None and not isinstance(args, (tuple, list)):
        args = (args,)
    output = options.setdefault("output", os.path.join(folder.name, "program.mnx"))
    if isinstance(model, (str, os.PathLike)):
        if args is not None or kwargs is not None:
            raise Error("MN-USE-002", "a file has its arguments already: leave args and kwargs out")
        path = os.path.abspath(model)
        with errors() as native:
            _, report = native.compile(os.fspath(model), "", options)
        return Program(output, keep=folder, compiled=report, lower=lambda stage: _stage(stage, options, lambda _: (path, "")))
    start = time.monotonic()
    exported = export_model(model, tuple(args or ()), dict(kwargs or {}))
    graph, weights, structure = import_model(exported, folder.name)
    options.setdefault("import_seconds", time.monotonic() - start)
    with errors() as native:
        _, report = native.compile(graph, weights, {**options, "trusted": True})
    os.remove(graph)
    os.remove(weights)
    return Program(output, structure, keep=folder, compiled=report, lower=lambda stage: _stage(stage, options, lambda place: import_model(exported, place)[:2]))


def _precision(precision, folder: str) -> dict:
    """The options that say a precision; a dictionary is written beside the program."""
    if isinstance(precision, str) and precision in _PRECISIONS:
        return _PRECISIONS[precision]
    if isinstance(precision, dict):
        path = os.path.join(folder, "precision.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(precision, file)
        return {"precision": path}
    if isinstance(precision, os.PathLike) or (isinstance(precision, str) and precision.endswith(".json")):
        return {"precision": os.fspath(precision)}
    raise Error("MN-USE-002", f"precision {precision!r} is not known; there are {', '.join(_PRECISIONS)}, a table as a dictionary, and the path of a table that ends in .json")


def load(path) -> Program:
    """Loads a `.mnx` program. It takes its inputs by position or by name and returns a tensor, or a tuple of several."""
    return Program(os.fspath(path))


def _stage(stage: str, options: dict, source) -> str:
    """The text of a stage before the program's, from the model once more: it refers to the model's own tensors, so that keeping it costs no memory.

    `source`: from a folder to the paths of the module and its weights."""
    with tempfile.TemporaryDirectory(prefix="manaslu-") as place:
        module, weights = source(place)
        output = os.path.join(place, f"{stage}.mlir")
        with errors() as native:
            native.compile(module, weights, {**options, "output": output, "compile_to": stage, "report": "", "trusted": bool(weights)})
        with open(output, encoding="utf-8") as file:
            return file.read()


def export_model(model, args: tuple, kwargs: dict | None = None):
    """The ExportedProgram of a torch.nn.Module in evaluation mode, or the one given. Raises manaslu.Error MN-FE-EXPORT, MN-USE-002."""
    if isinstance(model, torch.export.ExportedProgram):
        return model
    if not isinstance(model, torch.nn.Module):
        raise Error("MN-USE-002", f"a {type(model).__name__} cannot be compiled: give a torch.nn.Module, an ExportedProgram or a path")
    if any(module.training for module in model.modules()):
        raise Error("MN-USE-002", "the model is in training mode: call model.eval() first")
    try:
        with torch.no_grad():
            return torch.export.export(model, args, kwargs or {}, strict=False)
    except Exception as error:  # whatever the model's own code raises
        lines = [line for line in str(error).strip().splitlines() if line.strip()]
        raise Error("MN-FE-EXPORT", f"torch.export cannot capture {type(model).__name__}: {type(error).__name__}: {' '.join(lines[:3])}") from error


def import_model(exported, folder: str) -> tuple:
    """Paths of the graph and of its weights, and the nesting of arguments and results."""
    from .frontend.torch import import_exported, write

    imported = import_exported(exported)
    graph, weights = os.path.join(folder, "model.mlir"), os.path.join(folder, "model.safetensors")
    write(imported, graph, weights)
    inputs = []
    for spec in exported.graph_signature.input_specs:
        if spec.kind.name == "USER_INPUT":
            inputs.append(spec.arg.name if type(spec.arg).__name__ == "TensorArgument" else None)
    spec = exported.call_spec
    return graph, weights, Structure(spec.in_spec, spec.out_spec, inputs, imported.outputs)
