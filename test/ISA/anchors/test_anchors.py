"""Holds docs/Calibration.md: the simulated clock reproduces the public measurements. Simulated time does not depend on the host."""
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from catalogue import ANCHORS  # noqa: E402
from machine import BIN, Simulator, command, constant, relative  # noqa: E402


@pytest.fixture(scope="module")
def simulator():
    return Simulator()


@pytest.mark.parametrize("anchor", ANCHORS, ids=lambda anchor: anchor.name)
def test_anchor_meets_its_goal(simulator, anchor):
    report = simulator.report(anchor)
    assert abs(relative(anchor.figure(report), anchor)) <= anchor.goal
    if anchor.moved_bytes:
        moved = report["device_memory"]["read_bytes"] + report["device_memory"]["write_bytes"]
        assert moved == pytest.approx(anchor.moved_bytes, rel=0.001)


def test_at_most_six_constants_are_fitted_and_each_is_a_number(simulator):
    for name in ("mt1", "mt2", "mi1"):
        chip = simulator.chip(name)
        assert len(chip["fitted"]) <= 6
        assert all(isinstance(constant(chip, key), (int, float)) for key in chip["fitted"])


def test_time_does_not_depend_on_whether_values_are_computed(simulator, tmp_path):
    [anchor] = [anchor for anchor in ANCHORS if anchor.name == "mamba-256"]
    (tmp_path / "a.masm").write_text(anchor.program("mt1").text())
    command(BIN / "manaslu-as", tmp_path / "a.masm", "-o", tmp_path / "a.mnx")
    shown = [command(BIN / "manaslu-cc", "run", tmp_path / "a.mnx", *flags).split(";")[0] for flags in (["--no-values"], ["--random", 1])]
    assert shown[0] == shown[1]


def test_flags_that_want_values_are_refused_without_them(tmp_path):
    with pytest.raises(RuntimeError, match="excludes --outputs"):
        command(BIN / "manaslu-cc", "run", tmp_path / "a.mnx", "--no-values", "--outputs", tmp_path / "o.npz")
