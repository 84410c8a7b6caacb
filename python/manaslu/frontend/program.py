"""A captured model, independent of how it was captured: named values, operator nodes, and the tensors behind parameters and buffers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .types import BY_NAME, TensorType


@dataclass(frozen=True)
class Ref:
    """Use of a named value as an argument."""

    name: str


@dataclass(frozen=True)
class DTypeArgument:
    """An element type as an argument (MLIR name)."""

    name: str


@dataclass
class Node:
    """One operator call. Arguments are by schema name; an absent one has its default."""

    target: str  # "aten.add.Tensor"
    args: dict
    outputs: list  # names of the results
    returns_list: bool = False
    file: str = ""
    line: int = 0
    function: str = ""
    module: str = ""

    @property
    def source(self) -> str:
        return f"{self.file}:{self.line} in {self.function}" if self.file else ""

    def references(self) -> list:
        """Names of the values that the node reads, in order, with repetition."""
        found = []

        def walk(value):
            if isinstance(value, Ref):
                found.append(value.name)
            elif isinstance(value, (list, tuple)):
                for element in value:
                    walk(element)

        for value in self.args.values():
            walk(value)
        return found


@dataclass
class Input:
    """A value that the graph starts from. kind: user, parameter, buffer or constant; `target` names the tensor of the last three."""

    name: str
    kind: str
    target: str = ""


@dataclass
class Output:
    """A result. kind: user (value is a Ref or a Python constant) or state (the new value of buffer `target`)."""

    kind: str
    value: Any
    target: str = ""


class TensorData:
    """Bytes of a parameter, buffer or constant, shared with whoever owns the storage, never copied while contiguous."""

    def __init__(self, type: TensorType, storage: memoryview, strides=None, offset: int = 0, key=None):
        """`strides` and `offset` in elements; `key` is equal for tensors over the same storage."""
        self.type, self.storage, self.offset = type, storage, offset
        self.strides = tuple(strides) if strides is not None else _contiguous(type.shape)
        self.key = (key, offset, self.strides, type) if key is not None else None

    @staticmethod
    def of_torch(tensor) -> TensorData:
        import torch

        from .types import from_torch

        tensor = tensor.detach()
        type = TensorType(tuple(int(d) for d in tensor.shape), from_torch(tensor.dtype))
        key = (tensor.untyped_storage().data_ptr(), tensor.storage_offset(), tuple(tensor.stride()))
        flat = tensor.contiguous().reshape(-1)
        data = TensorData(type, memoryview(flat.view(torch.uint8).numpy()) if flat.numel() else memoryview(b""))
        data.key = (key, type)
        return data

    @property
    def contiguous(self) -> bool:
        normal = _contiguous(self.type.shape)
        return all(d == 1 or s == n for d, s, n in zip(self.type.shape, self.strides, normal))

    def bytes(self) -> memoryview:
        """Row-major bytes of the elements."""
        size = BY_NAME[self.type.dtype].size
        if self.contiguous:
            return self.storage[self.offset * size : (self.offset + self.type.elements) * size]
        import torch

        return memoryview(self.tensor().contiguous().reshape(-1).view(torch.uint8).numpy())

    def tensor(self):
        """The tensor as PyTorch sees it, over the same bytes."""
        import torch

        from .types import to_torch

        dtype = to_torch(self.type.dtype)
        if not self.type.elements:
            return torch.empty(self.type.shape, dtype=dtype)
        import warnings

        with warnings.catch_warnings():  # PyTorch warns that the bytes may be read-only; they are only read
            warnings.simplefilter("ignore")
            flat = torch.frombuffer(self.storage, dtype=dtype)
        return flat.as_strided(self.type.shape, self.strides, self.offset)


def _contiguous(shape) -> tuple:
    strides, step = [], 1
    for d in reversed(shape):
        strides.append(step)
        step *= d
    return tuple(reversed(strides))


@dataclass
class Program:
    """A captured model: inputs and outputs in signature order, nodes in execution order."""

    inputs: list = field(default_factory=list)
    outputs: list = field(default_factory=list)
    nodes: list = field(default_factory=list)
    types: dict = field(default_factory=dict)  # name -> TensorType
    tensors: dict = field(default_factory=dict)  # target -> TensorData


# A file below one of these is not the user's: the line that is cited is the innermost one outside them.
_OWN_FOLDERS = ("/torch/nn/modules/", "/torch/nn/functional.py", "/torch/_", "/torch/utils/", "/torch/export/", "/torch/fx/")


def innermost_user_frame(stack_trace: str) -> tuple:
    """(file, line, function) of the innermost frame of the user's code in a PyTorch stack trace; ("", 0, "") without one."""
    for text in reversed((stack_trace or "").splitlines()):
        text = text.strip()
        if not text.startswith('File "'):
            continue
        file, _, rest = text[6:].partition('", line ')
        if any(folder in file.replace("\\", "/") for folder in _OWN_FOLDERS):
            continue
        number, _, function = rest.partition(", in ")
        if number.isdigit():
            return file, int(number), function
    return "", 0, ""
