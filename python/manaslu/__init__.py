"""Manaslu: compiles models for its chip and runs them on the chip's simulator.

    program = manaslu.compile(model, (inputs,))     # program(inputs) instead of model(inputs)
    print(program.report)
"""

from __future__ import annotations

_LAZY = {"calibrate": "precision.calibration", "search_precision": "precision.search", "compile": "api", "load": "api", "Program": "program", "Report": "program", "Error": "frontend.diagnostics"}
__all__ = sorted(_LAZY)


def __getattr__(name: str):
    """Loads PyTorch and the native module only when something needs them."""
    if name not in _LAZY:
        raise AttributeError(f"module 'manaslu' has no attribute '{name}'")
    import importlib

    return getattr(importlib.import_module(f".{_LAZY[name]}", __name__), name)


def __dir__():
    return [*globals(), *__all__]
