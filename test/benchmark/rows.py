"""The rows of a benchmark: collected, shown as a table, written as JSON (schema 1)."""
import json
import os
import platform
import statistics
from dataclasses import asdict, dataclass, field


@dataclass
class Row:
    """One figure; `goal` None means that it is only told. `value` is the median of `samples` where there are several."""
    name: str
    measure: str
    value: float
    unit: str
    goal: float | None = None
    better: str = "lower"
    samples: list = field(default_factory=list)

    def holds(self):
        """Whether the goal is met; None without a goal."""
        if self.goal is None:
            return None
        return self.value <= self.goal if self.better == "lower" else self.value >= self.goal


class Table:
    """Rows in the order in which they were measured; each is shown as soon as it is known."""

    def __init__(self):
        self.rows = []

    def add(self, name, measure, samples, unit, goal=None, better="lower"):
        """Add one row; `samples` is a number or a list, of which the median is the value."""
        samples = [float(sample) for sample in (samples if isinstance(samples, list) else [samples])]
        row = Row(name, measure, statistics.median(samples), unit, goal, better, samples)
        self.rows.append(row)
        if len(self.rows) == 1:
            print(f"{'':4} {'name':26} {'measure':30} {'value':>12} {'goal':>12}  unit")
        state = {None: "", True: "ok", False: "MISS"}[row.holds()]
        goal_text = "" if goal is None else ("<= " if better == "lower" else ">= ") + f"{goal:.6g}"
        print(f"{state:4} {name:26} {measure:30} {row.value:12.5g} {goal_text:>12}  {unit}", flush=True)

    def write(self, path):
        """Write the JSON file; complete or not at all."""
        document = {"schema": 1, "machine": machine(), "rows": [asdict(row) for row in self.rows]}
        with open(path + ".new", "w") as file:
            json.dump(document, file, indent=1)
            file.write("\n")
        os.replace(path + ".new", path)

    def summary(self):
        """A line that counts the goals met."""
        judged = [row.holds() for row in self.rows if row.goal is not None]
        return f"{len(self.rows)} rows; {sum(judged)} of {len(judged)} goals met"


def machine():
    """What figures of the host depend on."""
    import torch
    model = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.machine())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {"cpu": model, "cores": len(os.sched_getaffinity(0)), "memory_bytes": memory, "system": platform.system() + " " + platform.release(), "torch": torch.__version__}
