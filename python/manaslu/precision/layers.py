"""`manaslu-cc verify --per-layer`: every operator's value on the chip beside PyTorch's: `python -m manaslu.precision.layers MODEL.pt2 --inputs IN.npz --precision TABLE.json --chip CHIP.json --json OUT.json`.

The model is compiled once more with the value of every operator as a result: types and arithmetic are those of the program, fusions may be fewer. That program runs on the simulator and, tile by tile, on the interpreter of tile
programs (`run --check-levels`), which is the numeric oracle: an operator whose bits differ between the two is a bug of the compiler or the simulator, whatever its error.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import tempfile
import traceback
from dataclasses import asdict, dataclass

from .emulation import Types, run
from ..frontend.diagnostics import Error
from ..frontend.exported import from_exported
from ..frontend.importer import import_program
from ..frontend.torch import write
from ..native import errors
from ..reference import from_numpy, read

# Decibels by which the chip may be noisier than PyTorch in the same types before an operator is pointed at, and the level above which no noise matters.
_SLACK, _CLEAN = 6.0, 90.0


@dataclass
class Layer:
    """One operator. Decibels are of signal over noise; None for no noise at all."""

    operator: str
    """Module path and PyTorch's operator."""
    source: str
    chip_db: float | None
    """The chip against PyTorch in fp32."""
    same_types_db: float | None
    """PyTorch in the program's types against PyTorch in fp32."""
    verdict: str
    """"" where the types explain the error, "noisier" where the chip is worse than they explain, "BUG" where binary and oracle differ."""


def _sqnr_db(exact, got) -> float | None:
    exact, got = exact.double(), got.double()
    noise, signal = (exact - got).square().sum().item(), exact.square().sum().item()
    if noise == 0:
        return None
    return 10 * math.log10(signal / noise) if signal > 0 and math.isfinite(noise) else -math.inf


def compare(exported, inputs: list, table: dict, chip: str) -> list:
    """The layers of an exported program in known form, the worst first. inputs: arrays in order; chip: name or path."""
    imported = import_program(from_exported(exported), every_operator=True)
    tensors = [from_numpy(array) for array in inputs]
    names = [tap.value for tap in imported.taps]
    _, exact = run(exported, tensors, None, names)
    _, emulated = run(exported, tensors, Types(table), names)
    with tempfile.TemporaryDirectory(prefix="manaslu-") as folder:
        graph, weights, precision, output = (os.path.join(folder, name) for name in ("model.mlir", "model.safetensors", "table.json", "program.mnx"))
        write(imported, graph, weights)
        with open(precision, "w", encoding="utf-8") as file:
            json.dump(table, file)
        given, wrong = {name: array for (name, _), array in zip(imported.inputs, inputs, strict=True)}, ""
        with errors() as native:
            native.compile(graph, weights, {"target": chip, "precision": precision, "output": output, "trusted": True})
            program = native.Program(output)
            try:
                results = program.run(given, clock=False, check_levels=True)
            except native.Error as error:
                if error.args[0] != "MN-RUN-LEVELS":
                    raise
                wrong = " ".join(f"{item['where']} {item['message']}" for item in error.args[2]) + " "
                program = native.Program(output)
                results = program.run(given, clock=False)
    layers = []
    for tap in imported.taps:
        if tap.value not in exact:
            continue  # the value of a rewritten operator has no counterpart
        on_chip, same = (_sqnr_db(exact[tap.value], value) for value in (from_numpy(results[tap.result]), emulated[tap.value]))
        noisier = on_chip is not None and on_chip < min(_CLEAN, math.inf if same is None else same - _SLACK)
        verdict = "BUG" if f" {tap.result} " in f" {wrong}" else "noisier" if noisier else ""
        layers.append(Layer(f"{tap.module}.{tap.target.removeprefix('aten.')}".lstrip("."), tap.source, on_chip, same, verdict))
    return sorted(layers, key=lambda layer: (layer.verdict != "BUG", math.inf if layer.chip_db is None else layer.chip_db))


def text(layers: list) -> str:
    """The table that `verify --per-layer` prints."""
    decibels = lambda value: "exact" if value is None else f"{value:.1f}"  # noqa: E731
    lines = [f"{'chip dB':>8} {'same types dB':>14}  {'':7}  operator, worst first"]
    lines += [f"{decibels(layer.chip_db):>8} {decibels(layer.same_types_db):>14}  {layer.verdict:7}  {layer.operator}{'  at ' + layer.source if layer.source else ''}" for layer in layers]
    bugs, noisier = (sum(layer.verdict == verdict for layer in layers) for verdict in ("BUG", "noisier"))
    lines.append(f"{len(layers)} operators: {bugs} differ between the binary and the tile program" + (" (a bug: please report it)" if bugs else "") + f"; {noisier} are noisier than their types explain")
    return "\n".join(lines)


def main(arguments=None) -> int:
    import numpy

    parser = argparse.ArgumentParser(prog="python -m manaslu.precision.layers", description=__doc__, allow_abbrev=False)
    parser.add_argument("model")
    for flag in ("--inputs", "--precision", "--chip", "--json"):
        parser.add_argument(flag, required=True)
    options = parser.parse_args(arguments)
    try:
        with numpy.load(options.inputs, allow_pickle=False) as given:
            inputs = [given[str(i)] for i in range(len(given.files))]
        with open(options.precision, encoding="utf-8") as file:
            table = json.load(file)
        layers = compare(read(options.model), inputs, table, options.chip)
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump([{key: None if isinstance(value, float) and not math.isfinite(value) else value for key, value in asdict(layer).items()} for layer in layers], file)
        print(text(layers))
        return 0
    except Error as error:
        print(error.text(), file=sys.stderr)
        return error.exit_status
    except Exception as error:
        traceback.print_exc()
        print(f"error: MN-VERIFY-REFERENCE: the operators of {options.model} cannot be compared: {type(error).__name__}: {str(error)[:300]}", file=sys.stderr)
        return 3


if __name__ == "__main__":
    sys.exit(main())
