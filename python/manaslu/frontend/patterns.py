"""Recognises operators that models spell out in smaller ones: tanh GELU, RMS norm; and skips nodes that change nothing."""

from __future__ import annotations

import math

from .program import Node, Program, Ref

_IDENTITY = {"alias", "detach", "clone", "contiguous", "lift_fresh", "lift_fresh_copy", "dropout", "feature_dropout", "view_of", "to", "_to_copy", "lift",
             "_conj", "resolve_conj", "resolve_neg", "positive", "view", "reshape", "_unsafe_view", "expand", "type_as"}  # fmt: skip


def rewrite(program: Program) -> None:
    """Changes the program's nodes in place; dead ones are left for the importer to skip."""
    Matcher(program).run()


class Matcher:
    """Pattern matching over producers; `alias` maps the result of a node that changes nothing to its input."""

    def __init__(self, program: Program):
        self.program = program
        self.producer = {}
        self.alias = {}

    def run(self) -> None:
        for node in self.program.nodes:
            node.args = {key: self._resolve(value) for key, value in node.args.items()}
            for name in node.outputs:
                self.producer[name] = node
            if self._is_identity(node):
                self.alias[node.outputs[0]] = self._input(node).name
            elif node.target == "aten.mul.Tensor":
                self._gelu(node) or self._rms_norm(node)
        for output in self.program.outputs:
            output.value = self._resolve(output.value)

    def _resolve(self, value):
        if isinstance(value, Ref):
            return Ref(self.alias.get(value.name, value.name))
        return [self._resolve(v) for v in value] if isinstance(value, list) else value

    @staticmethod
    def _input(node: Node):
        return node.args.get("self", node.args.get("input"))

    def _is_identity(self, node: Node) -> bool:
        base = node.target.split(".")[1] if node.target.startswith("aten.") else ""
        if base not in _IDENTITY or len(node.outputs) != 1 or not isinstance(self._input(node), Ref):
            return False
        if base in ("dropout", "feature_dropout") and node.args.get("train", node.args.get("training")) and node.args.get("p", 0.5):
            return False
        if node.target == "aten.view.dtype":
            return False
        types = self.program.types
        return types.get(node.outputs[0]) == types.get(self._input(node).name)

    # --- matching helpers ------------------------------------------------------------------------------------------

    def _node(self, value, *targets):
        node = self.producer.get(value.name) if isinstance(value, Ref) else None
        return node if node is not None and node.target in targets and len(node.outputs) == 1 else None

    def _number(self, value):
        """The number behind a Python scalar argument, else None."""
        return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None

    def _with_number(self, value, targets, expected=None):
        """(other operand, number) of a commutative node with one Python number, else None."""
        node = self._node(value, *targets)
        if node is None or node.args.get("alpha", 1) != 1:
            return None
        a, b = node.args["self"], node.args["other"]
        for x, n in ((a, b), (b, a)):
            number = self._number(n)
            if isinstance(x, Ref) and number is not None and (expected is None or math.isclose(number, expected, rel_tol=1e-5)):
                return x, number
        return None

    def _gelu(self, node: Node) -> bool:
        """0.5 * x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x ** 3)))."""
        multiply, plus = ("aten.mul.Tensor", "aten.mul.Scalar"), ("aten.add.Tensor", "aten.add.Scalar")
        a, b = node.args["self"], node.args["other"]
        for half, gate in ((a, b), (b, a)):
            halved, opened = self._with_number(half, multiply, 0.5), self._with_number(gate, plus, 1.0)
            if not halved or not opened:
                continue
            x = halved[0]
            tanh = self._node(opened[0], "aten.tanh.default")
            scaled = self._with_number(tanh.args["self"], multiply, math.sqrt(2 / math.pi)) if tanh else None
            inner = self._node(scaled[0], "aten.add.Tensor") if scaled else None
            if inner is None or inner.args.get("alpha", 1) != 1:
                continue
            for straight, cubic in ((inner.args["self"], inner.args["other"]), (inner.args["other"], inner.args["self"])):
                cube = self._with_number(cubic, multiply, 0.044715)
                if straight == x and cube and self._is_cube(cube[0], x):
                    node.target, node.args = "aten.gelu.default", {"self": x, "approximate": "tanh"}
                    return True
        return False

    def _is_cube(self, value, x) -> bool:
        power = self._node(value, "aten.pow.Tensor_Scalar")
        return power is not None and power.args["self"] == x and power.args["exponent"] == 3

    def _is_square(self, value):
        power = self._node(value, "aten.pow.Tensor_Scalar")
        if power is not None and power.args["exponent"] == 2:
            return power.args["self"]
        product = self._node(value, "aten.mul.Tensor")
        return product.args["self"] if product is not None and product.args["self"] == product.args["other"] else None

    def _rms_norm(self, node: Node) -> bool:
        """x * rsqrt(mean(x ** 2, last axis) + eps), then times a weight of the last axis: one node each, the second takes in the first."""
        types = self.program.types
        a, b = node.args["self"], node.args["other"]
        for x, factor in ((a, b), (b, a)):
            root = self._node(factor, "aten.rsqrt.default")
            total = self._with_number(root.args["self"], ("aten.add.Tensor", "aten.add.Scalar")) if root else None
            mean = self._node(total[0], "aten.mean.dim") if total else None
            if mean is None or not mean.args.get("keepdim") or not isinstance(x, Ref) or self._is_square(mean.args["self"]) != x:
                continue
            type = types[x.name]
            if [d % type.rank for d in mean.args["dim"]] == [type.rank - 1] and type == types[node.outputs[0]]:
                node.target, node.args = "manaslu.rms_norm", {"input": x, "weight": None, "eps": total[1]}
                return True
        for normal, weight in ((a, b), (b, a)):
            inner = self._node(normal, "manaslu.rms_norm")
            if inner is not None and inner.args["weight"] is None and isinstance(weight, Ref):
                type, wanted = types[weight.name], types[node.outputs[0]]
                if type.shape == wanted.shape[-1:] and type.dtype == wanted.dtype == types[normal.name].dtype:
                    node.target, node.args = "manaslu.rms_norm", {**inner.args, "weight": weight}
                    return True
        return False

