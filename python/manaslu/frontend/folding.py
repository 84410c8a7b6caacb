"""Evaluates at import, with PyTorch itself, what depends on no input: position ids, masks, tables of sines."""

from __future__ import annotations

from .program import DTypeArgument, Node, Ref
from .types import to_torch

LARGEST = 1 << 24  # elements of a folded tensor; a larger one is computed on the chip
LARGEST_OF_PARAMETERS = 1 << 20  # the same where parameters take part: folding must not multiply the weights

# These only rearrange a parameter: the compiler does that itself, and the parameter keeps its name.
_LAYOUT = {"view", "reshape", "_unsafe_view", "transpose", "permute", "t", "unsqueeze", "squeeze", "expand", "slice", "select", "flatten", "clone", "contiguous",
           "alias", "detach", "to", "_to_copy", "split", "split_with_sizes", "chunk", "unbind", "lift_fresh_copy"}  # fmt: skip
_DROPPED = {"layout", "device", "pin_memory", "memory_format", "non_blocking", "copy"}


class Folder:
    """Decides what is constant and evaluates it."""

    def __init__(self, importer):
        self.importer = importer
        self.loaded = {}  # target -> torch tensor

    def constant(self, value, parameters: bool = True):
        """The torch tensor behind an environment entry (Folded, or Stored that is never written), else None."""
        from .importer import Folded, Stored

        if isinstance(value, Folded):
            return value.tensor
        if isinstance(value, Stored) and value.kind != "state" and (parameters or value.kind != "parameter"):
            if value.target not in self.loaded:
                self.loaded[value.target] = self.importer.program.tensors[value.target].tensor()
            return self.loaded[value.target]
        return None

    def fold(self, node: Node):
        """List of Folded results, or None where the node stays in the graph."""
        from .importer import Folded, Stored

        if not node.target.startswith("aten."):
            return None
        environment, types = self.importer.environment, self.importer.program.types
        with_parameters = False
        for name in node.references():
            entry = environment[name]
            if isinstance(entry, Stored) and entry.kind == "parameter":
                with_parameters = True
            if not isinstance(entry, Folded) and not (isinstance(entry, Stored) and entry.kind != "state"):
                return None
        base = node.target.split(".")[1]
        if with_parameters and base in _LAYOUT:
            return None
        limit = LARGEST_OF_PARAMETERS if with_parameters else LARGEST
        if any(name not in types or types[name].elements > limit for name in node.outputs):
            return None
        results = self._evaluate(node)
        if results is None:
            return None
        return [Folded(result, name) for result, name in zip(results, node.outputs)]

    def _evaluate(self, node: Node):
        import torch

        def convert(value):
            if isinstance(value, Ref):
                return self.constant(self.importer.environment[value.name])
            if isinstance(value, DTypeArgument):
                return to_torch(value.name)
            return [convert(v) for v in value] if isinstance(value, (list, tuple)) else value

        namespace, name, overload = node.target.split(".", 2)
        operator = getattr(getattr(getattr(torch.ops, namespace), name, None), overload, None)
        if operator is None or torch.Tag.nondeterministic_seeded in operator.tags or operator._schema.is_mutable:
            return None
        known = {argument.name for argument in operator._schema.arguments}
        arguments = {key: convert(value) for key, value in node.args.items() if key in known and key not in _DROPPED}
        try:
            with torch.no_grad():
                result = operator(**arguments)
        except (RuntimeError, TypeError, IndexError, ValueError):
            return None  # the handler finds the words for what is wrong
        return list(result) if isinstance(result, (list, tuple)) else [result]
