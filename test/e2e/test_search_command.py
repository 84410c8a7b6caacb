"""`manaslu-cc search-precision` and `--calibration` (issue "Data types", parts 4 and 5; docs/precision.md)."""

import json
import os
import signal
import subprocess
import time

import numpy
import pytest
import torch
from commands import BIN, command
from torch import nn

BUDGET = ["--min-sqnr", "25", "--target", "mt2", "--types", "bf16,fp8_e4m3"]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    torch.manual_seed(7)
    folder = tmp_path_factory.mktemp("search")
    model = nn.Sequential(nn.Linear(512, 256), nn.ReLU(), nn.Linear(256, 512)).eval()
    torch.export.save(torch.export.export(model, (torch.randn(16, 512),)), folder / "model.pt2")
    numpy.savez(folder / "samples.npz", input=torch.randn(5, 16, 512).numpy())
    return folder


def search(files, *arguments, samples="samples.npz", status=0):
    return command("manaslu-cc", "search-precision", files / "model.pt2", "--calibration", files / samples, *arguments, status=status)


def test_the_table_compiles_and_meets_the_budget(files, tmp_path):
    """Error budget in, table and front out; the table is accepted back unchanged; nothing but the result is printed in a pipe."""
    table, front, program = tmp_path / "table.json", tmp_path / "front.json", tmp_path / "p.mnx"
    done = search(files, *BUDGET, "-o", table, "--pareto", front)
    assert done.stderr == "" and "mt2, us (simulated)" in done.stdout and "->" in done.stdout
    points = json.loads(front.read_text())["points"]
    best = next(point for point in points if point["best"])
    assert best["sqnr_db"] >= 25 and best["table"] == json.loads(table.read_text())
    command("manaslu-cc", "compile", files / "model.pt2", "--precision", table, "--target", "mt2", "-o", program)
    with numpy.load(files / "samples.npz") as samples:
        numpy.savez(tmp_path / "one.npz", input=samples["input"][1])
    command("manaslu-cc", "verify", program, "--against", files / "model.pt2", "--inputs", tmp_path / "one.npz", "--min-sqnr", 25, "--min-cosine", 0.9, "--max-error-over-range", 1)


def test_the_cache_gives_the_same_table(files, tmp_path):
    """With --cache a second search measures nothing anew, and finds the same."""
    tables = []
    for number in range(2):
        search(files, *BUDGET, "-o", tmp_path / f"{number}.json", "--cache", tmp_path / "cache")
        tables.append((tmp_path / f"{number}.json").read_text())
        kept = {file.name: file.stat().st_mtime_ns for file in (tmp_path / "cache").iterdir()}
        if number == 0:
            first = kept
    assert tables[0] == tables[1] and first == kept
    search(files, *BUDGET, "-o", tmp_path / "without.json")
    assert (tmp_path / "without.json").read_text() == tables[0]


def test_a_damaged_cache_is_measured_anew(files, tmp_path):
    search(files, *BUDGET, "-o", tmp_path / "a.json", "--cache", tmp_path / "cache")
    for file in (tmp_path / "cache").iterdir():
        file.write_text("{")
    search(files, *BUDGET, "-o", tmp_path / "b.json", "--cache", tmp_path / "cache")
    assert (tmp_path / "a.json").read_text() == (tmp_path / "b.json").read_text()


def test_an_interrupted_search_keeps_its_best_table(tmp_path):
    """docs/errors.md, MN-NUM-INTERRUPTED."""
    torch.manual_seed(0)
    model = nn.Sequential(*(nn.Linear(512, 512) for _ in range(40))).eval()
    torch.export.save(torch.export.export(model, (torch.randn(4, 512),)), tmp_path / "model.pt2")
    numpy.savez(tmp_path / "samples.npz", input=torch.randn(4, 4, 512).numpy())
    command = [BIN / "manaslu-cc", "search-precision", tmp_path / "model.pt2", "--calibration", tmp_path / "samples.npz", "--min-sqnr", "10", "-o", tmp_path / "table.json", "--cache", tmp_path / "cache"]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
    while running.poll() is None and len(list(tmp_path.glob("cache/*.json"))) < 3:  # something is measured
        time.sleep(0.05)
    os.killpg(running.pid, signal.SIGINT)
    _, errors = running.communicate(timeout=120)
    assert running.returncode == 5 and "MN-NUM-INTERRUPTED" in errors
    assert json.loads((tmp_path / "table.json").read_text())["default"] == "bf16"


@pytest.mark.parametrize(
    "arrays, reason",
    [
        ({"input": numpy.zeros((5, 16, 511), "float32")}, "[samples, 16, 512]"),
        ({"input": numpy.full((2, 16, 512), numpy.nan, "float32")}, "not finite"),
        ({"inputs": numpy.zeros((2, 16, 512), "float32")}, "the inputs are input"),
        ({}, "has no samples"),
    ],
)
def test_samples_that_do_not_fit(files, tmp_path, arrays, reason):
    """Bad input of the issue: calibration data of wrong shape or with NaN."""
    numpy.savez(files / "bad.npz", **arrays)
    done = search(files, *BUDGET, "-o", tmp_path / "table.json", samples="bad.npz", status=2)
    assert "error: MN-NUM-CALIBRATION" in done.stderr and reason in done.stderr and not (tmp_path / "table.json").exists()
    done = command("manaslu-cc", "compile", files / "model.pt2", "--calibration", files / "bad.npz", "-o", tmp_path / "p.mnx", status=2)
    assert "error: MN-NUM-CALIBRATION" in done.stderr and not (tmp_path / "p.mnx").exists()


def test_bad_use(files, tmp_path):
    """docs/errors.md: limits, types and files that cannot be."""
    table = tmp_path / "table.json"
    assert "needs one limit" in search(files, "-o", table, status=2).stderr
    for arguments, status, texts in (
        (["--min-sqnr", 250, "--target", "mt2"], 5, ["MN-NUM-BUDGET", "linear"]),
        (["--min-sqnr", 20, "--types", "bf16,fp9"], 2, ["MN-NUM-TABLE"]),
        (["--min-sqnr", 20, "--target", "mi1"], 3, ["MN-NUM-CHIP"]),
        (["--min-sqnr", 20, "--min-cosine", 0.9], 2, ["needs one limit"]),
    ):
        errors = search(files, *arguments, "-o", table, status=status).stderr
        assert all(text in errors for text in texts) and not table.exists()
    assert "MN-IO-001" in search(files, *BUDGET, "-o", table, samples="none.npz", status=6).stderr
    (files / "text.npz").write_text("no archive")
    assert "MN-IN-NPZ" in search(files, *BUDGET, "-o", table, samples="text.npz", status=6).stderr


def test_scales_of_calibration(files, tmp_path):
    """--calibration beside --auto-cast-type fp8_e4m3: small numbers keep their bits."""
    torch.manual_seed(3)
    model, samples = nn.Linear(64, 64, bias=False).eval(), 1e-4 * torch.randn(4, 8, 64)
    torch.export.save(torch.export.export(model, (samples[0],)), tmp_path / "small.pt2")
    numpy.savez(tmp_path / "samples.npz", input=samples.numpy())
    numpy.savez(tmp_path / "one.npz", input=samples[0].numpy())
    fp8 = ["--auto-cast", "matmult", "--auto-cast-type", "fp8_e4m3", "--target", "mt2", "-o", tmp_path / "p.mnx"]
    for scales, status in ([], 4), (["--calibration", tmp_path / "samples.npz"], 0):
        command("manaslu-cc", "compile", tmp_path / "small.pt2", *fp8, *scales)
        command("manaslu-cc", "verify", tmp_path / "p.mnx", "--against", tmp_path / "small.pt2", "--inputs", tmp_path / "one.npz", "--min-sqnr", 20, "--max-error-over-range", 1, status=status)


def test_calibration_leaves_a_table_as_it_is(files, tmp_path):
    """docs/precision.md: --calibration gives scales to rules that name a scaling; a table that wants none keeps it."""
    program = {}
    (tmp_path / "table.json").write_text(json.dumps({"rules": [{"match": "*", "compute": "fp8_e4m3", "products_only": True}]}))
    for name, flags in {"without": [], "with": ["--calibration", files / "samples.npz"]}.items():
        command("manaslu-cc", "compile", files / "model.pt2", "--precision", tmp_path / "table.json", "--target", "mt2", *flags, "--compile-to", "linalg", "-o", tmp_path / f"{name}.mlir")
        program[name] = (tmp_path / f"{name}.mlir").read_text()
    assert program["with"] == program["without"]
