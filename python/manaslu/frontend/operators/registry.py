"""Table from operator name ("aten.add.Tensor") to its handler."""

from __future__ import annotations

_HANDLERS = {}


def handles(*targets):
    """Registers handler(importer, args) for these operators; "aten." is put in front of names without a namespace."""

    def register(function):
        for target in targets:
            name = target if target.startswith("manaslu.") else f"aten.{target}"
            if name in _HANDLERS:
                raise ValueError(f"two handlers for {name}")
            _HANDLERS[name] = function
        return function

    return register


def find_handler(target: str):
    """The handler of an operator, or None."""
    return _HANDLERS.get(target)


def supported_operators() -> list:
    """Names of all operators with a handler, sorted."""
    return sorted(name for name in _HANDLERS if name.startswith("aten."))


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
