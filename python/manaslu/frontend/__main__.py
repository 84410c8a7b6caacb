"""The importer as a process of its own: `python -m manaslu.frontend MODEL.pt2 -o OUT.mlir --weights OUT.safetensors`."""

from __future__ import annotations

import argparse
import json
import resource
import sys
import traceback
import warnings

from .diagnostics import Error


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        print(f"error: MN-USE-002: {message}", file=sys.stderr)
        raise SystemExit(2)


def main(arguments=None) -> int:
    parser = _Parser(prog="python -m manaslu.frontend", description=__doc__, allow_abbrev=False)
    parser.add_argument("model", nargs="?", help="a .pt2 file of torch.export.save")
    parser.add_argument("-o", "--output", help="graph-dialect text to write")
    parser.add_argument("--weights", help="safetensors file to write")
    parser.add_argument("--json-diagnostics", action="store_true", help="errors as JSON lines")
    parser.add_argument("--list-operators", action="store_true", help="print the supported operators, one a line, and stop")
    options = parser.parse_args(arguments)
    warnings.simplefilter("ignore")  # standard error is for coded errors; PyTorch's notices to its own developers are none
    try:
        if options.list_operators:
            from .torch import supported_operators

            print("\n".join(supported_operators()))
            return 0
        if not (options.model and options.output and options.weights):
            parser.error("MODEL, --output and --weights are needed")
        from .torch import import_file, write

        write(import_file(options.model), options.output, options.weights)
        print(f"peak_rss_bytes {_peak_rss_bytes()}")
        return 0
    except Error as error:
        return _report(error, options)
    except MemoryError:
        return _report(Error("MN-RES-MEMORY", "the host has too little memory to import the model"), options)
    except Exception as error:
        traceback.print_exc()
        return _report(Error("MN-INTERNAL", f"the importer failed on {options.model}: {type(error).__name__}: {json.dumps(str(error))[:300]}"), options)


def _peak_rss_bytes() -> int:
    """The most memory that this process has had. getrusage would count that of the process that started it as well."""
    try:
        with open("/proc/self/status", encoding="ascii") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _report(error: Error, options) -> int:
    print(error.to_json() if options.json_diagnostics else error.text(), file=sys.stderr)
    return error.exit_status


if __name__ == "__main__":
    sys.exit(main())
