"""Reads the JSON graph of a `.pt2` into a Program without PyTorch, where all of its operators are known and none writes in place."""

from __future__ import annotations

from .archive import Archive
from .diagnostics import Error, Item
from .functional import all_known, functionalise
from .program import DTypeArgument, Input, Node, Output, Program, Ref, innermost_user_frame
from .types import BY_SERIALIZED, TensorType


class NeedsTorch(Exception):
    """The graph has an operator that only PyTorch's decompositions can bring into a known form."""


def model_name(archive: Archive) -> str:
    """Name of the one model in the archive."""
    names = [name[len("models/") : -len(".json")] for name in archive.names("models/") if name.endswith(".json")]
    if len(names) != 1:
        raise Error("MN-IN-ZIP-MISSING", f"{archive.path} holds {len(names)} exported programs; one is expected")
    return names[0]


def read_program(archive: Archive) -> Program:
    """The Program of an archive; NeedsTorch where its operators are not all known."""
    name = model_name(archive)
    document = archive.read_json(f"models/{name}.json")
    try:
        if document["schema_version"]["major"] != 8:
            raise NeedsTorch
        return _Reader(archive, name, document["graph_module"]).read()
    except (KeyError, TypeError, AttributeError, IndexError, ValueError) as error:
        raise Error("MN-IN-JSON-SCHEMA", f"{archive.path}: models/{name}.json does not follow the schema of torch.export ({type(error).__name__}: {error})") from None


class _Reader:
    def __init__(self, archive: Archive, name: str, module: dict):
        self.archive, self.name = archive, name
        self.graph, self.signature = module["graph"], module["signature"]
        self.program = Program()

    def read(self) -> Program:
        known = {"as_none", "as_tensor", "as_tensors", "as_int", "as_ints", "as_float", "as_floats", "as_bool", "as_bools", "as_string", "as_strings"}
        known |= {"as_scalar_type", "as_memory_format", "as_layout", "as_device", "as_optional_tensors", "as_optional_tensor"}
        for node in self.graph["nodes"]:
            if any(next(iter(i["arg"])) not in known for i in node["inputs"]):
                raise NeedsTorch
        self._types()
        self._inputs()
        self.program.nodes = [self._node(node) for node in self.graph["nodes"]]
        for spec in self.signature["output_specs"]:
            self._output(spec)
        functionalise(self.program)
        if not all_known(self.program):
            raise NeedsTorch
        self.program.tensors = {**self.archive.tensors("weights", self.name), **self.archive.tensors("constants", self.name)}
        return self.program

    def _types(self) -> None:
        symbolic = []
        for name, meta in self.graph["tensor_values"].items():
            sizes = [s.get("as_int") for s in meta["sizes"]]
            if None in sizes:
                symbolic.append((name, [str(s.get("as_int", s.get("as_expr", {}).get("expr_str"))) for s in meta["sizes"]]))
                continue
            element = BY_SERIALIZED.get(meta["dtype"])
            self.program.types[name] = TensorType(tuple(sizes), element.mlir if element else f"ScalarType {meta['dtype']}")
        if symbolic:
            raise NeedsTorch  # the error cites operators and lines, which the other way knows how to find

    def _inputs(self) -> None:
        for spec in self.signature["input_specs"]:
            (kind, body), = spec.items()
            if kind == "user_input" and "as_tensor" in body["arg"]:
                self.program.inputs.append(Input(body["arg"]["as_tensor"]["name"], "user"))
            elif kind == "constant_input":
                continue
            elif kind in ("parameter", "buffer", "tensor_constant"):
                target = body.get("parameter_name", body.get("buffer_name", body.get("tensor_constant_name")))
                self.program.inputs.append(Input(body["arg"]["name"], "constant" if kind == "tensor_constant" else kind, target))
            else:
                raise Error("MN-FE-INPUT", f"the program has an input of kind {kind}, which cannot be compiled", [Item(kind, "unknown input kind", remedy=INPUT_REMEDY)])

    def _output(self, spec: dict) -> None:
        (kind, body), = spec.items()
        if kind == "user_output":
            (form, value), = body["arg"].items()
            self.program.outputs.append(Output("user", Ref(value["name"]) if form == "as_tensor" else None if form == "as_none" else value))
        elif kind == "buffer_mutation":
            self.program.outputs.append(Output("state", Ref(body["arg"]["name"]), body["buffer_name"]))
        else:
            raise Error("MN-FE-OUTPUT", f"the program has an output of kind {kind}, which cannot be compiled", [Item(kind, "unknown output kind", remedy=OUTPUT_REMEDY)])

    def _node(self, node: dict) -> Node:
        outputs, returns_list = [], False
        for output in node["outputs"]:
            (form, value), = output.items()
            if form == "as_tensor":
                outputs.append(value["name"])
            elif form == "as_tensors":
                returns_list = True
                outputs += [v["name"] for v in value]
            else:
                raise NeedsTorch
        metadata = node["metadata"]
        file, line, function = innermost_user_frame(metadata.get("stack_trace", ""))
        target = node["target"].removeprefix("torch.ops.")
        args = {entry["name"]: _argument(entry["arg"]) for entry in node["inputs"]}
        return Node(target, args, outputs, returns_list, file, line, function, _module_path(metadata.get("nn_module_stack", "")))


INPUT_REMEDY = "pass tensors only; keep other state in parameters and buffers of the module"
OUTPUT_REMEDY = "return the new value instead of writing into an input or parameter, or keep it in a registered buffer"


def _argument(argument: dict):
    (form, value), = argument.items()
    if form == "as_tensor":
        return Ref(value["name"])
    if form == "as_tensors":
        return [Ref(v["name"]) for v in value]
    if form == "as_optional_tensor":
        return _argument(value)
    if form == "as_optional_tensors":
        return [_argument(v) for v in value]
    if form == "as_scalar_type":
        return DTypeArgument(BY_SERIALIZED[value].mlir if value in BY_SERIALIZED else str(value))
    if form in ("as_none", "as_memory_format", "as_layout", "as_device"):
        return None
    if form in ("as_float", "as_floats"):  # infinities are written as strings
        return [float(v) for v in value] if isinstance(value, list) else float(value)
    return value


def _module_path(stack: str) -> str:
    """Path of the innermost module of "key,path,type;key,path,type"."""
    last = stack.split(";")[-1].split(",") if stack else []
    return last[1] if len(last) > 1 else ""
