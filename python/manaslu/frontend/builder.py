"""Writes a function of the graph dialect as MLIR text in generic form."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from .types import TensorType, is_float


@dataclass
class Operation:
    """One graph operation with at most one result."""

    name: str
    operands: list
    type: TensorType | None
    attributes: dict
    location: str


@dataclass
class Value:
    """An SSA value: the result of `op`, or a function argument when `op` is None."""

    type: TensorType
    op: Operation | None = None
    argument: str = ""


@dataclass
class Builder:
    """Collects operations; `text` prints those that the results need, in order of creation."""

    operations: list = field(default_factory=list)
    arguments: list = field(default_factory=list)  # (name, Value)
    location: str = "unknown"

    def argument(self, name: str, type: TensorType) -> Value:
        value = Value(type, argument=f"%arg{len(self.arguments)}")
        self.arguments.append((name, value))
        return value

    def emit(self, name: str, operands: list, type: TensorType | None, /, **attributes) -> Value:
        """Appends graph.<name>. Attribute values are MLIR text, True for a unit attribute, None or False for absent."""
        kept = {key: value for key, value in attributes.items() if value is not None and value is not False}
        op = Operation(f"graph.{name}", operands, type, kept, self.location)
        self.operations.append(op)
        return Value(type, op)

    def text(self, results: list) -> str:
        """MLIR module with @main returning `results`, a list of (name, Value)."""
        live = self._live([value for _, value in results])
        names = {}
        lines = []
        for op in self.operations:
            if id(op) not in live:
                continue
            result = ""
            if op.type is not None:
                names[id(op)] = f"%{len(names)}"
                result = f"{names[id(op)]} = "
            operands = ", ".join(_name(value, names) for value in op.operands)
            properties = f" <{{{', '.join(k if v is True else f'{k} = {v}' for k, v in sorted(op.attributes.items()))}}}>" if op.attributes else ""
            types = ", ".join(str(value.type) for value in op.operands)
            lines.append(f'    {result}"{op.name}"({operands}){properties} : ({types}) -> {op.type if op.type is not None else "()"} loc({op.location})')
        arguments = ", ".join(f"{value.argument}: {value.type} {{graph.name = {quote(name)}}}" for name, value in self.arguments)
        result_types = ", ".join(f"{value.type} {{graph.name = {quote(name)}}}" for name, value in results)
        returned = ", ".join(_name(value, names) for _, value in results) + " : " + ", ".join(str(value.type) for _, value in results) if results else ""
        return "\n".join(["module {", f"  func.func @main({arguments}) -> ({result_types}) {{", *lines, f"    return {returned}".rstrip(), "  }", "}", ""])

    def _live(self, results: list) -> set:
        """Identities of the operations that a result or a write of state needs."""
        live = set()
        pending = [value.op for value in results if value.op] + [op for op in self.operations if op.type is None]
        while pending:
            op = pending.pop()
            if id(op) in live:
                continue
            live.add(id(op))
            pending += [value.op for value in op.operands if value.op]
        return live

    def live_operations(self, results: list) -> list:
        live = self._live([value for _, value in results])
        return [op for op in self.operations if id(op) in live]


def _name(value: Value, names: dict) -> str:
    return value.argument or names[id(value.op)]


def quote(text: str) -> str:
    """An MLIR string literal."""
    out = []
    for byte in text.encode():
        out.append(chr(byte) if 32 <= byte < 127 and byte not in (34, 92) else f"\\{byte:02X}")
    return '"' + "".join(out) + '"'


def location(module: str, file: str, line: int) -> str:
    """Text inside loc(...): the module path around the Python line."""
    place = f"{quote(file)}:{line}:0" if file else "unknown"
    return f"{quote(module)}({place})" if module else place


def integers(values) -> str:
    values = list(values)
    return f"array<i64: {', '.join(str(int(v)) for v in values)}>" if values else "array<i64>"


def integer(value: int) -> str:
    return f"{int(value)} : i64"


def floating(value: float) -> str:
    return f"{number(float(value), 'f64')} : f64"


_NON_FINITE = {
    "f16": ("0x7C00", "0xFC00", "0x7E00"),
    "bf16": ("0x7F80", "0xFF80", "0x7FC0"),
    "f32": ("0x7F800000", "0xFF800000", "0x7FC00000"),
    "f64": ("0x7FF0000000000000", "0xFFF0000000000000", "0x7FF8000000000000"),
}


def number(value, dtype: str) -> str:
    """Literal of one element that MLIR reads back exactly."""
    if dtype == "i1":
        return "true" if value else "false"
    if not is_float(dtype):
        return str(int(value))
    value = float(value)
    if math.isinf(value) or math.isnan(value):
        positive, negative, nan = _NON_FINITE[dtype]
        return nan if math.isnan(value) else positive if value > 0 else negative
    text = repr(value)
    mantissa, e, exponent = text.partition("e")
    return (mantissa if "." in mantissa else mantissa + ".0") + e + exponent


def dense(nested, type: TensorType) -> str:
    """dense<...> from nested lists as tensor.tolist() gives them, or one number for a splat."""

    def walk(value):
        return "[" + ", ".join(walk(v) for v in value) + "]" if isinstance(value, list) else number(value, type.dtype)

    return f"dense<{walk(nested)}> : {type}"
