"""Element types: their names in MLIR, safetensors, PyTorch and the `.pt2` schema, and PyTorch's promotion rules."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ElementType:
    """One element type; `kind` orders PyTorch's promotion (bool < integer < floating), `rank` within a kind."""

    mlir: str
    torch: str
    safetensors: str
    serialized: int  # ScalarType of torch._export.serde.schema
    size: int  # bytes
    kind: int  # 0 bool, 1 integer, 2 floating, 3 complex
    rank: int


BOOL, INTEGER, FLOATING = 0, 1, 2

_ALL = [
    ElementType("i1", "bool", "BOOL", 12, 1, 0, 0),
    ElementType("ui8", "uint8", "U8", 1, 1, 1, 0),
    ElementType("i8", "int8", "I8", 2, 1, 1, 1),
    ElementType("i16", "int16", "I16", 3, 2, 1, 2),
    ElementType("i32", "int32", "I32", 4, 4, 1, 3),
    ElementType("i64", "int64", "I64", 5, 8, 1, 4),
    ElementType("f8E4M3FN", "float8_e4m3fn", "F8_E4M3", 29, 1, 2, 0),
    ElementType("f8E5M2", "float8_e5m2", "F8_E5M2", 30, 1, 2, 0),
    ElementType("f16", "float16", "F16", 6, 2, 2, 1),
    ElementType("bf16", "bfloat16", "BF16", 13, 2, 2, 1),
    ElementType("f32", "float32", "F32", 7, 4, 2, 2),
    ElementType("f64", "float64", "F64", 8, 8, 2, 3),
    ElementType("complex<f32>", "complex64", "C64", 10, 8, 3, 0),
    ElementType("complex<f64>", "complex128", "C128", 11, 16, 3, 1),
]
BY_NAME = {t.mlir: t for t in _ALL}
BY_SERIALIZED = {t.serialized: t for t in _ALL}
BY_TORCH = {t.torch: t for t in _ALL}


def from_torch(dtype) -> str:
    """MLIR name of a torch.dtype; an unknown one keeps PyTorch's own name, for the error."""
    name = str(dtype).removeprefix("torch.")
    return BY_TORCH[name].mlir if name in BY_TORCH else name


def to_torch(name: str):
    """torch.dtype of an MLIR element type name."""
    import torch

    return getattr(torch, BY_NAME[name].torch)


def kind(name: str) -> int:
    return BY_NAME[name].kind if name in BY_NAME else 3


def is_float(name: str) -> bool:
    return kind(name) == FLOATING


def cast_modes(source: str, target: str) -> tuple[str, str]:
    """Rounding and overflow of PyTorch's cast between two element types, in the words of graph.cast.

    float8_e4m3fn saturates, infinities too; float8_e5m2 and wider floats overflow to infinity (PyTorch 2.13 on CPUs)."""
    if is_float(target):
        return "nearest_even", "saturate" if target == "f8E4M3FN" else "propagate"
    if is_float(source):
        return "nearest_even" if kind(target) == BOOL else "toward_zero", "saturate"
    return "nearest_even", "saturate" if kind(target) == BOOL else "wrap"


@dataclass(frozen=True)
class TensorType:
    """Static shape and element type of a tensor."""

    shape: tuple
    dtype: str

    def __str__(self) -> str:
        return f"tensor<{''.join(f'{d}x' for d in self.shape)}{self.dtype}>"

    @property
    def rank(self) -> int:
        return len(self.shape)

    @property
    def elements(self) -> int:
        count = 1
        for d in self.shape:
            count *= d
        return count

    def with_dtype(self, dtype: str) -> TensorType:
        return TensorType(self.shape, dtype)

    def with_shape(self, shape) -> TensorType:
        return TensorType(tuple(shape), self.dtype)


def promote(operands) -> str:
    """Element type in which PyTorch computes a binary operator; operands are TensorTypes or Python numbers.

    Python numbers and 0-d tensors only count when they are of a higher kind than every tensor with dimensions."""

    def better(a, b):
        if a is None or b is None:
            return a or b
        x, y = BY_NAME[a], BY_NAME[b]
        if x.kind == y.kind == FLOATING and x.rank == y.rank and a != b:
            return "f32"
        if {a, b} == {"ui8", "i8"}:
            return "i16"
        return a if (x.kind, x.rank) >= (y.kind, y.rank) else b

    dimensioned = zero_rank = number = None
    for operand in operands:
        if isinstance(operand, TensorType):
            if operand.rank:
                dimensioned = better(dimensioned, operand.dtype)
            else:
                zero_rank = better(zero_rank, operand.dtype)
        else:
            number = better(number, "i1" if isinstance(operand, bool) else "i64" if isinstance(operand, int) else "f32")
    result = dimensioned
    for lower in (zero_rank, number):
        if lower and (result is None or kind(lower) > kind(result)):
            result = lower
    return result


def broadcast(*shapes) -> tuple:
    """Shape of numpy broadcasting."""
    rank = max((len(s) for s in shapes), default=0)
    result = [1] * rank
    for shape in shapes:
        for i, d in enumerate(shape):
            at = rank - len(shape) + i
            if d != 1:
                result[at] = d
    return tuple(result)
