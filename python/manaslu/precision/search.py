"""`manaslu.search_precision`: the cheapest types of a model's products within an error that the user states, measured on the chip's simulator."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from .. import progress
from .calibration import LARGEST, calibrate
from ..frontend.diagnostics import Error, Item
from .measuring import Bench

# Steps into which the error budget is divided: noise is rounded up to whole steps, so a choice may miss the best by one step for each product, never the budget.
_STEPS = 4096
# How much of the budget a choice may use after it missed the budget on samples that it was not chosen by.
_TIGHTER = 0.7
# Rounds of neighbours around so many of the best choices, how many of each are measured, and how much of the budget their predicted noise may be: costs do not quite add up, so the model only orders them.
_ROUNDS, _AROUND, _NEIGHBOURS, _SLACK = 4, 3, 12, 4.0
# The noise of a product whose outputs are not finite.
_OVERFLOWED = 1e100
# Halvings of the range of budgets in search of the least noise within a time.
_HALVINGS = 10

_UNITS = {"latency": ("ns", "us (simulated)"), "energy": ("nj", "uJ (simulated)"), "memory": ("bytes", "kB of device memory")}
"""Of each objective: the unit of its cost, and that of a thousand, which people read."""


@dataclass
class Point:
    """One assignment of types as measured on the samples that were held out: all figures of the chip are simulated."""

    types: dict
    """Product name to type."""
    table: dict
    """The precision table."""
    sqnr_db: float
    """Signal to noise of the worst output."""
    cosine: float
    """Of the worst output with the exact one."""
    cost: float
    """Of one execution: nanoseconds, nanojoules, or bytes of device memory."""
    metric: float | None = None
    """The user's own."""


@dataclass
class Search:
    """What a search found."""

    best: Point
    front: list = field(default_factory=list)
    """Points of which none is better than another in both figures, the most accurate first."""
    measured: list = field(default_factory=list)
    """Every point that was measured on the held-out samples; uniform types are among them."""
    products: dict = field(default_factory=dict)
    """Product name to type to (noise, cost) that the product alone adds in that type, above its least noisy type and above the default."""
    objective: str = "latency"
    target: str = "mt1"
    interrupted: bool = False
    """Stopped by the user (KeyboardInterrupt): the best of what was measured until then."""

    @property
    def table(self) -> dict:
        return self.best.table

    def __str__(self) -> str:
        _, unit = _UNITS[self.objective]
        lines = [f"{self.target}, {unit}", "", self.plot(), "", f"{'':2} {'SQNR dB':>8} {'cosine':>9} {unit:>20}  types"]
        for point in self.front:
            counts = {}
            for kind in point.types.values():
                counts[kind] = counts.get(kind, 0) + 1
            mark = "->" if point.types == self.best.types else ""
            lines.append(f"{mark:2} {point.sqnr_db:8.2f} {point.cosine:9.6f} {point.cost / 1e3:20.2f}  {', '.join(f'{n} {kind}' for kind, n in sorted(counts.items()))}")
        return "\n".join(lines)

    def plot(self, width: int = 64, height: int = 14) -> str:
        """The points as text: cost to the right, decibels upward; o on the front, * the best, . all others."""
        _, unit = _UNITS[self.objective]
        shown = [point for point in self.measured if math.isfinite(point.sqnr_db)]
        if not shown:
            return "(no point has a finite SQNR)"
        costs, decibels = [point.cost for point in shown], [point.sqnr_db for point in shown]
        place = lambda value, values, cells: round((value - min(values)) / ((max(values) - min(values)) or 1) * (cells - 1))  # noqa: E731
        grid = [[" "] * width for _ in range(height)]
        on_front = [id(point) for point in self.front]
        for point in sorted(shown, key=lambda point: (id(point) in on_front, point is self.best)):  # the best last: it is drawn over others
            mark = "*" if point is self.best else "o" if id(point) in on_front else "."
            grid[height - 1 - place(point.sqnr_db, decibels, height)][place(point.cost, costs, width)] = mark
        label = lambda row: {0: f"{max(decibels):.1f} dB", height - 1: f"{min(decibels):.1f} dB"}.get(row, "")  # noqa: E731
        lines = [f"{label(row):>9} |{''.join(cells).rstrip()}" for row, cells in enumerate(grid)]
        left, right = f"{min(costs) / 1e3:.2f}", f"{max(costs) / 1e3:.2f} {unit}"
        return "\n".join([*lines, " " * 10 + "+" + "-" * width, " " * 11 + left + " " * max(1, width - len(left) - len(right)) + right])

    def to_json(self) -> dict:
        """The front, for `--pareto`."""
        unit = _UNITS[self.objective][0]
        points = [{"sqnr_db": p.sqnr_db, "cosine": p.cosine, unit: p.cost, **({} if p.metric is None else {"metric": p.metric}), "best": p is self.best, "table": p.table} for p in self.front]
        return {"schema": 1, "chip": self.target, "objective": self.objective, "simulated": True, "interrupted": self.interrupted, "points": points}


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


def neighbours(types: dict, predicted: dict, budget: float, known) -> list:
    """Assignments that differ in one product or two, are not known yet and stay within a budget by the predicted noise: those of least predicted cost. predicted: by product and type (noise, cost)."""
    changes = [(name, kind) for name in types for kind in predicted[name] if kind != types[name]]
    noise = sum(predicted[name][kind][0] for name, kind in types.items())
    found = []
    for number, first in enumerate(changes):
        for second in [first, *(change for change in changes[number + 1 :] if change[0] != first[0])]:
            changed = dict([first, second])
            more = [sum(predicted[name][kind][part] - predicted[name][types[name]][part] for name, kind in changed.items()) for part in (0, 1)]
            assignment = {**types, **changed}
            if noise + more[0] <= budget and tuple(assignment.values()) not in known:
                found.append((more[1], len(changed), len(found), assignment))
    return [assignment for _, _, _, assignment in sorted(found, key=lambda entry: entry[:3])[:_NEIGHBOURS]]


@dataclass
class _Goal:
    """What the user asked for: one limit, and the noise that it allows as far as that is known."""

    min_sqnr: float | None
    min_cosine: float | None
    max_latency_ns: float | None
    metric: object
    min_metric: float | None

    def met(self, point: Point) -> bool:
        if self.max_latency_ns is not None:
            return point.cost <= self.max_latency_ns
        if self.metric:
            return point.metric >= self.min_metric
        return point.sqnr_db >= self.min_sqnr if self.min_cosine is None else point.cosine >= self.min_cosine

    @property
    def noise(self) -> float:
        """The noise over the signal that the limit allows; of a cosine that of noise at right angles to the signal."""
        return 10 ** (-self.min_sqnr / 10) if self.min_cosine is None else self.min_cosine**-2 - 1

    def __str__(self) -> str:
        if self.metric:
            return f"a metric of {self.min_metric}"
        return f"{self.min_sqnr} dB" if self.min_cosine is None else f"a cosine of {self.min_cosine}"

    def reached(self, point: Point) -> float:
        return point.metric if self.metric else point.sqnr_db if self.min_cosine is None else point.cosine


class _Searcher:
    """The steps of a search. Noise is relative to the signal, over the samples of `chosen_by`: of the base that of the worst output, of a product the most that it adds to any output, so that their sum is no less than the
    noise of any output as far as noise adds up. Points are measured on the samples that are held out."""

    def __init__(self, bench: Bench, goal: _Goal, types, objective: str, points: int):
        self.bench, self.goal, self.types, self.objective, self.points = bench, goal, types, objective, points
        everything = range(len(bench.samples))
        self.held_out, self.chosen_by = [i for i in everything if i % 4 == 1], [i for i in everything if i % 4 != 1]
        self.names = list(bench.compile({}).report["products"])
        self.base = dict.fromkeys(self.names, bench.default)
        self.measured = {}  # types of the products in order, to Point
        self.options = []  # by product: (type, noise above that of its least noisy type, cost above the default's), the least noisy first
        self.floor = 0.0  # noise with every product in its least noisy type

    def run(self) -> bool:
        """Whether it came to its end."""
        try:
            self.measure([self.base])
            self.sensitivities()
            self.measure(self.seeds())
            if self.goal.max_latency_ns is None:
                self.within_noise()
                self.refine()
            else:
                self.within_time()
            return True
        except KeyboardInterrupt:
            return False

    def measure(self, assignments: list, what: str = "measuring assignments") -> None:
        """Measures those that are not known."""
        wanted = list({tuple(types.values()): types for types in assignments if tuple(types.values()) not in self.measured}.values())
        metric = self.goal.metric
        for types, found in zip(wanted, self.bench.measure_all(wanted, self.held_out, outputs=bool(metric), progress=lambda done: progress.show(what, done, len(wanted))), strict=True):
            own = float(metric([found.outputs[i] for i in self.held_out], [self.bench.exact[i] for i in self.held_out])) if metric else None
            self.measured[tuple(types.values())] = Point(dict(types), self.bench.table(types), found.sqnr_db(self.held_out), found.cosine(self.held_out), found.costs[self.objective], own)

    def sensitivities(self) -> None:
        """What each product alone adds in each type to the noise and the cost of the model in the default type."""
        changes = [(name, kind) for name in self.names for kind in self.types if kind != self.bench.default]
        programs = [self.base, *({**self.base, name: kind} for name, kind in changes)]
        base, *changed = self.bench.measure_all(programs, self.chosen_by, progress=lambda done: progress.show("measuring products", done, len(programs)))
        before, own = base.noise(self.chosen_by), {}
        noise = max(before, default=0.0)
        for (name, kind), found in zip(changes, changed, strict=True):
            more = max((after - own_before for after, own_before in zip(found.noise(self.chosen_by), before, strict=True)), default=0.0)
            own[name, kind] = (kind, more if math.isfinite(more) else _OVERFLOWED, found.costs[self.objective] - base.costs[self.objective])
        if self.bench.default in self.types:
            own.update({(name, self.bench.default): (self.bench.default, 0.0, 0.0) for name in self.names})
        for name in self.names:
            entries = sorted((own[name, kind] for kind in self.types), key=lambda entry: entry[1])
            noise += entries[0][1]
            self.options.append([(kind, more - entries[0][1], cost) for kind, more, cost in entries])
        self.floor = max(noise, 0.0)

    def assignment(self, budget: float) -> dict | None:
        """The cheapest within a noise power, as far as noise and costs add up."""
        if not math.isfinite(budget - self.floor):
            return None  # the default type overflows
        picked = choose([[entry[1:] for entry in entries] for entries in self.options], budget - self.floor)
        return None if picked is None else {name: entries[index][0] for name, entries, index in zip(self.names, self.options, picked, strict=True)}

    def budgets(self) -> tuple:
        """The least noise power, and that of every product at its cheapest."""
        least = max(self.floor, 1e-12)
        cheapest = [min((entry for entry in entries if entry[1] < _OVERFLOWED / 2), key=lambda entry: entry[2])[1] for entries in self.options]
        return least, max(self.floor + sum(cheapest), 1.01 * least)

    def seeds(self) -> list:
        """Uniform types, the least noisy types, knapsacks over the range of budgets, and the products lowered one after the other in the order of their noise (the greedy order of Hailo, TPU-MLIR and others): where costs do not add
        up, it may be the better start."""
        least, loudest = self.budgets()
        shares = [i / (self.points - 1) for i in range(1, self.points)] if self.points > 1 else []
        narrowest = min(self.types, key=lambda kind: 1 if kind in LARGEST else 2 if kind in ("bf16", "fp16") else 4)
        noise = {name: next(more for kind, more, _ in entries if kind == narrowest) for name, entries in zip(self.names, self.options, strict=True)}
        order = sorted(self.names, key=noise.get)
        greedy = [{**self.base, **dict.fromkeys(order[:count], narrowest)} for count in range(1, len(order) + 1)]
        quietest = {name: entries[0][0] for name, entries in zip(self.names, self.options, strict=True)}
        return [quietest, *filter(None, (self.assignment(least * (loudest / least) ** share) for share in shares)), *(dict.fromkeys(self.names, kind) for kind in self.types), *greedy]

    def fitting(self) -> list:
        """Measured points that meet the goal, the best first."""
        best = (lambda point: (-self.goal.reached(point), point.cost)) if self.goal.max_latency_ns is not None else (lambda point: (point.cost, -point.sqnr_db))
        return sorted(filter(self.goal.met, self.measured.values()), key=best)

    def within_noise(self) -> None:
        """The knapsack at the budget, with a tighter one while the samples held out miss it."""
        budget = self.goal.noise
        while budget > self.floor and (types := self.assignment(budget)) is not None:
            self.measure([types])
            if self.goal.met(self.measured[tuple(types.values())]):
                return
            budget = self.floor + (budget - self.floor) * _TIGHTER if budget - self.floor > 1e-3 * self.floor else self.floor

    def refine(self) -> None:
        """Neighbours of the best, while they are better."""
        predicted = {name: {kind: (noise, cost) for kind, noise, cost in entries} for name, entries in zip(self.names, self.options, strict=True)}
        allowed = self.goal.noise * _SLACK - self.floor
        for round in range(_ROUNDS):
            around = self.fitting()[:_AROUND]
            candidates = [types for start in around for types in neighbours(start.types, predicted, allowed, self.measured)]
            self.measure(candidates, f"measuring neighbours, round {round + 1} of at most {_ROUNDS}")
            if not candidates or self.fitting()[0].cost >= around[0].cost:
                return

    def within_time(self) -> None:
        """Halves the range of budgets: more noise, less time."""
        least, loudest = (math.log(budget) for budget in self.budgets())
        for _ in range(_HALVINGS):
            middle = (least + loudest) / 2
            types = self.assignment(math.exp(middle))
            if types is not None:
                self.measure([types])
            if types is not None and self.goal.met(self.measured[tuple(types.values())]):
                loudest = middle
            else:
                least = middle

    def result(self, complete: bool) -> Search:
        fitting = self.fitting()
        if not fitting:
            raise self.missed(complete)
        front = []
        for point in sorted(self.measured.values(), key=lambda point: (-point.sqnr_db, point.cost)):
            if not front or point.cost < front[-1].cost:
                front.append(point)
        products = {name: {kind: (noise, cost) for kind, noise, cost in entries} for name, entries in zip(self.names, self.options, strict=False)}
        return Search(fitting[0], front, list(self.measured.values()), products, self.objective, self.bench.target, not complete)

    def missed(self, complete: bool) -> Error:
        until = "" if complete else " until the interruption"
        if self.goal.max_latency_ns is not None:
            fastest = min(self.measured.values(), key=lambda point: point.cost)
            text = f"no assignment takes at most {self.goal.max_latency_ns:.0f} ns: the fastest that was found{until} takes {fastest.cost:.0f} ns (simulated, {self.bench.target}) at {fastest.sqnr_db:.2f} dB"
            return Error("MN-NUM-BUDGET", text)
        closest = max(self.goal.reached(point) for point in self.measured.values())
        text = f"no assignment reaches {self.goal} on the held-out samples: the best that was found{until} reaches {closest:.{6 if self.goal.min_cosine else 2}f}"
        if not self.options:
            return Error("MN-NUM-BUDGET", text)
        # What a product adds in its least noisy type is not measured (nothing is exact to compare it with); what it adds in the next one tells which is sensitive.
        limiting = max(zip(self.names, self.options, strict=True), key=lambda pair: min((entry[1] for entry in pair[1][1:]), default=0.0))[0]
        return Error("MN-NUM-BUDGET", text, [Item(limiting, "is the product most sensitive to its type", remedy="allow a wider type in `types` or as `default`")])


def search_precision(model, batches, *, target="mt1", types=("fp32", "bf16", "fp8_e4m3"), default="bf16", scaling="tensor", min_sqnr=None, min_cosine=None, max_latency_ns=None, objective="latency",
                     metric=None, min_metric=None, points=8, cache=None) -> Search:  # fmt: skip
    """The types of a model's products (linear layers, convolutions, attention, matrix products) that cost least within an error, or err least within a time.

    model: a torch.nn.Module in evaluation mode or an ExportedProgram. batches: two or more tuples of arguments (or single tensors) of one shape; every fourth, at least one, is held out: the noise of each product is measured on
    the others, and what was chosen is verified on those held out. types: what a product may compute in; default: the type of all other operators and of values between them. scaling: of 8-bit operands, with scales
    of activations by `calibrate`. One limit: min_sqnr, decibels of the worst output over its noise; min_cosine, of the worst output; or max_latency_ns, simulated nanoseconds. objective: latency, energy or memory.
    metric(outputs, exact): a number, larger is better, of lists (by sample) of lists (by output) of tensors; with min_metric it decides instead of min_sqnr, which then only guides. points: how many budgets
    the front is drawn with. cache: a folder that keeps measurements (not those of a metric), so that a search that was interrupted or asked for another limit need not repeat them.

    Each product is changed alone in a program that is compiled and simulated bit for bit, so that casts at borders and the schedule count. Noise is taken to add up (independent errors: TPU-MLIR, HAWQ-V3 and others do
    the same); the choice is a multiple-choice knapsack (`choose`). A choice that misses the budget on the held-out samples is made again with a tighter one; neighbours of the best are measured as well. Deterministic, at any
    number of processors. KeyboardInterrupt ends it early with the best of what was measured.
    Raises manaslu.Error MN-NUM-BUDGET when no assignment meets the budget, with the best that can be reached and the product that limits it."""
    from ..api import export_model

    limits = sum(limit is not None for limit in (min_sqnr, min_cosine, max_latency_ns))
    if limits != 1 or objective not in _UNITS or (metric is None) != (min_metric is None) or (max_latency_ns is not None and (objective != "latency" or metric)):
        raise Error("MN-USE-002", "give one of min_sqnr, min_cosine and max_latency_ns, an objective of latency, energy or memory (latency beside max_latency_ns), and metric together with min_metric, not with max_latency_ns")
    if min_cosine is not None and not 0 < min_cosine < 1:
        raise Error("MN-USE-002", f"min_cosine is between 0 and 1, not {min_cosine}")
    batches = [tuple(batch) if isinstance(batch, (tuple, list)) else (batch,) for batch in batches]
    if len(batches) < 2:
        raise Error("MN-NUM-CALIBRATION", f"{len(batches)} sample; a search needs two, one of which is held out")
    exported = export_model(model, batches[0])
    scales = calibrate(exported, batches) if any(kind in LARGEST for kind in types) else {}
    bench = Bench(exported, batches, target=target, default=default, scaling=scaling, scales=scales, cache=cache)
    searcher = _Searcher(bench, _Goal(min_sqnr, min_cosine, max_latency_ns, metric, min_metric), types, objective, points)
    complete = searcher.run()
    return searcher.result(complete)
