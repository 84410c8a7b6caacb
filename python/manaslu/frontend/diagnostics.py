"""Coded errors of the front end: what went wrong, where in the user's model, and what to do about it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field

# Exit status by code prefix, as in lib/Support/ErrorCodes.inc (a test holds the two together); the longest prefix wins.
_EXIT_STATUS = {
    "MN-USE": 2, "MN-IO": 6, "MN-CHIP": 6, "MN-CHIP-002": 2, "MN-CHIP-ENGINE": 3, "MN-CHIP-MEMORY": 5, "MN-MEM": 5, "MN-INTERNAL": 70, "MN-IN": 6,
    "MN-IN-LIMIT": 5, "MN-IN-NPZ-LIMIT": 5, "MN-IN-MLIR-DEPTH": 5, "MN-IN-MLIR-LINE": 5, "MN-IN-MLIR-SHAPE": 5, "MN-IN-MLIR-STAGE": 2, "MN-RES": 5,
    "MN-RUN": 6, "MN-RUN-INPUT": 2, "MN-RUN-RANGE": 2, "MN-RUN-LEVELS": 70, "MN-RUN-KERNELS": 70, "MN-RUN-STRIPPED": 2, "MN-RUN-FUEL": 5, "MN-RUN-INDEX": 2, "MN-RUN-VALUES": 2,
    "MN-RUN-MEMORY": 5, "MN-VERIFY": 4, "MN-VERIFY-REFERENCE": 3, "MN-FE": 3, "MN-FE-PYTHON": 6, "MN-FE-VERSION": 6, "MN-FE-NATIVE": 6, "MN-ISA": 6,
    "MN-FMT": 6, "MN-FMT-LIMIT": 5, "MN-SHAPE": 6, "MN-ASM": 6, "MN-NUM": 3, "MN-NUM-BUDGET": 5, "MN-NUM-CALIBRATION": 2, "MN-NUM-INTERRUPTED": 5, "MN-NUM-RULE": 2, "MN-NUM-TABLE": 2, "MN-NUM-TYPE": 2, "MN-LOW": 3,
}


@dataclass
class Item:
    """One finding of an error: an operator, an input or an output that the compiler cannot take."""

    what: str  # the operator or the name of the input or output
    reason: str
    count: int = 1
    source: str = ""  # "file.py:12 in forward" of the user's model
    module: str = ""  # path of the module, such as encoder.layer.0
    shapes: list = field(default_factory=list)  # operand types as text
    remedy: str = ""

    def text(self, number: int) -> str:
        lines = [f" {number}. {self.what}  x{self.count}  reason: {self.reason}"]
        if self.source or self.module:
            lines.append(f"      at {self.source or 'unknown line'}" + (f"  [module: {self.module}]" if self.module else ""))
        if self.shapes:
            lines.append("      input " + ", ".join(self.shapes))
        if self.remedy:
            lines.append(f"      remedy: {self.remedy}")
        return "\n".join(lines)


class Error(Exception):
    """A coded error: `code` is an entry of lib/Support/ErrorCodes.inc, `items` lists every finding."""

    def __init__(self, code: str, message: str, items=()):
        self.code, self.message, self.items = code, message, list(items)
        super().__init__(self.text())

    def text(self) -> str:
        return "\n".join([f"error: {self.code}: {self.message}", *(item.text(i + 1) for i, item in enumerate(self.items))])

    def to_json(self) -> str:
        """One line of JSON, for `--json-diagnostics`."""
        return json.dumps({"schema": 1, "severity": "error", "code": self.code, "message": self.message, "items": [asdict(item) for item in self.items]})

    @property
    def exit_status(self) -> int:
        return exit_status(self.code)


class Unsupported(Exception):
    """Raised by an operator handler: this use of the operator cannot be expressed. The importer collects all of them."""

    def __init__(self, reason: str, remedy: str = ""):
        super().__init__(reason)
        self.reason, self.remedy = reason, remedy


def exit_status(code: str) -> int:
    """Exit status of a code (interfaces.md)."""
    matches = [prefix for prefix in _EXIT_STATUS if code.startswith(prefix)]
    return _EXIT_STATUS[max(matches, key=len)] if matches else 70
