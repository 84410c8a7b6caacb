"""Runs anchors on the simulator, with the chip files as they are or with some constants changed."""
import json
import os
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

BIN = Path(__file__).resolve().parents[3] / ".venv" / "bin"


def command(*words):
    """A command of this checkout; its output, or its errors as an exception."""
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise RuntimeError(f"{Path(words[0]).name} ended with status {done.returncode}:\n{done.stderr.strip()}")
    return done.stdout


def chip_file(name):
    """A chip preset as a dictionary."""
    return json.loads(command(BIN / "manaslu-cc", "chips", name, "--json"))


def constant(chip, key):
    """The value at a dotted key."""
    for part in key.split("."):
        chip = chip[part]
    return chip


def with_constants(chip, constants):
    """A copy of the chip with the constants {dotted key: value}."""
    changed = json.loads(json.dumps(chip))
    for key, value in constants.items():
        *path, last = key.split(".")
        constant(changed, ".".join(path))[last] = value
    return changed


class Simulator:
    """Simulates anchors; no tensor is computed, so a program of 10^11 multiply-accumulates takes well under a second."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory()
        self.chips = {}
        self.pool = ThreadPoolExecutor(len(os.sched_getaffinity(0)))

    def chip(self, name):
        if name not in self.chips:
            self.chips[name] = chip_file(name)
        return self.chips[name]

    def report(self, anchor, constants=None):
        """The report of one run."""
        folder = Path(tempfile.mkdtemp(dir=self.folder.name))
        (folder / "chip.json").write_text(json.dumps(with_constants(self.chip(anchor.chip), constants or {})))
        (folder / "anchor.masm").write_text(anchor.program(anchor.chip).text())
        command(BIN / "manaslu-as", folder / "anchor.masm", "--chip", folder / "chip.json", "-o", folder / "anchor.mnx")
        command(BIN / "manaslu-cc", "run", folder / "anchor.mnx", "--no-values", "--report", folder / "report.json")
        return json.loads((folder / "report.json").read_text())

    def value(self, anchor, constants=None):
        """The simulated figure, in the anchor's unit."""
        return anchor.figure(self.report(anchor, constants))

    def values(self, requests):
        """`value` of each (anchor, constants), several at a time."""
        return list(self.pool.map(lambda request: self.value(*request), requests))


def relative(value, anchor):
    """Signed error of a simulated value."""
    return value / anchor.measured - 1
