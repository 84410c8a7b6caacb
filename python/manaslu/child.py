"""What the child processes of `manaslu-cc` have in common: arrays by position in an .npz, and errors as coded lines on standard error."""

from __future__ import annotations

import json
import sys
import traceback

from .frontend.diagnostics import Error


def read_arrays(path: str) -> list:
    """The arrays "0", "1", ... of an .npz."""
    import numpy

    with numpy.load(path, allow_pickle=False) as given:
        return [given[str(i)] for i in range(len(given.files))]


def read_json(path: str):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def run(work, code: str, what: str) -> int:
    """The exit status of `work()`. An error is printed; one without a code gets `code` and says `what` failed."""
    try:
        work()
        return 0
    except Error as error:
        known = error
    except Exception as error:
        traceback.print_exc()
        known = Error(code, f"{what}: {type(error).__name__}: {json.dumps(str(error))[:300]}")
    print(known.text(), file=sys.stderr)
    return known.exit_status
