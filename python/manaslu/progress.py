"""Progress of long work: one line that is written over, where somebody watches; nothing in a pipe."""

from __future__ import annotations

import sys

stream = None
"""Where progress goes instead of standard error: a child process of `manaslu-cc` has its parent's terminal here."""


def show(what: str, done: int, total: int) -> None:
    """`what: done of total`, and the end of the line when all is done."""
    place = stream or (sys.stderr if sys.stderr.isatty() else None)
    if place:
        print(f"\r\033[K{what}: {done} of {total}", end="\n" if done == total else "", file=place, flush=True)
