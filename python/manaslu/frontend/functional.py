"""Rewrites simple operators in place (`add_`, `relu_`) as their functional form, so that most models need no tracing by PyTorch."""

from __future__ import annotations

from .operators import find_handler
from .program import Program, Ref

# Results of these never share storage with an operand, and they keep no view of one.
_FRESH = {"conv1d", "conv2d", "batch_norm", "linear", "addmm", "matmul", "mm", "bmm", "layer_norm", "group_norm", "rms_norm", "add", "sub", "mul", "div", "relu", "gelu", "silu", "sigmoid",
          "tanh", "exp", "sqrt", "rsqrt", "pow", "neg", "max_pool2d", "avg_pool2d", "adaptive_avg_pool2d", "softmax", "cat", "stack", "embedding", "mean", "sum", "hardtanh", "hardswish",
          "hardsigmoid", "leaky_relu", "elu", "clamp", "masked_fill", "where", "scaled_dot_product_attention"}  # fmt: skip


def all_known(program: Program) -> bool:
    """Whether every operator has a handler; one that writes in place has none."""
    return all(find_handler(node.target) is not None or is_assertion(node) for node in program.nodes)


def is_assertion(node) -> bool:
    """A check without a result; what it checks is static here."""
    return node.target.startswith("aten._assert") and not node.outputs


def functionalise(program: Program) -> None:
    """Rewrites each write in place into a value that provably nothing else shares: made by a fresh operator, read since only by fresh ones."""
    owned, renamed = set(), {}
    for node in program.nodes:
        node.args = {key: _rename(value, renamed) for key, value in node.args.items()}
        namespace, name, overload = (node.target.split(".") + ["", ""])[:3]
        if namespace != "aten":
            owned.difference_update(node.references())
            continue
        base = name[:-1] if name.endswith("_") and not name.startswith("_") else name
        target = node.args.get("self", node.args.get("input"))
        if base != name and base in _FRESH and isinstance(target, Ref) and target.name in owned and _same_result(program, node, target, f"aten.{base}.{overload}"):
            node.target = f"aten.{base}.{overload}"
            owned.discard(target.name)
            for old in [old for old, new in renamed.items() if new == target.name]:
                renamed[old] = node.outputs[0]
            renamed[target.name] = node.outputs[0]
            owned.add(node.outputs[0])
            continue
        if base in _FRESH and base == name:
            owned.update(node.outputs)
        else:
            owned.difference_update(node.references())
    for output in program.outputs:
        output.value = _rename(output.value, renamed)


def _same_result(program: Program, node, target: Ref, functional: str) -> bool:
    """Whether the functional form exists and gives the type that is written to (no cast on the way)."""
    if find_handler(functional) is None or len(node.outputs) != 1 or program.types.get(node.outputs[0]) != program.types.get(target.name):
        return False
    return all(name not in program.types or program.types[name].dtype == program.types[target.name].dtype for name in node.references())


def _rename(value, renamed: dict):
    if isinstance(value, Ref):
        return Ref(renamed.get(value.name, value.name))
    return [_rename(v, renamed) for v in value] if isinstance(value, list) else value
