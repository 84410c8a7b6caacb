"""`manaslu-cc verify --per-layer`: every operator's value on the chip beside PyTorch's.

`python -m manaslu.precision.layers MODEL.pt2 --program PROGRAM.mnx --inputs IN.npz --precision TABLE.json --chip CHIP.json --json OUT.json` prints a table and writes {"layers": [..], "bugs": [{"where", "message"}, ..]}.

The model is compiled once more with the value of every operator as a result, in the types of the program. That is another program: what it stores between operators the first one may keep in fp32 where it fuses them. So both
are held, bit by bit, against the interpreter of tile programs (`run --check-levels`), the numeric oracle: a difference in the program is a bug of the compiler or the simulator, whatever its error, and one in the other program
tells the operator.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import tempfile
from dataclasses import asdict, dataclass

from .. import child
from .emulation import Types, product_names, run
from ..frontend.exported import from_exported
from ..frontend.importer import import_program
from ..frontend.torch import write
from ..native import errors
from ..reference import from_numpy, read

# Decibels by which the chip may be noisier than PyTorch in the same types before an operator is pointed at, and the level above which no noise matters.
_SLACK, _CLEAN = 6.0, 90.0


@dataclass
class Layer:
    """One operator. Decibels are of signal over noise: None for no noise at all, -inf for values that are not finite where PyTorch's in fp32 are."""

    operator: str
    """A product's name in precision tables; of other operators the module's path and PyTorch's operator."""
    source: str
    chip_db: float | None
    """The chip against PyTorch in fp32."""
    same_types_db: float | None
    """PyTorch in the program's types against PyTorch in fp32."""
    verdict: str
    """"BUG" where binary and oracle differ, "noisier" where the chip is worse than the types explain, "overflow" where the types explain values that are not finite, "inherits" where an operator that this one reads from has
    such a verdict already; "" otherwise."""


@dataclass
class Comparison:
    layers: list
    """Layer; those that are bugs or noisier first, then the worst first."""
    bugs: list
    """{"where", "message"} of every output or operator whose bits differ from the oracle's and that does not inherit the difference."""
    checked: bool
    """Whether the program could be held against the oracle; one compiled with --strip cannot."""
    apart_db: float | None
    """The program that gives every operator's value against the program, in decibels of the outputs' signal over their difference; None for the same bits."""


def _sqnr_db(exact, got) -> float | None:
    """Equal infinities, as masks hold them, are neither signal nor noise."""
    exact, got = exact.double(), got.double()
    equal = (exact == got) | (exact.isnan() & got.isnan())
    noise = (exact - got).masked_fill(equal, 0).square().sum().item()
    signal = max(exact.masked_fill(~exact.isfinite(), 0).square().sum().item(), sys.float_info.min)
    if noise == 0:
        return None
    return 10 * (math.log10(signal) - math.log10(noise)) if math.isfinite(noise) else -math.inf


def _run(path: str, inputs: list) -> tuple:
    """The outputs of a program for arrays in order, and how they and the states differ from the oracle's: {"output NAME": text}; None for a program without a tile program. Raises manaslu.Error."""
    with errors() as native:
        given = {entry["name"]: array for entry, array in zip(native.Program(path).inputs, inputs, strict=True)}
        try:
            return native.Program(path).run(given, clock=False, check_levels=True), {}
        except native.Error as error:
            if error.args[0] not in ("MN-RUN-LEVELS", "MN-RUN-STRIPPED"):
                raise
            differences = {item["where"]: item["message"] for item in error.args[2]} if error.args[0] == "MN-RUN-LEVELS" else None
        return native.Program(path).run(given, clock=False), differences


def _downstream(graph, values: set) -> set:
    """Names of the nodes that read from `values`, over however many others."""
    reached = set()
    for node in graph.nodes:
        if any(read.name in values or read.name in reached for read in node.all_input_nodes):
            reached.add(node.name)
    return reached


def _verdict(chip: float | None, same: float | None, differs: bool) -> str:
    if differs:
        return "BUG"
    if chip is not None and chip < min(_CLEAN, math.inf if same is None else same - _SLACK):
        return "noisier"
    return "overflow" if chip == -math.inf else ""


def compare(exported, inputs: list, table: dict, chip: str, program: str) -> Comparison:
    """An exported program in known form beside the program (path) that it was compiled to. inputs: arrays in order; table: the program's precision table; chip: name or path. Raises manaslu.Error."""
    imported = import_program(from_exported(exported), every_operator=True)
    tensors = [from_numpy(array) for array in inputs]
    names = [tap.value for tap in imported.taps]
    _, exact = run(exported, tensors, None, names)
    _, emulated = run(exported, tensors, Types(table), names)
    outputs, differences = _run(program, inputs)
    with tempfile.TemporaryDirectory(prefix="manaslu-") as folder:
        graph, weights, precision, tapped = (os.path.join(folder, name) for name in ("model.mlir", "model.safetensors", "table.json", "program.mnx"))
        write(imported, graph, weights)
        with open(precision, "w", encoding="utf-8") as file:
            json.dump(table, file)
        with errors() as native:
            native.compile(graph, weights, {"target": chip, "precision": precision, "output": tapped, "trusted": True})
        results, wrong = _run(tapped, inputs)
    own = [name for name, _ in imported.outputs[: len(imported.outputs) - len(imported.taps)] if name is not None]
    apart = [_sqnr_db(from_numpy(value), from_numpy(results[name])) for value, name in zip(outputs.values(), own, strict=True)]
    taps = {tap.value: tap for tap in imported.taps if tap.value in exact}  # the value of a rewritten operator has no counterpart
    decibels = {value: (_sqnr_db(exact[value], from_numpy(results[tap.result])), _sqnr_db(exact[value], emulated[value])) for value, tap in taps.items()}
    verdicts = {value: _verdict(*decibels[value], f"output {tap.result}" in wrong) for value, tap in taps.items()}
    inherited = {kind: _downstream(exported.graph, {value for value, verdict in verdicts.items() if verdict in ("BUG", kind)}) for kind in ("BUG", "noisier", "overflow")}
    products = {node.name: name for node, name in product_names(exported.graph).items()}
    layers, bugs = [], [{"where": where, "message": message} for where, message in (differences or {}).items()]
    for value, tap in taps.items():
        name, verdict = products.get(value) or f"{tap.module}.{tap.target.removeprefix('aten.')}".lstrip("."), verdicts[value]
        verdict = "inherits" if value in inherited.get(verdict, ()) else verdict
        layers.append(Layer(name, tap.source, *decibels[value], verdict))
        if verdict == "BUG":
            bugs.append({"where": name, "message": wrong[f"output {tap.result}"]})
    if "BUG" not in verdicts.values():  # what differs is no operator of the table: a state, or a moved value
        bugs += [{"where": f"{where} (every operator a result)", "message": message} for where, message in wrong.items()]
    rank = {"BUG": 0, "noisier": 1}
    layers.sort(key=lambda layer: (rank.get(layer.verdict, 2), math.inf if layer.chip_db is None else layer.chip_db))
    return Comparison(layers, bugs, differences is not None, min((one for one in apart if one is not None), default=None))


def text(comparison: Comparison) -> str:
    """The table that `verify --per-layer` prints."""
    decibels = lambda value: "exact" if value is None else f"{value:.1f}"  # noqa: E731
    lines = [f"{'chip dB':>8} {'same types dB':>14}  {'':8}  operator, worst first"]
    for layer in comparison.layers:
        lines.append(f"{decibels(layer.chip_db):>8} {decibels(layer.same_types_db):>14}  {layer.verdict:8}  {layer.operator}{'  at ' + layer.source if layer.source else ''}")
    noisier = sum(layer.verdict == "noisier" for layer in comparison.layers)
    found = f"{len(comparison.bugs)}{' (bugs: please report them)' if comparison.bugs else ''}"
    lines.append(f"{len(comparison.layers)} operators; differing from the tile programs: {found}; noisier than their types explain: {noisier}")
    if not comparison.checked:
        lines.append("the program itself was not held against its tile program: it was compiled with --strip")
    if comparison.apart_db is not None:
        lines.append(f"operators were measured in a program that stores every value; its outputs are {comparison.apart_db:.1f} dB from those of the program, which fuses more")
    return "\n".join(lines)


def main(arguments=None) -> int:
    parser = argparse.ArgumentParser(prog="python -m manaslu.precision.layers", description=__doc__, allow_abbrev=False)
    parser.add_argument("model")
    for flag in ("--program", "--inputs", "--precision", "--chip", "--json"):
        parser.add_argument(flag, required=True)
    options = parser.parse_args(arguments)

    def work():
        found = compare(read(options.model), child.read_arrays(options.inputs), child.read_json(options.precision), options.chip, options.program)
        layers = [{key: None if isinstance(value, float) and not math.isfinite(value) else value for key, value in asdict(layer).items()} for layer in found.layers]
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump({"layers": layers, "bugs": found.bugs}, file)
        print(text(found))

    return child.run(work, "MN-VERIFY-REFERENCE", f"the operators of {options.model} cannot be compared")


if __name__ == "__main__":
    sys.exit(main())
