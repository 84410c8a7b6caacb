"""What types of operators gain and cost: rows of issue "Data types" that compile and simulate single programs. Figures of the chip are simulated."""
import itertools
import json
import shutil
import sys
import time
from pathlib import Path

import torch

import manaslu
from manaslu.precision.measuring import Bench

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
import accuracy
from command import Failed, call, compile_model, run_program
from perfetto import Timeline
from reference import Reference, catalogue, cosine, first_output, sqnr_db

BF16 = ["--auto-cast", "all", "--auto-cast-type", "bf16"]
FP8 = ["--auto-cast", "all", "--auto-cast-type", "fp8_e4m3"]
ROW_SCALES = {"schema": 1, "default": "bf16", "rules": [{"match": "*", "compute": "fp8_e4m3", "scaling": "row"}]}
SIZES = [512, 1024, 2048]


class Square(torch.nn.Module):
    def forward(self, a, b):
        return a @ b


class Chain(torch.nn.Module):
    """Six products of sizes that fp8 helps differently, the third on numbers of very different size."""

    def __init__(self):
        super().__init__()
        self.layers = torch.nn.ModuleList(torch.nn.Linear(a, b, bias=False) for a, b in ((256, 512), (512, 1024), (1024, 256), (256, 256), (256, 1024), (1024, 64)))

    def forward(self, x):
        for number, layer in enumerate(self.layers):
            x = layer(x * torch.exp2(torch.arange(x.shape[-1]) % 13 - 6.0) if number == 2 else x)
            x = torch.relu(x) if number % 2 == 0 else x
        return x


class Precision:
    """Measures into a table."""

    def __init__(self, table, folder, options):
        self.table, self.folder, self.filter = table, folder, options.filter

    def run(self):
        """All rows; returns the reasons of those that are missing."""
        failures = []
        jobs = {"minilm": self.minilm, "bert": self.bert, "energy": self.energy, "exhaustive": self.exhaustive, "search": self.searches, "digits": self.digits}
        for name, job in jobs.items():
            if self.filter not in name:
                continue
            try:
                job()
            except Failed as failure:
                failures.append(f"{name}: {failure}")
                print(f"FAILED {failures[-1]}", file=sys.stderr, flush=True)
            for file in self.folder.iterdir():
                file.unlink()
        return failures

    def simulate(self, reference, flags, target, label):
        """The report of an execution and the first output."""
        program, outputs = self.folder / f"{reference.name}-{label}.mnx", self.folder / f"{reference.name}-{label}.npz"
        compile_model(reference.exported, program, ["--target", target, *flags])
        return run_program(program, reference.arguments, outputs), first_output(outputs)

    def reference(self, name):
        model = catalogue().build(name)
        return Reference(name, model.module, model.arguments, self.folder)

    def minilm(self):
        reference, rows = self.reference("minilm"), self.folder / "rows.json"
        rows.write_text(json.dumps(ROW_SCALES))
        for label, flags, least in (("bf16", BF16, 0.9995), ("fp8 row scales", ["--precision", str(rows)], 0.99), ("fp8", FP8, None)):
            _, output = self.simulate(reference, flags, "mt2", label.replace(" ", "-"))
            self.table.add(f"minilm {label} (mt2)", "cosine", cosine(output, reference.exact), "1", least, "higher")

    def bert(self):
        reference = self.reference("bert")
        (bf16, _), (fp8, output) = self.simulate(reference, BF16, "mt2", "bf16"), self.simulate(reference, FP8, "mt2", "fp8")
        time = [report["simulated"]["time_ns"] for report in (fp8, bf16)]
        self.table.add("bert fp8 (mt2)", "simulated_time_over_bf16", time[0] / time[1], "ratio", 0.8)
        self.table.add("bert fp8 (mt2)", "sqnr_db", sqnr_db(output, reference.exact), "dB", 20, "higher")
        busy = [report["simulated"]["engines"]["pe"]["busy_ns"] for report in (fp8, bf16)]
        self.table.add("bert fp8 (mt2)", "pe_busy_over_bf16", busy[0] / busy[1], "ratio")  # with transposes, and sums across partitions in fp32
        products = [self.products(reference, label) for label in ("fp8", "bf16")]
        self.table.add("bert fp8 (mt2)", "pe_busy_of_products_over_bf16", products[0] / products[1], "ratio", 0.55)

    def products(self, reference, label):
        """Picoseconds of pe's time in matrix products of the model's own: linear layers, attention."""
        program, trace = self.folder / f"{reference.name}-{label}.mnx", self.folder / f"{label}.pftrace"
        call("run", program, "--no-values", "--trace", trace)
        compiled = json.loads(program.with_suffix(".compile.json").read_text())
        modules = {name.rsplit(".", 1)[0] for name in compiled["products"]}
        work = Timeline(trace).on("pe", "work")
        return sum(slice.notes["picoseconds"] for slice in work if slice.notes["instruction"] == "matmul" and slice.name in modules)

    def energy(self):
        """Square products of fp32 and of bf16 tensors: with static power, and without."""
        for size in SIZES:
            total, dynamic = {}, {}
            for type in (torch.float32, torch.bfloat16):
                exported, program = self.folder / "square.pt2", self.folder / "square.mnx"
                operands = tuple(torch.zeros(size, size, dtype=type) for _ in range(2))  # one tensor twice would be exported as one input
                torch.export.save(torch.export.export(Square(), operands), exported)
                compile_model(exported, program, ["--target", "mt1"])
                simulated = run_program(program, 1)["simulated"]
                total[type], dynamic[type] = simulated["energy_nj"], simulated["energy_nj"] - simulated["energy"]["static"]
            for measure, energy, goal in (("energy", total, 1 / 3 if size >= 1024 else None), ("dynamic_energy", dynamic, 1 / 3)):
                self.table.add(f"square-{size} (mt1)", f"{measure}_bf16_over_fp32", energy[torch.bfloat16] / energy[torch.float32], "ratio", goal)

    def exhaustive(self):
        """The search against all 729 assignments of 3 types to 6 products, for 20 budgets."""
        types, samples = ("fp32", "bf16", "fp8_e4m3"), []
        torch.manual_seed(0)
        model = Chain().eval()
        samples = [(torch.randn(64, 256),) for _ in range(4)]
        exported = torch.export.export(model, samples[0])
        bench = Bench(exported, samples, target="mt2", scales=manaslu.calibrate(exported, samples))
        names = list(bench.compile({}).report["products"])
        assignments = [dict(zip(names, chosen, strict=True)) for chosen in itertools.product(types, repeat=len(names))]
        every = [(found.sqnr_db([1]), found.costs["latency"]) for found in bench.measure_all(assignments, [1])]  # the search sees the same held-out sample
        quality = sorted(sqnr for sqnr, _ in every)
        budgets = [quality[len(quality) * (2 * step + 1) // 40] for step in range(20)]
        over, cache = [], self.folder / "cache"
        for budget in budgets:
            best = min(cost for sqnr, cost in every if sqnr >= budget)
            over.append(manaslu.search_precision(exported, samples, target="mt2", types=types, min_sqnr=budget, cache=cache).best.cost / best)
        shutil.rmtree(cache)
        self.table.add("6 products, 3 types (mt2)", "worst_search_over_best_of_729", max(over), "ratio", 1.02)

    def searches(self):
        """MiniLM on sentences and ViT-small on images, with 30 dB; BERT-base, how long it takes, and from its cache."""
        self.search("minilm", self.sentences())
        torch.manual_seed(0)
        self.search("vit", [(torch.randn(1, 3, 224, 224),) for _ in range(4)])
        model = catalogue().build("bert")
        samples = [tuple(argument.roll(shift, -1) if argument.is_floating_point() or argument.max() > 1 else argument for argument in model.arguments) for shift in range(8)]
        exported, cache = torch.export.export(model.module.eval(), samples[0], strict=False), self.folder / "cache"
        for label, goal in (("search_seconds", 900), ("search_from_cache_seconds", 60)):
            begun = time.perf_counter()
            manaslu.search_precision(exported, samples, target="mt2", types=("bf16", "fp8_e4m3"), scaling="none", min_sqnr=30, cache=cache)
            self.table.add("bert, 8 samples (mt2)", label, time.perf_counter() - begun, "s", goal)
        shutil.rmtree(cache)

    def digits(self):
        """Networks trained on digits: points of accuracy that the search's fp8 table loses."""
        for kind in ("mlp", "cnn"):
            example = (accuracy.digits()[2][:75],)
            exact, own = (accuracy.accuracy(accuracy.compiled(accuracy.digits_model(kind), example, precision)) for precision in ("fp32", accuracy.searched_digits(kind)))
            self.table.add(f"digits {kind}, searched fp8 (mt2)", "accuracy_lost", exact - own, "%", 0.5)

    def sentences(self):
        """Eight sentences for MiniLM."""
        batch = catalogue().build("minilm-batch8").arguments
        return [tuple(argument[i : i + 1].clone() for argument in batch) for i in range(8)]

    def search(self, name, samples):
        """The search beside uniform types, products alone in bf16, and products lowered one after the other in the order of their noise."""
        exported = torch.export.export(catalogue().build(name).module.eval(), samples[0], strict=False)
        found = manaslu.search_precision(exported, samples, target="mt2", types=("bf16", "fp8_e4m3"), scaling="none", min_sqnr=30)
        held_out = [number for number in range(len(samples)) if number % 4 == 1]
        names = list(found.products)
        uniform = {kind: next((point.sqnr_db, point.cost) for point in found.measured if set(point.types.values()) == {kind}) for kind in ("bf16", "fp8_e4m3")}
        products_alone = Bench(exported, samples, target="mt2", default="fp32").measure(dict.fromkeys(names, "bf16"), held_out)
        order = sorted(names, key=lambda product: found.products[product]["fp8_e4m3"][0])
        lowered = [{product: "fp8_e4m3" if place < count else "bf16" for place, product in enumerate(order)} for count in range(len(order) + 1)]
        greedy = [(one.sqnr_db(held_out), one.costs["latency"]) for one in Bench(exported, samples, target="mt2", scaling="none").measure_all(lowered, held_out)]
        others = {"uniform_types": list(uniform.values()), "products_alone": [(products_alone.sqnr_db(held_out), products_alone.costs["latency"])], "greedy_order": greedy}
        row = f"{name} search (mt2)"
        self.table.add(row, "sqnr_db", found.best.sqnr_db, "dB", 30, "higher")
        self.table.add(row, "simulated_time_over_bf16", found.best.cost / uniform["bf16"][1], "ratio", 0.9999)
        for other, points in others.items():
            # Beyond the accuracy and the speed of the front's ends there is nothing that it could offer.
            dominated = sum(any(sqnr >= point.sqnr_db and cost < point.cost or sqnr > point.sqnr_db and cost <= point.cost for sqnr, cost in points) for point in found.front)
            self.table.add(row, f"points_of_front_dominated_by_{other}", dominated, "1", 0)
        best = min((cost for sqnr, cost in greedy if sqnr >= 30), default=uniform["bf16"][1])
        self.table.add(row, "simulated_time_over_greedy_order", found.best.cost / best, "ratio", 1.0)
