"""`manaslu.search_precision`: the cheapest types of a model's products within an error that the user states, measured on the chip's simulator."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass, field

import torch
import torch.utils._pytree as pytree

from .calibration import LARGEST, calibrate
from .frontend.diagnostics import Error, Item

# Steps into which the error budget is divided: noise is rounded up to whole steps, so a choice may miss the best by one step for each product, never the budget.
_STEPS = 4096
# How much of the budget a choice may use after it missed the budget on samples that it was not chosen by.
_TIGHTER = 0.7


@dataclass
class Point:
    """One assignment of types as measured: all figures of the chip are simulated."""

    types: dict
    """Product name to type."""
    table: dict
    """The precision table."""
    sqnr_db: float
    """Signal to noise of all outputs together over the samples that were held out; the metric's value where one was given."""
    cost: float
    """Of one execution: nanoseconds, nanojoules, or bytes of device memory."""


@dataclass
class Search:
    """What a search found."""

    best: Point
    front: list = field(default_factory=list)
    """Points of which none is better than another in both figures, the most accurate first."""
    objective: str = "latency"

    @property
    def table(self) -> dict:
        return self.best.table

    def __str__(self) -> str:
        unit = {"latency": "us (simulated)", "energy": "uJ (simulated)", "memory": "kB of device memory"}[self.objective]
        lines = [f"{'':2} {'SQNR dB':>8} {unit:>22}  types"]
        for point in self.front:
            counts = {}
            for kind in point.types.values():
                counts[kind] = counts.get(kind, 0) + 1
            mark = "->" if point.types == self.best.types else ""
            lines.append(f"{mark:2} {point.sqnr_db:8.2f} {point.cost / 1e3:22.2f}  {', '.join(f'{n} {kind}' for kind, n in sorted(counts.items()))}")
        return "\n".join(lines)


def choose(options: list, budget: float) -> list | None:
    """Of each list of (noise, cost) one entry, so that the noise adds up to at most `budget` and the cost is least: the multiple-choice knapsack, by dynamic programming over the budget in steps (noise rounded up).
    Returns the index of each choice, or None when nothing fits. Ties go to the earlier entry."""
    steps = [[math.ceil(noise / budget * _STEPS) if noise > 0 else 0 for noise, _ in entries] for entries in options] if budget > 0 else []
    if budget <= 0:
        return None
    best = [0.0] + [math.inf] * _STEPS  # least cost by steps used
    taken = []
    for entries, sizes in zip(options, steps, strict=True):
        following, choice = [math.inf] * (_STEPS + 1), [-1] * (_STEPS + 1)
        for index, ((_, cost), size) in enumerate(zip(entries, sizes, strict=True)):
            for used in range(size, _STEPS + 1):
                if best[used - size] + cost < following[used]:
                    following[used], choice[used] = best[used - size] + cost, index
        taken.append(choice)
        best = following
    used = min(range(_STEPS + 1), key=lambda i: best[i])
    if math.isinf(best[used]):
        return None
    out = []
    for choice, sizes in zip(reversed(taken), reversed(steps), strict=True):
        out.append(choice[used])
        used -= sizes[choice[used]]
    return out[::-1]


class _Bench:
    """Compiles tables and measures them."""

    def __init__(self, model, samples, target, default, scaling, scales, objective, metric):
        self.model, self.target, self.default, self.scaling, self.scales, self.objective, self.metric = model, target, default, scaling, scales, objective, metric
        self.samples = samples
        with torch.no_grad():
            module = model.module() if isinstance(model, torch.export.ExportedProgram) else model
            self.exact = [self.flat(module(*sample)) for sample in samples]
        self.power = [sum(tensor.double().pow(2).sum().item() for tensor in outputs) for outputs in self.exact]

    @staticmethod
    def flat(result):
        return [tensor for tensor in pytree.tree_leaves(result) if isinstance(tensor, torch.Tensor) and tensor.is_floating_point()]

    def table(self, types: dict) -> dict:
        rules = [{"match": name, "compute": kind, **({"scaling": self.scaling} if kind in LARGEST else {})} for name, kind in types.items() if kind != self.default]
        scaled = {name: self.scales[name] for name, kind in types.items() if kind in LARGEST and name in self.scales and self.scaling != "none"}
        return {"schema": 1, "default": self.default, "rules": rules, **({"scales": scaled} if scaled else {})}

    def compile(self, types: dict):
        from .api import compile as compile_model

        return compile_model(self.model, tuple(self.samples[0]), target=self.target, precision=self.table(types))

    def noise(self, program, chosen) -> tuple:
        """(noise, signal) power of the outputs over these samples, and the report of the last run."""
        noise = signal = 0.0
        for index in chosen:
            got = self.flat(program.run(*self.samples[index]))
            noise += sum((a.double() - b.double()).pow(2).sum().item() for a, b in zip(got, self.exact[index], strict=True))
            signal += self.power[index]
        return noise, signal

    def cost(self, program) -> float:
        report = program.report
        return {"latency": lambda: report["simulated"]["time_ns"], "energy": lambda: report["simulated"]["energy_nj"], "memory": lambda: report["memory"]["device_bytes"]}[self.objective]()

    def point(self, types: dict, chosen) -> Point:
        program = self.compile(types)
        noise, signal = self.noise(program, chosen)
        quality = 10 * math.log10(signal / noise) if noise > 0 else math.inf
        if self.metric:
            quality = float(self.metric([self.flat(program.run(*self.samples[index])) for index in chosen], [self.exact[index] for index in chosen]))
        return Point(dict(types), self.table(types), quality, self.cost(program))


def search_precision(model, batches, *, target="mt2", types=("fp32", "bf16", "fp8_e4m3"), default="bf16", scaling="tensor", min_sqnr=None, max_latency_ns=None, objective="latency", metric=None, min_metric=None,
                     points=8) -> Search:  # fmt: skip
    """The types of a model's products (linear layers, convolutions, attention, matrix products) that cost least within an error, or err least within a time.

    model: a torch.nn.Module in evaluation mode or an ExportedProgram. batches: two or more tuples of arguments (or single tensors) of one shape; every fourth, at least one, is held out: the noise of each product is measured on
    the others, and what was chosen is verified on those held out. types: what a product may compute in; default: the type of all other operators and of values between them. scaling: of 8-bit operands, with scales
    of activations by `calibrate`. min_sqnr: decibels of all outputs together over their noise; max_latency_ns: simulated nanoseconds; one of them must be given. objective: latency, energy or memory.
    metric(outputs, exact): a number, larger is better, of lists (by sample) of lists (by output) of tensors; with min_metric it decides instead of min_sqnr, which then only guides. points: how many budgets
    the front is drawn with.

    Each product is changed alone in a program that is compiled and simulated bit for bit, so that casts at borders and the schedule count. Noise is taken to add up (independent errors: TPU-MLIR, HAWQ-V3 and others do
    the same); the choice is a multiple-choice knapsack (`choose`). A choice that misses the budget on the held-out samples is made again with a tighter one. Deterministic.
    Raises manaslu.Error MN-NUM-BUDGET when no assignment meets the budget, with the best that can be reached and the product that limits it."""
    if (min_sqnr is None) == (max_latency_ns is None) or objective not in ("latency", "energy", "memory") or (metric is None) != (min_metric is None) or (max_latency_ns is not None and objective != "latency"):
        raise Error("MN-USE-002", "give min_sqnr or max_latency_ns, an objective of latency, energy or memory (latency beside max_latency_ns), and metric together with min_metric")
    batches = [tuple(batch) if isinstance(batch, (tuple, list)) else (batch,) for batch in batches]
    scales = calibrate(model, batches) if any(kind in LARGEST for kind in types) else {}
    if len(batches) < 2:
        raise Error("MN-NUM-CALIBRATION", f"{len(batches)} sample; a search needs two, one of which is held out")
    bench = _Bench(model, batches, target, default, scaling, scales, objective, metric)
    held_out = [i for i in range(len(batches)) if i % 4 == 1]
    chosen_by = [i for i in range(len(batches)) if i % 4 != 1]

    base_program = bench.compile({})
    names = list(base_program.report["products"])
    base = dict.fromkeys(names, default)
    noise, signal = bench.noise(base_program, chosen_by)
    cost = bench.cost(base_program)
    options = []  # by product: type, noise above the least of its types, cost above the default's
    for number, name in enumerate(names):
        entries = []
        for kind in types:
            if kind == default:
                entries.append((kind, 0.0, 0.0))
                continue
            program = bench.compile({**base, name: kind})
            own, _ = bench.noise(program, chosen_by)
            entries.append((kind, own - noise, bench.cost(program) - cost))
        options.append(sorted(entries, key=lambda entry: entry[1]))
        if sys.stderr.isatty():
            print(f"\rmeasuring products: {number + 1} of {len(names)}", end="\n" if number + 1 == len(names) else "", file=sys.stderr, flush=True)
    # What is left when every product has its least noisy type: noise of all the rest.
    least = sum(entries[0][1] for entries in options)
    floor = max(noise + least, 0.0)

    def assignment(budget: float) -> dict | None:
        picked = choose([[(entry[1] - entries[0][1], entry[2]) for entry in entries] for entries in options], budget - floor)
        return None if picked is None else {name: entries[index][0] for name, entries, index in zip(names, options, picked, strict=True)}

    measured = {}

    def measure(types_of: dict) -> Point:
        key = tuple(types_of.values())
        if key not in measured:
            measured[key] = bench.point(types_of, held_out)
        return measured[key]

    best_quality = {name: entries[0][0] for name, entries in zip(names, options, strict=True)}
    # Budgets of the front: from a little above the floor to everything at its cheapest.
    loudest = floor + sum(min(entries, key=lambda entry: entry[2])[1] - entries[0][1] for entries in options)
    budgets = [max(floor, 1e-12 * signal) * (max(loudest, 1.01 * floor) / max(floor, 1e-12 * signal)) ** (i / (points - 1)) for i in range(1, points)] if points > 1 else []
    for types_of in [best_quality, base, *filter(None, map(assignment, budgets))]:
        measure(types_of)
    for kind in types:
        measure(dict.fromkeys(names, kind))

    if max_latency_ns is not None:
        fitting = [point for point in measured.values() if point.cost <= max_latency_ns]
        if not fitting:
            fastest = min(measured.values(), key=lambda point: point.cost)
            raise Error("MN-NUM-BUDGET", f"no assignment takes at most {max_latency_ns:.0f} ns: the fastest that was found takes {fastest.cost:.0f} ns (simulated, {target}) at {fastest.sqnr_db:.2f} dB")
        best = max(fitting, key=lambda point: (point.sqnr_db, -point.cost))
    else:
        meets = (lambda point: point.sqnr_db >= min_metric) if metric else (lambda point: point.sqnr_db >= min_sqnr)
        budget = signal / 10 ** (min_sqnr / 10)
        while budget > floor and (types_of := assignment(budget)) is not None and not meets(measure(types_of)):
            budget = floor + (budget - floor) * _TIGHTER if budget - floor > 1e-3 * floor else floor
        fitting = [point for point in measured.values() if meets(point)]
        if not fitting:
            closest = max(measured.values(), key=lambda point: point.sqnr_db)
            limiting = max(zip(names, options, strict=True), key=lambda pair: pair[1][0][1])[0] if names else ""
            wanted = f"a metric of {min_metric}" if metric else f"{min_sqnr} dB"
            raise Error("MN-NUM-BUDGET", f"no assignment reaches {wanted} on the held-out samples: the best that was found reaches {closest.sqnr_db:.2f}", [Item(limiting, "adds most noise in its best type", remedy="allow a wider type in `types` or as `default`")])
        best = min(fitting, key=lambda point: (point.cost, -point.sqnr_db))
    ordered = sorted(measured.values(), key=lambda point: (-point.sqnr_db, point.cost))
    front = []
    for point in ordered:
        if not front or point.cost < front[-1].cost:
            front.append(point)
    return Search(best, front, objective)
