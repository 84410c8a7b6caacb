"""Brings a torch.export.ExportedProgram into a Program: decompositions, functional form, arguments by name."""

from __future__ import annotations

import json
import operator

from .archive import Archive
from .diagnostics import Error, Item
from .functional import all_known, functionalise
from .operators import find_handler
from .program import DTypeArgument, Input, Node, Output, Program, Ref, TensorData, innermost_user_frame
from .serialized import INPUT_REMEDY, OUTPUT_REMEDY, model_name
from .types import TensorType, from_torch


def from_exported(exported) -> Program:
    """Program of an ExportedProgram. Operators with a handler stay whole, all others are decomposed by PyTorch."""
    program = _converted_if_known(exported)
    if program is not None:
        return program
    exported = _decomposed(exported)
    return _Converter(exported).convert()


def known_form(exported):
    """The ExportedProgram that from_exported converts: decomposed if it holds operators without a handler."""
    return exported if _converted_if_known(exported) is not None else _decomposed(exported)


def _converted_if_known(exported) -> Program | None:
    _check_static(exported)
    program = _Converter(exported).convert()
    functionalise(program)
    return program if all_known(program) else None


def _decomposed(exported):
    exported = exported.run_decompositions(_decomposition_table())
    _check_static(exported)
    return exported


def _decomposition_table():
    from torch.export import default_decompositions

    table = default_decompositions()
    for op in list(table.keys()):
        if find_handler(str(op)) is not None:
            table.pop(op)
    return table


def _check_static(exported) -> None:
    """Every dimension must be a number: lists the inputs or operators where one is not."""
    inputs, computed = [], []
    user = {spec.arg.name for spec in exported.graph_signature.input_specs if spec.kind.name == "USER_INPUT"}
    for node in exported.graph.nodes:
        values = node.meta.get("val")
        for value in values if isinstance(values, (list, tuple)) else [values]:
            if not hasattr(value, "shape") or all(isinstance(d, int) for d in value.shape):
                continue
            shape = "[" + ", ".join(str(d) for d in value.shape) + "]"
            file, line, function = innermost_user_frame(node.meta.get("stack_trace", ""))
            source = f"{file}:{line} in {function}" if file else ""
            data_dependent = any(str(d).lstrip("(-").startswith("u") for d in value.shape if not isinstance(d, int))
            if node.op == "placeholder" and node.name in user:
                inputs.append(Item(node.name, f"shape {shape}", remedy="export without dynamic_shapes, one program for each size"))
            elif data_dependent and node.op == "call_function":
                computed.append(Item(str(node.target), f"data-dependent output shape {shape}", 1, source, remedy="use where with a mask of fixed shape"))
    if inputs:
        raise Error("MN-FE-SYMBOLIC", "the program has symbolic dimensions; the chip's schedule is static", inputs)
    if computed:
        raise Error("MN-FE-DATA-SHAPE", "the shapes of these operators depend on data; the chip's schedule is static", computed[:20])


class _Converter:
    """Walks the FX graph of one ExportedProgram."""

    def __init__(self, exported):
        self.exported = exported
        self.program = Program()
        self.aliases = {}  # name of a second getitem of one result -> name of the first

    def convert(self) -> Program:
        signature = self.exported.graph_signature
        for spec in signature.input_specs:
            self._input(spec)
        for node in self.exported.graph.nodes:
            if node.op == "placeholder":
                if hasattr(node.meta.get("val"), "shape"):
                    self.program.types[node.name] = _type(node.meta["val"])
            elif node.op == "call_function":
                self._call(node)
            elif node.op != "output":
                raise Error("MN-FE-OPERATOR", "the program holds a submodule or attribute that cannot be compiled", [Item(f"{node.op} {node.target}", "control flow or custom object")])
        for spec in signature.output_specs:
            self._output(spec)
        return self.program

    def _input(self, spec) -> None:
        kind = spec.kind.name
        if kind == "USER_INPUT":
            if type(spec.arg).__name__ == "TensorArgument":
                self.program.inputs.append(Input(spec.arg.name, "user"))
            elif type(spec.arg).__name__ != "ConstantArgument":
                raise Error("MN-FE-INPUT", f"the input '{spec.arg.name}' is not a tensor", [Item(spec.arg.name, type(spec.arg).__name__, remedy=INPUT_REMEDY)])
        elif kind in ("PARAMETER", "BUFFER", "CONSTANT_TENSOR"):
            named = {"PARAMETER": "parameter", "BUFFER": "buffer", "CONSTANT_TENSOR": "constant"}[kind]
            self.program.inputs.append(Input(spec.arg.name, named, spec.target))
            stored = self.exported.state_dict.get(spec.target)
            stored = self.exported.constants.get(spec.target) if stored is None else stored
            if stored is None:
                raise Error("MN-FE-INPUT", f"the {named} '{spec.target}' has no value in the program", [Item(spec.target, "missing tensor")])
            self.program.tensors[spec.target] = _data(stored)
        elif kind != "TOKEN":  # a token orders effects; the operator that has them is reported where it stands
            raise Error("MN-FE-INPUT", f"the program has an input of kind {kind}, which cannot be compiled", [Item(kind, "unknown input kind", remedy=INPUT_REMEDY)])

    def _output(self, spec) -> None:
        kind = spec.kind.name
        is_tensor = type(spec.arg).__name__ == "TensorArgument"
        if kind == "USER_OUTPUT" and is_tensor:
            self.program.outputs.append(Output("user", Ref(self._name(spec.arg.name))))
        elif kind == "USER_OUTPUT" and type(spec.arg).__name__ == "ConstantArgument":
            self.program.outputs.append(Output("user", spec.arg.value))
        elif kind == "BUFFER_MUTATION":
            self.program.outputs.append(Output("state", Ref(self._name(spec.arg.name)), spec.target))
        elif kind != "TOKEN":
            raise Error("MN-FE-OUTPUT", f"the program has an output of kind {kind}, which cannot be compiled", [Item(kind, "unknown output kind", remedy=OUTPUT_REMEDY)])

    def _name(self, fx_name: str) -> str:
        """Program name of an FX node's value: getitem nodes are names of their producer's results."""
        return self.aliases.get(fx_name, fx_name)

    def _call(self, node) -> None:
        if node.target is operator.getitem:
            return
        values = node.meta.get("val")
        returns_list = isinstance(values, (list, tuple))
        if returns_list:
            outputs = [f"{node.name}#{i}" for i in range(len(values))]
            for user in node.users:
                if user.target is operator.getitem:
                    outputs[user.args[1]] = user.name  # the first getitem of an index names it
            for user in node.users:
                if user.target is operator.getitem and outputs[user.args[1]] != user.name:
                    self.aliases[user.name] = outputs[user.args[1]]
        else:
            outputs, values = ([node.name], [values]) if hasattr(values, "shape") else ([], [])
        for name, value in zip(outputs, values):
            if hasattr(value, "shape"):
                self.program.types[name] = _type(value)
        file, line, function = innermost_user_frame(node.meta.get("stack_trace", ""))
        stack = list((node.meta.get("nn_module_stack") or {}).values())
        module = stack[-1][0] if stack else ""
        target, arguments = str(node.target), self._arguments(node)
        if target == "with_effects":  # (token, operator, arguments...) to (token, results...)
            target, arguments = str(node.args[1]), {str(i): self._argument(a) for i, a in enumerate(node.args[2:])}
        self.program.nodes.append(Node(target, arguments, outputs, returns_list, file, line, function, module))

    def _arguments(self, node) -> dict:
        schema = getattr(node.target, "_schema", None)
        if schema is None:
            return {str(i): self._argument(a) for i, a in enumerate(node.args)}
        named = {argument.name: self._argument(value) for argument, value in zip(schema.arguments, node.args)}
        named |= {name: self._argument(value) for name, value in node.kwargs.items()}
        return named

    def _argument(self, value):
        import torch

        if isinstance(value, torch.fx.Node):
            return Ref(self._name(value.name))
        if isinstance(value, torch.dtype):
            return DTypeArgument(from_torch(value))
        if isinstance(value, (list, tuple)):
            return [self._argument(v) for v in value]
        if isinstance(value, (torch.device, torch.layout, torch.memory_format)):
            return None
        return value


def _type(value) -> TensorType:
    return TensorType(tuple(int(d) if isinstance(d, int) else -1 for d in value.shape), from_torch(value.dtype))


def _data(tensor) -> TensorData:
    if not hasattr(tensor, "untyped_storage") or tensor.layout.__str__() != "torch.strided" or tensor.is_quantized:
        raise Error("MN-FE-DTYPE", f"a parameter or buffer is a {type(tensor).__name__} of layout {getattr(tensor, 'layout', '?')}; plain dense tensors are supported")
    return TensorData.of_torch(tensor.cpu())


# --- from an archive ------------------------------------------------------------------------------------------------


def from_archive(archive: Archive):
    """ExportedProgram of a checked archive: tensors come from the mapped file, the pickled sample inputs stay closed."""
    from torch._export.serde import schema, serialize

    name = model_name(archive)
    data = archive.read(f"models/{name}.json")
    _register_stand_ins(archive.read_json(f"models/{name}.json"))
    weights = archive.read_json(f"data/weights/{name}_weights_config.json")["config"]
    state = {}
    import torch

    for key, tensor in archive.tensors("weights", name).items():
        value = tensor.tensor()
        state[key] = torch.nn.Parameter(value, requires_grad=False) if weights[key].get("is_param") else value
    constants = {key: tensor.tensor() for key, tensor in archive.tensors("constants", name).items()}
    try:
        serialized = serialize._bytes_to_dataclass(schema.ExportedProgram, data)
        return serialize.ExportedProgramDeserializer(None).deserialize(serialized, state, constants, None)
    except Error:
        raise
    except Exception as error:  # PyTorch raises many kinds for a file that it does not understand
        raise Error("MN-FE-VERSION", f"PyTorch {torch.__version__} cannot read the program in {archive.path}: {type(error).__name__}: {str(error).splitlines()[0]}") from None


def _register_stand_ins(document: dict) -> None:
    """Registers a stand-in for every class of the input and output structure that this process does not know.

    An archive names such classes (transformers' ModelOutput) but holds only tensors, so their names are enough."""
    import torch.utils._pytree as pytree

    def walk(spec) -> None:
        if isinstance(spec, dict):
            name = spec.get("type")
            if isinstance(name, str) and name not in pytree.SERIALIZED_TYPE_TO_PYTHON_TYPE:
                stand_in = type("StandIn", (), {"__slots__": ("leaves", "context")})
                pytree.register_pytree_node(stand_in, _flatten, _unflatten_as(stand_in), serialized_type_name=name)
            for child in spec.get("children_spec", ()):
                walk(child)
        elif isinstance(spec, list):
            for child in spec:
                walk(child)

    for call in document["graph_module"].get("module_call_graph", ()):
        for key in ("in_spec", "out_spec"):
            text = (call.get("signature") or {}).get(key)
            if text:
                walk(json.loads(text))


def _flatten(value):
    return value.leaves, value.context


def _unflatten_as(stand_in):
    def unflatten(leaves, context):
        value = stand_in()
        value.leaves, value.context = list(leaves), context
        return value

    return unflatten
