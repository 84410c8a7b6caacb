"""Table from operator name ("aten.add.Tensor") to its handler."""

from __future__ import annotations

_HANDLERS = {}
_REFUSED = {}


def handles(*targets):
    """Registers handler(importer, args) for these operators; "aten." is put in front of names without another namespace."""

    def register(function):
        for target in targets:
            name = target if target.startswith(("manaslu.", "prims.")) else f"aten.{target}"
            if name in _HANDLERS:
                raise ValueError(f"two handlers for {name}")
            _HANDLERS[name] = function
        return function

    return register


def refuses(reason: str, remedy: str, *targets):
    """Registers why these operators cannot be compiled; PyTorch's decompositions are still tried."""
    for target in targets:
        _REFUSED[f"aten.{target}"] = (reason, remedy)


def find_handler(target: str):
    """The handler of an operator, or None."""
    return _HANDLERS.get(target)


def refusal(target: str) -> tuple:
    """(reason, remedy) for an operator without a handler."""
    return _REFUSED.get(target, ("no lowering", "`manaslu-cc list-operators --framework PYTORCH` prints what there is"))


def supported_operators() -> list:
    """Names of all operators with a handler, sorted."""
    return sorted(name for name in _HANDLERS if not name.startswith("manaslu."))


def axis_of(index: int, rank: int) -> int:
    """A dimension counted from the front; PyTorch counts negative ones from the back."""
    return index + max(rank, 1) if index < 0 else index


def axes_of(indices, rank: int) -> list:
    """Sorted dimensions; None, a single number and an empty list (all of them) are accepted as PyTorch does."""
    if indices is None or (isinstance(indices, (list, tuple)) and not indices):
        return list(range(rank))
    if isinstance(indices, int):
        indices = [indices]
    return sorted(axis_of(i, rank) for i in indices) if rank else []
