"""Runs the calibration anchors and compares the simulated clock with public measurements; test/ISA/anchors/run is the command."""
import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmark"))

from catalogue import ANCHORS  # noqa: E402
from fit import Fit  # noqa: E402
from machine import Simulator, relative  # noqa: E402
from rows import Table  # noqa: E402

MOST_FITTED = 6


def fits(simulator, anchors):
    """One fit for each chip file that has fitted constants."""
    for name in dict.fromkeys(anchor.chip for anchor in anchors):
        chip = simulator.chip(name)
        if chip["fitted"]:
            yield name, Fit(simulator, [anchor for anchor in anchors if anchor.chip == name], chip)


def measure(simulator, anchors, table):
    """Rows of each anchor: its time beside the measured one, the error, and whether it moves what the kernel moves."""
    for anchor, report in zip(anchors, simulator.pool.map(simulator.report, anchors)):
        value = anchor.figure(report)
        table.add(anchor.name, f"simulated_{anchor.chip}", value, anchor.unit)
        table.add(anchor.name, f"measured_{anchor.chip}", anchor.measured, anchor.unit)
        table.add(anchor.name, "error", abs(relative(value, anchor)), "ratio", anchor.goal)
        if anchor.moved_bytes:
            moved = report["device_memory"]["read_bytes"] + report["device_memory"]["write_bytes"]
            table.add(anchor.name, "moved_bytes_error", abs(moved / anchor.moved_bytes - 1), "ratio", 0.001)


def main():
    parser = argparse.ArgumentParser(prog="test/ISA/anchors/run", description="Simulated time of the calibration anchors against public measurements.")
    parser.add_argument("--json", metavar="F", help="also write the rows to F")
    parser.add_argument("--filter", metavar="TEXT", default="", help="only anchors whose name contains TEXT, and no leave-one-out")
    parser.add_argument("--fit", action="store_true", help="print the constants that fit the anchors best, for the chip file, and end")
    options = parser.parse_args()
    simulator, table = Simulator(), Table()
    anchors = [anchor for anchor in ANCHORS if options.filter in anchor.name]
    if options.fit:
        for name, fit in fits(simulator, anchors):
            print(name, fit.best())
        return 0
    measure(simulator, anchors, table)
    if not options.filter:
        for name, fit in fits(simulator, anchors):
            table.add(name, "fitted_constants", len(fit.keys), "constants", MOST_FITTED)
            for anchor, (error, refit) in zip(fit.anchors, fit.leave_one_out()):
                table.add(anchor.name, "leave_one_out_error", abs(error), "ratio")
    if options.json:
        table.write(options.json)
    print(table.summary())
    return 0


if __name__ == "__main__":
    sys.exit(main())
