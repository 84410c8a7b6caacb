"""PyTorch's answer for a `.pt2`, for `manaslu-cc verify`: `python -m manaslu.reference MODEL.pt2 --inputs IN.npz --outputs OUT.npz`.

Inputs and outputs are named by position: "0", "1", ... bfloat16 crosses as NumPy's two raw bytes (V2).
"""

from __future__ import annotations

import argparse
import sys
import traceback

from .frontend.diagnostics import Error


def compute(model: str, inputs: list) -> list:
    """The output tensors of the program in `model` for the given input arrays, in order."""
    import torch
    import torch.utils._pytree as pytree

    from .frontend.archive import Archive
    from .frontend.exported import from_archive

    exported = from_archive(Archive(model))
    arrays = iter(inputs)
    leaves = []
    for spec in exported.graph_signature.input_specs:
        if spec.kind.name == "USER_INPUT":
            leaves.append(from_numpy(next(arrays)) if type(spec.arg).__name__ == "TensorArgument" else spec.arg.value)
    args, kwargs = pytree.tree_unflatten(leaves, exported.call_spec.in_spec)
    with torch.no_grad():
        result = exported.module()(*args, **kwargs)
    return [leaf for leaf in pytree.tree_leaves(result) if isinstance(leaf, torch.Tensor)]


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
    options = parser.parse_args(arguments)
    try:
        with numpy.load(options.inputs, allow_pickle=False) as given:
            inputs = [given[str(i)] for i in range(len(given.files))]
        outputs = compute(options.model, inputs)
        numpy.savez(options.outputs, **{str(i): _to_numpy(tensor) for i, tensor in enumerate(outputs)})
        return 0
    except Error as error:
        print(error.text(), file=sys.stderr)
        return error.exit_status
    except Exception as error:
        traceback.print_exc()
        print(f"error: MN-VERIFY-REFERENCE: PyTorch cannot run {options.model}: {type(error).__name__}: {str(error)[:300]}", file=sys.stderr)
        return 3


if __name__ == "__main__":
    sys.exit(main())
