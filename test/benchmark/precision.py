"""What types of operators gain and cost: rows of issue "Data types" that compile and simulate single programs. Figures of the chip are simulated."""
import json
import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
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


class Precision:
    """Measures into a table."""

    def __init__(self, table, folder, options):
        self.table, self.folder, self.filter = table, folder, options.filter

    def run(self):
        """All rows; returns the reasons of those that are missing."""
        failures = []
        jobs = {"minilm": self.minilm, "bert": self.bert, "energy": self.energy}
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
