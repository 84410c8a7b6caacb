"""The benchmark command: see test/benchmark/run."""
import argparse
import os
import sys
import tempfile
import warnings
from pathlib import Path

warnings.filterwarnings("ignore")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")

from command import Failed
from measure import Measure
from precision import Precision
from reference import catalogue
from rows import Table
from simulator import Simulator


def models(options, table, folder):
    """Every model of the tests' table; returns the names of those that failed, with the reason."""
    measure, failures, available = Measure(table, folder, options.target, options.repeat), [], catalogue()

    def job_of(name):
        model = available.build(name)
        measure.model(name, model.module, model.arguments)

    jobs = {name: lambda name=name: job_of(name) for name in available.FULL}
    jobs["matmul-4096-bf16"] = measure.matmul
    for name, job in jobs.items():
        if options.filter not in name:
            continue
        try:
            job()
        except Failed as failure:
            failures.append(f"{name}: {failure}")
            print(f"FAILED {failures[-1]}", file=sys.stderr, flush=True)
        for file in folder.iterdir():
            file.unlink()
    measure.growth()
    return failures


def main():
    parser = argparse.ArgumentParser(prog="test/benchmark/run", description="Measures the project's numbers; rows of the chip are simulated.")
    parser.add_argument("--models", action="store_true", help="every model of test/e2e/models.py: compilation, accuracy, simulated time")
    parser.add_argument("--simulator", action="store_true", help="the speed of the simulator, beside PyTorch and OpenVINO")
    parser.add_argument("--precision", action="store_true", help="what types of operators gain and cost")
    parser.add_argument("--json", metavar="F", help="also write the rows to F")
    parser.add_argument("--filter", metavar="TEXT", default="", help="only models (and groups of rows) whose name contains TEXT")
    parser.add_argument("--target", default="mt1", help="the chip (default mt1)")
    parser.add_argument("--repeat", type=int, default=3, help="samples of figures that the clock on the wall gives (default 3)")
    options = parser.parse_args()
    if not options.models and not options.simulator and not options.precision:
        parser.error("say what to measure: --models, --simulator, --precision or several")
    table, failures = Table(), []
    with tempfile.TemporaryDirectory() as folder:
        if options.models:
            failures += models(options, table, Path(folder))
        if options.simulator:
            failures += Simulator(table, Path(folder), options).run()
        if options.precision:
            failures += Precision(table, Path(folder), options).run()
    if options.json:
        table.write(options.json)
    print(table.summary() + (f"; {len(failures)} failed" if failures else ""))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
