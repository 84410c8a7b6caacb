"""Turns a captured Program into text of the graph dialect and the tensors that it names: folds what no input reaches, collects all that is unsupported."""

from __future__ import annotations

from dataclasses import dataclass, field

from . import builder as text
from .builder import Builder, Value
from .diagnostics import Error, Item, Unsupported
from .folding import Folder
from .functional import is_assertion
from .operators import find_handler, refusal
from .patterns import rewrite
from .program import Node, Output, Program, Ref, TensorData
from .types import INTEGER, TensorType, cast_modes, kind

SMALL_CONSTANT = 64  # elements: up to here a constant is written in the text
# Operators that only move elements.
_MOVEMENT = {"view", "_unsafe_view", "reshape", "permute", "transpose", "t", "expand", "expand_as", "slice", "select", "unsqueeze", "squeeze", "clone", "contiguous", "alias", "detach", "flatten", "unflatten",
             "unbind", "split", "chunk", "cat", "stack", "_to_copy", "to", "dropout", "copy", "repeat", "unfold", "narrow", "movedim", "swapaxes", "lift_fresh_copy"}  # fmt: skip
_RUNTIME_TYPES = {"i1", "ui8", "i8", "i16", "i32", "i64", "f16", "bf16", "f32", "f64", "f8E4M3FN", "f8E5M2"}


@dataclass
class Imported:
    """The graph-dialect text and the tensors that it refers to by name. `outputs` has one entry per user output: the result's name, or a Python constant."""

    mlir: str
    tensors: dict  # name -> TensorData
    inputs: list  # (name, TensorType)
    outputs: list  # (name or None, constant)
    taps: list = field(default_factory=list)  # Tap: of every operator, where that was asked for; their results come last


@dataclass
class Tap:
    """The value of an operator as a result of its own."""

    value: str  # name of the value in the captured program
    result: str  # name of the result
    module: str
    target: str
    source: str


@dataclass
class Folded:
    """A value that no input reaches, known at import."""

    tensor: object
    name: str


@dataclass
class Stored:
    """A parameter, buffer or constant tensor, by name, not read yet."""

    target: str
    kind: str  # parameter, buffer, constant or state
    type: TensorType


@dataclass
class Unavailable:
    """A result that the chip does not compute, such as the statistics that a norm keeps for training."""

    target: str


class Importer:
    """One import; also the context that operator handlers work in."""

    def __init__(self, program: Program):
        self.program = program
        self.builder = Builder()
        self.environment = {}  # name -> Value, Folded, Stored or a list of those
        self.materialised = {}  # name -> Value
        self.tensors = {}  # name in the side file -> TensorData
        self.canonical = {}  # identity of stored data -> the name under which it is written
        self.problems = {}  # (what, reason, source) -> Item
        self.folder = Folder(self)
        self.node = None

    # --- what handlers use ---------------------------------------------------------------------------------------

    def type(self, index: int = 0) -> TensorType:
        """Type of the current node's result."""
        return self.program.types[self.node.outputs[index]]

    def type_of(self, argument) -> TensorType:
        return argument.type if isinstance(argument, Value) else self.program.types[argument.name]

    def value(self, argument) -> Value:
        """SSA value of a tensor argument (a Ref, or a Value already)."""
        if isinstance(argument, Value):
            return argument
        if not isinstance(argument, Ref):
            raise Unsupported(f"argument {argument!r} is not a tensor")
        return self._materialise(argument.name, self.environment[argument.name])

    def optional(self, argument):
        return None if argument is None else self.value(argument)

    def constant_of(self, argument):
        """The torch tensor of an argument that no input reaches, else None."""
        if not isinstance(argument, Ref):
            return None
        return self.folder.constant(self.environment[argument.name])

    def emit(self, name: str, operands: list, type: TensorType, /, **attributes) -> Value:
        return self.builder.emit(name, operands, type, **attributes)

    def splat(self, value, type: TensorType) -> Value:
        """A constant with one number in every element."""
        if kind(type.dtype) == INTEGER and isinstance(value, float) and value != int(value):
            raise Unsupported(f"the number {value} does not fit the integer type {type.dtype}")
        return self.emit("constant", [], type, value=text.dense(value, type))

    def constant(self, tensor) -> Value:
        """A constant from a torch tensor made by a handler."""
        return self._constant(tensor, f"{self.node.outputs[0] if self.node.outputs else 'value'}")

    def cast(self, value: Value, dtype: str) -> Value:
        if value.type.dtype == dtype:
            return value
        rounding, overflow = cast_modes(value.type.dtype, dtype)
        return self.emit("cast", [value], value.type.with_dtype(dtype), rounding=text.quote(rounding), overflow=text.quote(overflow))

    def reshape(self, value: Value, shape) -> Value:
        type = value.type.with_shape(shape)
        if type.elements != value.type.elements:
            raise Unsupported(f"{value.type} cannot become {type}: the program's shapes disagree")
        return value if type == value.type else self.emit("reshape", [value], type)

    def transpose(self, value: Value, permutation) -> Value:
        permutation = list(permutation)
        if permutation == sorted(permutation):
            return value
        return self.emit("transpose", [value], value.type.with_shape(value.type.shape[p] for p in permutation), permutation=text.integers(permutation))

    def broadcast(self, value: Value, shape) -> Value:
        type = value.type.with_shape(shape)
        if type == value.type:
            return value
        if value.op and value.op.name == "graph.constant" and self._is_splat(value):
            return self.emit("constant", [], type, value=value.op.attributes["value"].replace(f": {value.type}", f": {type}"))
        value = self.reshape(value, (1,) * (type.rank - value.type.rank) + value.type.shape)
        return value if value.type == type else self.emit("broadcast_to", [value], type)

    @staticmethod
    def _is_splat(value: Value) -> bool:
        return not value.op.attributes["value"].startswith("dense<[")

    def slice(self, value: Value, axis: int, start: int, limit: int, step: int = 1) -> Value:
        """Elements start, start + step, ... below limit along one axis."""
        shape = list(value.type.shape)
        starts, limits, strides = [0] * len(shape), list(shape), [1] * len(shape)
        starts[axis], limits[axis], strides[axis] = start, limit, step
        shape[axis] = max(0, -(-(limit - start) // step))
        if tuple(shape) == value.type.shape:
            return value
        return self.emit(
            "slice", [value], value.type.with_shape(shape), starts=text.integers(starts), limits=text.integers(limits), strides=text.integers(strides)
        )

    # --- values ----------------------------------------------------------------------------------------------------

    def _materialise(self, name: str, value) -> Value:
        if isinstance(value, Value):
            return value
        if isinstance(value, Unavailable):
            raise Unsupported(f"uses a result of {value.target} that only training needs")
        if name not in self.materialised:
            if isinstance(value, Folded):
                self.materialised[name] = self._constant(value.tensor, value.name)
            elif value.kind == "state":
                self._keep(value.target)
                self.materialised[name] = self.emit("state_read", [], value.type, name=text.quote(value.target))
            else:
                self.materialised[name] = self.emit("parameter", [], value.type, name=text.quote(self._keep(value.target)))
        return self.materialised[name]

    def _keep(self, target: str) -> str:
        """Name in the side file of a stored tensor; tied ones share the name of the first."""
        data = self.program.tensors[target]
        self._check_dtype(target, data.type, "parameter or buffer")
        name = self.canonical.setdefault(data.key, target) if data.key is not None else target
        self.tensors[name] = self.program.tensors[name]
        return name

    def _constant(self, tensor, name: str) -> Value:
        from .types import from_torch

        tensor = tensor.detach()
        type = TensorType(tuple(tensor.shape), from_torch(tensor.dtype))
        if type.dtype == "f64":
            tensor, type = tensor.float(), type.with_dtype("f32")
        if not type.elements:
            raise Unsupported("a tensor without elements")
        compact = tensor
        for axis, stride in enumerate(tensor.stride()):  # an expanded dimension holds one element
            if stride == 0 and tensor.shape[axis] > 1:
                compact = compact.narrow(axis, 0, 1)
        first = compact.reshape(-1)[0]
        if bool((compact == first).all()) and not bool(first != first):
            return self.emit("constant", [], type, value=text.dense(first.item(), type))
        if compact.numel() <= SMALL_CONSTANT:
            value = self.emit("constant", [], type.with_shape(compact.shape), value=text.dense(compact.tolist(), type.with_shape(compact.shape)))
        else:
            unique, count = f"folded.{name}", 1
            while unique in self.tensors or unique in self.program.tensors:
                unique, count = f"folded.{name}.{count}", count + 1
            self.tensors[unique] = TensorData.of_torch(compact)
            value = self.emit("parameter", [], type.with_shape(compact.shape), name=text.quote(unique))
        return value if value.type == type else self.emit("broadcast_to", [value], type)

    # --- problems --------------------------------------------------------------------------------------------------

    def problem(self, node: Node, reason: str, remedy: str = "") -> None:
        shapes = []
        for name in node.references():
            if name in self.program.types:
                type = self.program.types[name]
                shapes.append(f"{type.dtype}[{','.join(map(str, type.shape))}]")
        key = (node.target, reason, node.source)
        if key in self.problems:
            self.problems[key].count += 1
        else:
            self.problems[key] = Item(node.target, reason, 1, node.source, node.module, shapes, remedy)

    def _check_dtype(self, name: str, type: TensorType, role: str) -> None:
        if type.dtype == "f64":
            raise Error("MN-FE-DTYPE", f"the {role} '{name}' is float64, which the chip does not have: convert the model with model.float() before the export")
        if type.dtype not in _RUNTIME_TYPES:
            raise Error("MN-FE-DTYPE", f"the {role} '{name}' has type {type.dtype}, which the chip does not have")

    # --- the import ------------------------------------------------------------------------------------------------

    def run(self, every_operator: bool = False) -> Imported:
        rewrite(self.program)
        taps = self._tap() if every_operator else []
        _check_consistent(self.program)
        states = {output.target for output in self.program.outputs if output.kind == "state"}
        inputs = []
        for entry in self.program.inputs:
            if entry.kind == "user":
                type = self.program.types[entry.name]
                self._check_dtype(entry.name, type, "input")
                if not type.elements:
                    raise Error("MN-FE-DTYPE", f"the input '{entry.name}' has no elements (shape {list(type.shape)}): leave it out of the export")
                self.environment[entry.name] = self.builder.argument(entry.name, type)
                inputs.append((entry.name, type))
            else:
                self.environment[entry.name] = Stored(entry.target, "state" if entry.target in states else entry.kind, self.program.types[entry.name])
        needed = self._needed()
        for node in self.program.nodes:
            if any(name in needed for name in node.outputs) or (not node.outputs and not is_assertion(node)):
                self._import(node)
        if self.problems:
            total = len({node.target for node in self.program.nodes})
            items = list(self.problems.values())
            raise Error("MN-FE-OPERATOR", f"{len({i.what for i in items})} of the model's {total} operators cannot be compiled; all uses are listed", items)
        imported = self._finish(inputs)
        imported.taps = [Tap(node.outputs[0], name, node.module, node.target, node.source) for node, (name, _) in zip(taps, imported.outputs[len(imported.outputs) - len(taps) :], strict=True)]
        return imported

    def _tap(self) -> list:
        """Makes the value of every operator that computes floats a result as well, after those of the program; returns the nodes."""
        needed, taps = self._needed(), []
        states = {output.target for output in self.program.outputs if output.kind == "state"}
        reached = {entry.name for entry in self.program.inputs if entry.kind == "user" or entry.target in states}  # what depends on parameters alone is folded
        for node in self.program.nodes:
            if not reached.intersection(node.references()):
                continue
            reached.update(node.outputs)
            type = self.program.types.get(node.outputs[0]) if len(node.outputs) == 1 and not node.returns_list else None
            if type and type.dtype in ("f32", "bf16", "f16") and type.elements and node.outputs[0] in needed and node.target.removeprefix("aten.").split(".")[0] not in _MOVEMENT:
                taps.append(node)
        self.program.outputs += [Output("user", Ref(node.outputs[0])) for node in taps]
        return taps

    def _needed(self) -> set:
        needed = {output.value.name for output in self.program.outputs if isinstance(output.value, Ref)}
        for node in reversed(self.program.nodes):
            if any(name in needed for name in node.outputs):
                needed.update(node.references())
        return needed

    def _import(self, node: Node) -> None:
        self.node = node
        self.builder.location = text.location(node.module, node.file, node.line)
        folded = self.folder.fold(node)
        if folded is not None:
            self._assign(node, folded)
            return
        try:
            handler = find_handler(node.target)
            if handler is None:
                raise Unsupported(*refusal(node.target))
            for name in node.outputs:
                if name in self.program.types and self.program.types[name].dtype not in _RUNTIME_TYPES:
                    raise Unsupported(f"the chip has no type {self.program.types[name].dtype}")
            try:
                results = handler(self, node.args)
            except KeyError as missing:
                raise Unsupported(f"the argument {missing} is missing") from None
            self._assign(node, results)
        except Unsupported as error:
            self.problem(node, error.reason, error.remedy)
            # A value of the right type lets the import go on, so that every problem is found in one go.
            self._assign(node, [self.builder.emit("unsupported", [], self.program.types.get(n, TensorType((), "f32"))) for n in node.outputs])

    def _assign(self, node: Node, results) -> None:
        if not node.outputs:
            return
        results = list(results) if isinstance(results, (list, tuple)) else [results]
        for name, result in zip(node.outputs, results):
            if isinstance(result, Value) and name in self.program.types and result.type != self.program.types[name]:
                raise Error("MN-IN-JSON-SCHEMA", f"{node.target} ({node.source}) gives {result.type} where the program declares {self.program.types[name]}")
            self.environment[name] = result

    def _finish(self, inputs: list) -> Imported:
        self.builder.location = "unknown"
        results, outputs, used = [], [], {name for name, _ in inputs}
        for output in self.program.outputs:
            if not isinstance(output.value, Ref):
                outputs.append((None, output.value))
                continue
            value = self._materialise(output.value.name, self.environment[output.value.name])
            if output.kind == "state":
                self._keep(output.target)
                self.builder.emit("state_write", [value], None, name=text.quote(output.target))
                continue
            self._check_dtype(output.value.name, value.type, "output")
            name, count = output.value.name, 1
            while name in used:
                name, count = f"{output.value.name}_{count}", count + 1
            used.add(name)
            results.append((name, value))
            outputs.append((name, None))
        mlir = self.builder.text(results)
        named = {op.attributes["name"] for op in self.builder.live_operations(results) if "name" in op.attributes}
        tensors = {name: data for name, data in self.tensors.items() if text.quote(name) in named}
        return Imported(mlir, tensors, inputs, outputs)


def _check_consistent(program: Program) -> None:
    """Every name is defined before its use and every stored tensor is as declared; a file may claim anything."""
    defined = set()

    def check(condition: bool, what: str) -> None:
        if not condition:
            raise Error("MN-IN-JSON-SCHEMA", f"the program is not consistent: {what}")

    for entry in program.inputs:
        check(entry.name in program.types, f"the input '{entry.name}' has no type")
        if entry.kind != "user":
            check(entry.target in program.tensors, f"the {entry.kind} '{entry.target}' has no value")
            check(program.tensors[entry.target].type == program.types[entry.name], f"the {entry.kind} '{entry.target}' is stored as {program.tensors[entry.target].type}")
        defined.add(entry.name)
    for node in program.nodes:
        for name in node.references():
            check(name in defined, f"{node.target} reads '{name}', which is not defined before it")
        defined.update(node.outputs)
    for output in program.outputs:
        check(not isinstance(output.value, Ref) or output.value.name in defined, f"the output {output.value} is not defined")


def import_program(program: Program, every_operator: bool = False) -> Imported:
    """Imports a captured model; raises Error with every problem listed. every_operator: the value of every operator is a result too (Imported.taps)."""
    return Importer(program).run(every_operator)


__all__ = ["Imported", "Importer", "import_program"]
