"""The types of a program on PyTorch's CPU: every operator rounds as its type says, products sum in fp32. What remains between this and the chip is order of sums and polynomials; what remains between this and fp32 is the
types' own error."""

from __future__ import annotations

import math
import re

import torch
import torch.nn.functional as F

from .calibration import BITS, FIRST_FACTOR, KINDS, LARGEST, SMALLEST_NORMAL, module_path, operator, operator_names

_ATTENTION = "scaled_dot_product_attention.default"
_FORMATS = {"bf16": torch.bfloat16, "fp16": torch.float16}
_MOVES = {"view", "_unsafe_view", "reshape", "flatten", "unflatten", "squeeze", "unsqueeze", "permute", "transpose", "t", "contiguous", "clone", "alias", "detach", "dropout"}


def cast(x, kind: str):
    """An fp32 tensor rounded to a type, in fp32: nearest even; 8-bit types saturate."""
    if kind == "fp32":
        return x
    if kind in _FORMATS:
        return x.to(_FORMATS[kind]).float()
    if kind == "tf32":  # 13 of the 23 bits go
        bits = x.contiguous().view(torch.int32)
        return torch.where(x.isfinite(), ((bits + 0xFFF + ((bits >> 13) & 1)) & ~0x1FFF).view(torch.float32), x)
    exponent = torch.frexp(x.abs().clamp(min=SMALLEST_NORMAL[kind])).exponent - 1
    step = torch.ldexp(torch.ones_like(x), exponent - BITS[kind])
    return (torch.round(x / step) * step).clamp(-LARGEST[kind], LARGEST[kind])


def _matches(glob: str, name: str) -> bool:
    return bool(re.fullmatch("".join({"*": ".*", "?": "."}.get(c, re.escape(c)) for c in glob), name))


class Types:
    """A precision table as a program's report holds it (`precision_table`), held against operators' names."""

    def __init__(self, table: dict):
        self.default, self.scales = table.get("default", "fp32"), table.get("scales", {})
        self.rules = [rule for rule in table.get("rules", []) if "state" not in rule]
        self.states = [rule for rule in table.get("rules", []) if "state" in rule]

    def rule(self, name: str, path: str, product: bool) -> dict:
        """The first rule that matches."""
        for rule in self.rules:
            if (product or not rule.get("products_only")) and (_matches(rule["match"], name) or _matches(rule["match"], path)):
                return rule
        return {}

    def of_state(self, name: str) -> str:
        """The type in which a state is kept that is fp32 in the model."""
        return next((rule["state"] for rule in self.states if _matches(rule["match"], name)), "fp32")

    def of_product(self, name: str, path: str) -> tuple:
        """(type of activations, type of weights, scaling, whether scales are powers of two)."""
        rule = self.rule(name, path, product=True)
        compute = rule.get("compute") or self.default
        return compute, rule.get("weights") or compute, rule.get("scaling") or "none", rule.get("powers_of_two", False)

    def of_value(self, name: str, path: str) -> str:
        """Of the result of an operator that is no product."""
        kind = self.rule(name, path, product=False).get("compute") or self.default
        return kind if kind in ("fp32", *_FORMATS) else self.default


def product_names(graph) -> dict:
    """Node of a product to its name in precision tables."""
    return operator_names(graph, {**KINDS, _ATTENTION: "attention"})


class Emulator(torch.fx.Interpreter):
    """Runs the graph of an exported program; `values` keeps what `keep` names. types: None for the model as it is."""

    def __init__(self, graph_module, types: Types | None, keep=()):
        super().__init__(graph_module)
        self.types, self.keep, self.values = types, set(keep), {}
        self.names = product_names(graph_module.graph)
        self.parameters = set()  # names of nodes that depend on parameters alone

    def run_node(self, node):
        result = self._node(node)
        if node.name in self.keep:
            self.values[node.name] = result
        return result

    def _node(self, node):
        if self.types is None or node.op != "call_function":
            return super().run_node(node)
        if all(argument.name in self.parameters for argument in node.all_input_nodes):
            self.parameters.add(node.name)  # folded on the host, in fp32
            return super().run_node(node)
        args, kwargs = self.fetch_args_kwargs_from_env(node)
        name, path = self.names.get(node), module_path(node)
        if name:
            result = self._attention(node, name, path, args, kwargs) if operator(node) == _ATTENTION else self._product(node, name, path, args, kwargs)
            kind = self._rounded_once(node) or self.types.default
        else:
            own = operator(node).split(".")[0].strip("_")
            kind = self.types.of_value(f"{path}.{own}" if path else own, path)
            args, kwargs = torch.fx.node.map_aggregate((args, kwargs), lambda value: self._rounded(value, kind))
            result = node.target(*args, **kwargs)
        return torch.fx.node.map_aggregate(result, lambda value: self._rounded(value, kind))

    def _rounded_once(self, product) -> str | None:
        """The type of what a product leaves for one unscaled 8-bit product alone; None where it goes through the type of values, as does whatever `keep` takes out as well."""
        node = product
        while not self.keep and len(node.users) == 1:
            (user,) = node.users
            if user not in self.names and operator(user).split(".")[0] not in _MOVES:
                return None
            if user in self.names:
                compute, _, scaling, _ = self.types.of_product(self.names[user], module_path(user))
                scaled = scaling != "none" and operator(user) != _ATTENTION
                read_at = [i for i, argument in enumerate(user.args) if argument is node]
                return compute if compute in LARGEST and not scaled and len(read_at) == 1 and read_at[0] in self._factors(user) else None
            node = user
        return None

    @staticmethod
    def _factors(node) -> range:
        """Where a product's factors are among its arguments."""
        first = FIRST_FACTOR.get(operator(node), 0)
        return range(first, first + (3 if operator(node) == _ATTENTION else 2))

    @staticmethod
    def _rounded(value, kind: str):
        return cast(value, kind) if isinstance(value, torch.Tensor) and value.dtype == torch.float32 else value

    def _factor(self, x, node, position: int, name: str, path: str, row_axes):
        """One factor of a product in its type. row_axes: those that share a scale when scaling is by row."""
        compute, weights, scaling, powers = self.types.of_product(name, path)
        of_parameters = node.args[position].name in self.parameters
        kind = weights if of_parameters else compute
        if x.dtype != torch.float32:
            return x
        if kind not in LARGEST or scaling == "none":
            return cast(x, kind)
        given = self.types.scales.get(name) if not of_parameters and position == FIRST_FACTOR.get(operator(node), 0) else None
        shape = x.shape
        if scaling == "block32":
            x = x.unflatten(row_axes[0], (-1, 32))  # the same axis counted from the end
        if given is not None:
            scale = torch.tensor(float(given[0] if isinstance(given, list) else given))
        else:
            axes = tuple(range(x.dim())) if scaling == "tensor" else row_axes
            scale = x.abs().amax(axes, keepdim=True).clamp(min=1e-30) / LARGEST[kind]
        if powers:
            scale = torch.exp2(torch.ceil(torch.log2(scale)))
        return (cast(x / scale, kind) * scale).reshape(shape)

    def _product(self, node, name, path, args, kwargs):
        kind, args, factors = KINDS[operator(node)], list(args), self._factors(node)
        for position, x in enumerate(args):
            if position not in factors:
                args[position] = self._rounded(x, self.types.default)
                continue
            if kind == "conv2d":
                axes = tuple(range(1, x.dim()))
            else:
                axes = (-2 if kind == "matmul" and position > factors[0] and x.dim() > 1 else -1,)
            args[position] = self._factor(x, node, position, name, path, axes)
        return node.target(*args, **kwargs)

    def _attention(self, node, name, path, args, kwargs):
        q, k, v = (self._factor(args[i], node, i, name, path, (-1,)) for i in range(3))
        named = {**dict(zip(("attn_mask", "dropout_p", "is_causal"), args[3:], strict=False)), **kwargs}
        if named.get("enable_gqa"):
            k, v = (t.repeat_interleave(q.shape[-3] // t.shape[-3], -3) for t in (k, v))
        scores = q @ k.transpose(-1, -2) * (named.get("scale") or 1 / math.sqrt(q.shape[-1]))
        mask = named.get("attn_mask")
        if named.get("is_causal"):
            mask = torch.ones(scores.shape[-2:], dtype=torch.bool).tril()
        if mask is not None:
            scores = scores.masked_fill(~mask, -math.inf) if mask.dtype == torch.bool else scores + self._rounded(mask, self.types.default)
        return cast(F.softmax(scores, -1), self.types.of_product(name, path)[0]) @ v


def run(exported, inputs: list, types: Types | None = None, keep=()) -> tuple:
    """The results of an exported program's graph in order (those of the user and new values of buffers), and the values of the nodes that `keep` names.

    inputs: the user's tensors in order. types: None computes in the model's own types. Buffers that the model changes are states: they start as the program keeps them."""
    given, states = iter(inputs), set(exported.graph_signature.buffers_to_mutate.values())
    emulator = Emulator(exported.graph_module, types, keep)
    arguments = []
    for node, spec in zip((node for node in exported.graph.nodes if node.op == "placeholder"), exported.graph_signature.input_specs, strict=True):
        if spec.kind.name == "USER_INPUT":
            arguments.append(next(given) if type(spec.arg).__name__ == "TensorArgument" else spec.arg.value)
            continue
        stored = exported.state_dict.get(spec.target)
        stored = (exported.constants.get(spec.target) if stored is None else stored).clone()
        if spec.target in states:
            arguments.append(emulator._rounded(stored, types.of_state(spec.target)) if types else stored)
        else:
            arguments.append(stored)
            emulator.parameters.add(node.name)
    with torch.no_grad():
        results = emulator.run(*arguments)
    return results, emulator.values


def user_results(exported, results) -> list:
    """The user's tensors among the results of `run`."""
    return [value for spec, value in zip(exported.graph_signature.output_specs, results, strict=True) if spec.kind.name == "USER_OUTPUT" and isinstance(value, torch.Tensor)]
