"""Operator handlers by family: each takes the importer and the arguments by name and emits graph operations."""

from . import contraction, creation, elementwise, indexing, normalization, reduction, shape  # noqa: F401
from .registry import find_handler, refusal, supported_operators

__all__ = ["find_handler", "refusal", "supported_operators"]
