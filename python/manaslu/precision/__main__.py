"""`manaslu-cc search-precision` and `--calibration`: `python -m manaslu.precision search|calibrate MODEL.pt2 --calibration DATA.npz --output OUT.json`.

DATA.npz holds samples by input name or position ("0", "1", ...). The first axis is that of samples: an array of the input's shape with one axis more in front, or one whose first axis is a multiple of the input's.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import warnings
import zipfile

import numpy
import torch

from .. import child, progress
from .calibration import calibrate
from ..frontend.archive import Archive
from ..frontend.diagnostics import Error, Item
from ..frontend.exported import from_archive
from ..reference import from_numpy
from .search import search_precision


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        raise Error("MN-USE-002", message)


def read_samples(path: str, exported) -> list:
    """The samples of an .npz as tuples of arguments of the exported program. Raises manaslu.Error MN-NUM-CALIBRATION, which lists every array that does not fit, MN-IN-NPZ-ZIP and MN-IN-NPZ-ARRAY."""
    user = [spec for spec in exported.graph_signature.input_specs if spec.kind.name == "USER_INPUT"]
    if exported.call_spec.in_spec.child(1).num_children:
        raise Error("MN-NUM-CALIBRATION", "the model was exported with keyword arguments; export it with positional ones")
    shapes = {node.name: node.meta["val"] for node in exported.graph.nodes if node.op == "placeholder" and "val" in node.meta}
    try:
        with numpy.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except FileNotFoundError:
        raise Error("MN-IO-001", f"{path}: no such file") from None
    except zipfile.BadZipFile as error:
        raise Error("MN-IN-NPZ-ZIP", f"{path}: {error}") from None
    except Exception as error:  # of whatever kind a damaged array raises
        raise Error("MN-IN-NPZ-ARRAY", f"{path} is not an .npz of arrays: {type(error).__name__}: {str(error)[:200]}") from None
    names = [spec.arg.name for spec in user if type(spec.arg).__name__ == "TensorArgument"]
    if foreign := [name for name, array in arrays.items() if not isinstance(array, numpy.ndarray)]:
        raise Error("MN-IN-NPZ-ARRAY", f"{path} holds {foreign[0]!r}, which is no array of numpy.savez")
    problems, columns = [], {}
    for name, array in arrays.items():
        own = names[int(name)] if name.isdigit() and int(name) < len(names) else name
        if own not in names:
            problems.append(Item(name, "is no input of the model", remedy=f"the inputs are {', '.join(names)}"))
            continue
        expected = shapes[own]
        want = tuple(expected.shape)
        tensor = from_numpy(array)
        if tensor.dtype == expected.dtype and tensor.dim() == len(want) + 1 and tuple(tensor.shape[1:]) == want:
            columns[own] = list(tensor)
        elif tensor.dtype == expected.dtype and want and tensor.dim() == len(want) and tuple(tensor.shape[1:]) == want[1:] and tensor.shape[0] % want[0] == 0:
            columns[own] = list(tensor.split(want[0]))
        else:
            problems.append(Item(name, f"is {tensor.dtype} {list(tensor.shape)}", remedy=f"samples of {expected.dtype} {list(want)} are an array [samples, {', '.join(map(str, want))}]"))
    problems += [Item(name, "has no samples") for name in names if name not in columns and not any(problem.what in (name, str(names.index(name))) for problem in problems)]
    if len({len(column) for column in columns.values()}) > 1:
        problems.append(Item(path, "gives " + ", ".join(f"{len(column)} samples of {name}" for name, column in columns.items())))
    if problems:
        raise Error("MN-NUM-CALIBRATION", f"{path} does not fit the model", problems)
    count = len(next(iter(columns.values()), []))
    return [tuple(columns[spec.arg.name][sample] if type(spec.arg).__name__ == "TensorArgument" else spec.arg.value for spec in user) for sample in range(count)]


def _write(path: str, content) -> None:
    """JSON, whole or not at all."""
    text = json.dumps(content, indent=2) + "\n"
    if path == "-":
        sys.stdout.write(text)
        return
    try:
        with tempfile.NamedTemporaryFile("w", dir=os.path.dirname(os.path.abspath(path)), delete=False, encoding="utf-8") as file:
            file.write(text)
        os.chmod(file.name, 0o644)
        os.replace(file.name, path)
    except OSError as error:
        raise Error("MN-IO-002", f"{path} cannot be written: {error.strerror}") from None


def _search(options) -> None:
    exported = from_archive(Archive(options.model))
    samples = read_samples(options.calibration, exported)
    found = search_precision(exported, samples, target=options.target, types=tuple(options.types.split(",")), default=options.default, scaling=options.scaling, min_sqnr=options.min_sqnr,
                             min_cosine=options.min_cosine, max_latency_ns=options.max_latency_ns, objective=options.objective, cache=options.cache)  # fmt: skip
    _write(options.output, found.table)
    if options.pareto:
        _write(options.pareto, found.to_json())
    print(found, file=sys.stderr if options.output == "-" else sys.stdout)
    if found.interrupted:
        raise Error("MN-NUM-INTERRUPTED", f"the search was interrupted after {len(found.measured)} assignments; {options.output} holds the best of them")


def _calibrate(options) -> None:
    exported = from_archive(Archive(options.model))
    _write(options.output, calibrate(exported, read_samples(options.calibration, exported)))


def main(arguments=None) -> int:
    parser = _Parser(prog="python -m manaslu.precision", description=__doc__, allow_abbrev=False)
    parser.add_argument("--progress-to", type=int, help="descriptor of a terminal for progress")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, run in (("search", _search), ("calibrate", _calibrate)):
        command = commands.add_parser(name, allow_abbrev=False)
        command.set_defaults(run=run)
        command.add_argument("model")
        for flag in ("--calibration", "--output"):
            command.add_argument(flag, required=True)
        if run is _search:  # defaults are the command line's (lib/Driver/CommandTable.cpp)
            for flag in ("--min-sqnr", "--min-cosine", "--max-latency-ns"):
                command.add_argument(flag, type=float)
            for flag in ("--objective", "--target", "--types", "--default", "--scaling"):
                command.add_argument(flag, required=True)
            for flag in ("--pareto", "--cache"):
                command.add_argument(flag)
    warnings.simplefilter("ignore")  # standard error is for coded errors

    def work():
        options = parser.parse_args(arguments)
        if options.progress_to is not None:
            progress.stream = os.fdopen(options.progress_to, "w", closefd=False)
        try:
            options.run(options)
        except KeyboardInterrupt:
            raise Error("MN-NUM-INTERRUPTED", "interrupted before anything was measured; nothing was written") from None

    return child.run(work, "MN-INTERNAL", "the child process failed")


if __name__ == "__main__":
    sys.exit(main())
