"""Calls into the native module with its errors as manaslu.Error."""

from __future__ import annotations

import contextlib
import os
import sys

from .frontend.diagnostics import Error, Item


def module():
    """manaslu._native; a checkout that was not built has none."""
    try:
        from . import _native
    except ImportError as error:
        raise Error("MN-FE-NATIVE", f"the compiler is not built for this Python ({error}); run tools/setup in the checkout") from None
    # The importer of a .pt2 file runs in a child process: in this Python, which has the package, not in one found beside its executable.
    if sys.executable:
        os.environ.setdefault("MANASLU_PYTHON", sys.executable)
    return _native


@contextlib.contextmanager
def errors():
    """Turns an error of the native module into ours, item by item."""
    native = module()
    try:
        yield native
    except native.Error as error:
        code, text, items = error.args
        message = items[0]["message"] if items else text
        raise Error(code, message, [Item(item["where"] or item["code"], item["message"]) for item in items[1:]]) from None
