"""Runs manaslu-cc from outside, as a user does, and hands back its reports."""
import json
import subprocess
import time
from pathlib import Path

TOOL = Path(__file__).resolve().parents[2] / ".venv" / "bin" / "manaslu-cc"


class Failed(Exception):
    """The tool refused or broke; the text is its last words."""


def call(*arguments):
    """Seconds on the wall of one call that succeeds."""
    begun = time.perf_counter()
    done = subprocess.run([str(TOOL), *map(str, arguments)], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    seconds = time.perf_counter() - begun
    if done.returncode:
        words = (done.stderr or done.stdout).strip().splitlines()
        raise Failed(f"manaslu-cc {arguments[0]} ended with {done.returncode}: {' | '.join(words[-3:])}")
    return seconds


def compile_model(model, program, flags):
    """(wall seconds, report) of one compilation."""
    report = program.with_suffix(".compile.json")
    seconds = call("compile", model, "-o", program, *flags, "--report", report)
    return seconds, json.loads(report.read_text())


def run_program(program, inputs, outputs=None, threads=0):
    """The report of one execution; `inputs` is an .npz or a seed for random ones; 0 threads are one for each processor."""
    report = program.with_suffix(".run.json")
    source = ["--random", inputs] if isinstance(inputs, int) else ["--inputs", inputs]
    call("run", program, *source, "--threads", threads, *(["--outputs", outputs] if outputs else []), "--report", report)
    return json.loads(report.read_text())
