"""PyTorch's answer for a `.pt2`, for `manaslu-cc verify`: `python -m manaslu.reference MODEL.pt2 --inputs IN.npz --outputs OUT.npz [--precision TABLE.json --emulated OUT.npz]`.

Inputs and outputs are named by position: "0", "1", ... bfloat16 crosses as NumPy's two raw bytes (V2).
"""

from __future__ import annotations

import argparse
import sys

from . import child


def read(model: str):
    """The ExportedProgram of a `.pt2` in the form that the compiler imports."""
    from .frontend.archive import Archive
    from .frontend.exported import from_archive, known_form

    return known_form(from_archive(Archive(model)))


def compute(exported, inputs: list, table: dict | None = None) -> list:
    """The output tensors of an exported program for the given input arrays, in order; table: operators compute in the types of a precision table."""
    from .precision.emulation import Types, run, user_results

    results, _ = run(exported, [from_numpy(array) for array in inputs], Types(table) if table else None)
    return user_results(exported, results)


def from_numpy(array):
    """A tensor of an array; NumPy has no bfloat16, its two raw bytes (V2) stand for it."""
    import torch

    if array.dtype.kind == "V":
        return torch.from_numpy(array.view("int16").copy()).view(torch.bfloat16)
    return torch.from_numpy(array.copy())


def _to_numpy(tensor):
    import torch

    tensor = tensor.detach().contiguous()
    return tensor.view(torch.int16).numpy().view("V2") if tensor.dtype == torch.bfloat16 else tensor.numpy()


def main(arguments=None) -> int:
    import numpy

    parser = argparse.ArgumentParser(prog="python -m manaslu.reference", description=__doc__, allow_abbrev=False)
    parser.add_argument("model")
    parser.add_argument("--inputs", required=True)
    parser.add_argument("--outputs", required=True)
    parser.add_argument("--precision", help="a precision table, with --emulated")
    parser.add_argument("--emulated", help="the outputs in the table's types, too")
    options = parser.parse_args(arguments)

    def work():
        exported, inputs = read(options.model), child.read_arrays(options.inputs)
        jobs = [(options.outputs, None)] + ([(options.emulated, child.read_json(options.precision))] if options.precision else [])
        for path, table in jobs:
            numpy.savez(path, **{str(i): _to_numpy(tensor) for i, tensor in enumerate(compute(exported, inputs, table))})

    return child.run(work, "MN-VERIFY-REFERENCE", f"PyTorch cannot run {options.model}")


if __name__ == "__main__":
    sys.exit(main())
