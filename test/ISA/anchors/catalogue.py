"""The calibration anchors: public measurements, the program that stands for each, and what of its report is compared."""
from dataclasses import dataclass
from typing import Callable

import blocked
import ladder
import mamba
import small


@dataclass(frozen=True)
class Anchor:
    """`measured` in `unit`; `figure(report)` gives the simulated value in the same unit; `moved_bytes` is what the kernel is known to move."""
    name: str
    chip: str
    program: Callable
    measured: float
    unit: str
    figure: Callable
    goal: float = 0.10
    moved_bytes: float | None = None


def whole_ms(report):
    """A whole program as somebody measures it: with its start and stop."""
    return (report["simulated"]["time_ns"] + report["simulated"]["start_stop_ns"]) / 1e6


def whole_us(report):
    return whole_ms(report) * 1e3


def nanoseconds_each(report):
    return report["simulated"]["time_ns"] / small.ACTIVATIONS


def data_phase_ns(report):
    return report["simulated"]["engines"]["dma"]["busy_ns"]


def gigabytes_per_second(report):
    return report["device_memory"]["read_bytes"] / report["simulated"]["engines"]["dma"]["busy_ns"]


ANCHORS = [
    Anchor("matmul-tiled", "mt1", ladder.tiled, 51.80, "ms", whole_ms, 0.05, 5436e6),
    Anchor("matmul-hoisted", "mt1", ladder.hoisted, 42.96, "ms", whole_ms, 0.05, 4429e6),
    Anchor("matmul-blocked-free", "mt1", ladder.blocked_free, 22.07, "ms", whole_ms, 0.05, 2282e6),
    Anchor("matmul-blocked", "mt1", blocked.blocked, 6.97, "ms", whole_ms, 0.05, 738e6),
    Anchor("mamba-256", "mt1", lambda chip: mamba.version1(chip, 256), 172.9, "us", whole_us),
    Anchor("mamba-4096-v1", "mt1", lambda chip: mamba.version1(chip, 4096), 2.34, "ms", whole_ms),
    Anchor("mamba-4096-v2", "mt1", lambda chip: mamba.version2(chip, 4096), 1.61, "ms", whole_ms),
    Anchor("dependent-activations", "mt1", small.activations, 189.0, "ns", nanoseconds_each),
    Anchor("dma-rows-1024", "mt1", lambda chip: small.bandwidth(chip, 1024), 208.0, "GB/s", gigabytes_per_second, 0.005),
    Anchor("dma-rows-4096", "mt1", lambda chip: small.bandwidth(chip, 4096), 269.7, "GB/s", gigabytes_per_second, 0.005),
    Anchor("dma-32k", "mt2", small.single_transfer, 1416.0, "ns", data_phase_ns),
]
