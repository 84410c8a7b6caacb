"""How fast the simulator is: rows and goals of its speed, all in one run against the host's own arithmetic, PyTorch and OpenVINO in fp32 with the same threads."""
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

import torch

import gemm
from command import TOOL, Failed, compile_model, run_program
from reference import Reference, openvino_forward

BUILD = Path(__file__).resolve().parents[2] / "build" / "release" / "bin"
MODELS = ["bert", "gpt2", "resnet18", "resnet50", "vit"]
CASTS = {"fp32": ["--auto-cast", "none"], "bf16": ["--auto-cast", "all", "--auto-cast-type", "bf16"]}
GEOMEAN_OVER_PYTORCH = {"fp32": 0.8, "bf16": 0.6}
WORST_OVER_PYTORCH = {"fp32": 1.2, "bf16": None}
OVER_OPENVINO = 1.3
SIZES = [1024, 2048]


def native(*words):
    """Samples of manaslu-benchmark."""
    done = subprocess.run([str(BUILD / "manaslu-benchmark"), *map(str, words)], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise Failed(f"manaslu-benchmark {words[0]} ended with {done.returncode}: {done.stderr.strip()}")
    return json.loads(done.stdout)


def has_bf16_instructions():
    """AVX-512-BF16, which bf16 products can be faster with."""
    try:
        return "avx512_bf16" in open("/proc/cpuinfo").read()
    except OSError:
        return False


class Simulator:
    """Measures into a table; `threads` are those of every side."""

    def __init__(self, table, folder, options):
        self.table, self.folder, self.repeat, self.filter = table, folder, max(options.repeat, 5), options.filter
        self.threads = len(os.sched_getaffinity(0))
        torch.set_num_threads(self.threads)

    def run(self):
        """All rows; returns the reasons of those that are missing."""
        failures = []
        jobs = {"gemm": self.products, "stochastic-rounding": self.stochastic, "models": self.models}
        for name, job in jobs.items():
            try:
                failures += job() or []
            except Failed as failure:
                failures.append(f"{name}: {failure}")
        for failure in failures:
            print(f"FAILED {failure}", file=sys.stderr, flush=True)
        return failures

    def product(self, size, dtype):
        """Assembles a product; the path of the program."""
        source, program = self.folder / f"gemm-{size}-{dtype}.masm", self.folder / f"gemm-{size}-{dtype}.mnx"
        source.write_text(gemm.Product(size, dtype).text())
        done = subprocess.run([str(TOOL.with_name("manaslu-as")), str(source), "-o", str(program)], capture_output=True, text=True)
        if done.returncode:
            raise Failed(f"manaslu-as ended with {done.returncode}: {done.stderr.strip()[-300:]}")
        return program

    def products(self):
        """Tile programs of matrix products, as shares of the FMA peak of the same threads."""
        if self.filter not in "gemm":
            return
        goals = {"f32": 0.85, "bf16": 1.5 if has_bf16_instructions() else None, "f8e4m3": None}
        for size in SIZES:
            programs = {dtype: self.product(size, dtype) for dtype in goals}
            for dtype, goal in goals.items():
                samples = native("share", programs[dtype], gemm.operations(size), self.threads, 2 * self.repeat + 1)
                self.table.add(f"gemm-{size}-{dtype}", "share_of_fma_peak", samples, "ratio", goal, "higher")
            samples = native("ratio", programs["f8e4m3"], programs["bf16"], self.threads, 2 * self.repeat + 1)
            self.table.add(f"gemm-{size}-f8e4m3", "simulate_over_bf16", samples, "ratio", 1.15)

    def stochastic(self):
        if self.filter in "stochastic-rounding":
            self.table.add("stochastic-rounding", "elements_per_second_per_core", native("stochastic", self.repeat), "1/s", 2.5e9, "higher")

    def models(self):
        """Every model in both precisions; geometric means when all of them were measured."""
        from reference import catalogue

        available, failures, over_pytorch, clocks = catalogue(), [], {cast: [] for cast in CASTS}, []
        for name in MODELS:
            if self.filter not in name:
                continue
            try:
                model = available.build(name)
                reference = Reference(name, model.module, model.arguments, self.folder)
                for cast in CASTS:
                    over_pytorch[cast].append(self.model(reference, cast))
                clocks.append(self.checks(reference))
            except Failed as failure:
                failures.append(f"{name}: {failure}")
            try:
                self.beside_openvino(reference)
            except (Failed, RuntimeError, ImportError) as failure:
                failures.append(f"{name} beside OpenVINO: {failure}")
            for file in self.folder.glob(f"{name}*"):
                file.unlink()
        if len(clocks) == len(MODELS):
            for cast, ratios in over_pytorch.items():
                self.table.add(f"geomean-{cast}", "simulate_over_pytorch", statistics.geometric_mean(ratios), "ratio", GEOMEAN_OVER_PYTORCH[cast])
            self.table.add("geomean-fp32", "clock_over_no_clock", statistics.geometric_mean(clocks), "ratio", 1.05)
        return failures

    def program(self, reference, cast):
        return self.folder / f"{reference.name}-{cast}.mnx"

    def ratios(self, reference, cast, forward):
        """Simulation over `forward()` in alternating samples."""
        samples = []
        for _ in range(self.repeat):
            seconds = forward()
            report = run_program(self.program(reference, cast), reference.arguments, threads=self.threads)
            samples.append(report["host"]["simulate_seconds"] / seconds)
        return samples

    def model(self, reference, cast):
        compile_model(reference.exported, self.program(reference, cast), CASTS[cast])
        samples = self.ratios(reference, cast, reference.forward_seconds)
        self.table.add(f"{reference.name}-{cast}", "simulate_over_pytorch", samples, "ratio", WORST_OVER_PYTORCH[cast])
        return statistics.median(samples)

    def checks(self, reference):
        """What the clock costs, and how fast a program is loaded; the ratio of the clock."""
        program = self.program(reference, "fp32")
        samples = native("clock", program, self.threads, self.repeat)
        self.table.add(f"{reference.name}-fp32", "clock_over_no_clock", samples, "ratio")
        self.table.add(f"{reference.name}-fp32", "load_bytes_per_second", native("load", program, self.repeat), "bytes/s", 5e8, "higher")
        return statistics.median(samples)

    def beside_openvino(self, reference):
        """fp32 against the fastest CPU runtime that we know."""
        forward = openvino_forward(reference, self.threads)
        self.table.add(f"{reference.name}-fp32", "simulate_over_openvino", self.ratios(reference, "fp32", forward), "ratio", OVER_OPENVINO)
