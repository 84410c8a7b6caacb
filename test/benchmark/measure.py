"""What is measured of a model, and the goals."""
import torch

from command import compile_model, run_program
from reference import Reference, cosine, error_over_range, first_output, sqnr_db

MARGIN_DB = 1.5
# Models whose figures have goals: seconds of compilation from .pt2 and of the compiler proper; time over the bound; simulation over PyTorch.
COMPILE_SECONDS = {"minilm": (8.0, 2.5), "bert": (15.0, 5.0), "gpt2": (15.0, 5.0), "gpt2-512": (15.0, 5.0)}
TIME_OVER_BOUND = {"bert": 2.5, "gpt2": 2.5, "gpt2-512": 2.5}
SIMULATE_OVER_PYTORCH = {"bert": 4.0}
TRANSPOSE_SHARE = {"bert": 0.10}
GROWTH = [("minilm-batch8", "minilm"), ("gpt2-512", "gpt2")]
CASTS = {"fp32": ["--auto-cast", "none"], "matmult": ["--auto-cast", "matmult"], "bf16": ["--auto-cast", "all", "--auto-cast-type", "bf16"]}


class Measure:
    """Measures models into a table; figures of the compilation are kept for the growth rows."""

    def __init__(self, table, folder, target, repeat):
        self.table, self.folder, self.target, self.repeat = table, folder, target, repeat
        self.instructions = {}

    def model(self, name, module, inputs):
        """All rows of one model."""
        reference = Reference(name, module, inputs, self.folder)
        self.full_precision(reference)
        self.low_precision(reference, "bf16", reference.bf16)
        self.low_precision(reference, "matmult", reference.matmult)

    def compile(self, reference, cast, label):
        """Compiles (several times where the seconds have a goal) and adds the rows of the host."""
        program = self.folder / f"{label}.mnx"
        goals = COMPILE_SECONDS.get(reference.name, (None, None))
        runs = [compile_model(reference.exported, program, ["--target", self.target, *CASTS[cast]]) for _ in range(self.repeat if goals[0] else 1)]
        reports = [report["compile"] for _, report in runs]
        self.instructions[label] = reports[0]["instructions"]
        self.table.add(label, "compile_seconds", [seconds for seconds, _ in runs], "s", goals[0])
        self.table.add(label, "compiler_seconds", [report["seconds"] - report["import_seconds"] for report in reports], "s", goals[1])
        self.table.add(label, "compile_peak_rss_bytes", [report["peak_rss_bytes"] for report in reports], "bytes", 2 * reference.weight_bytes + 2**30)
        self.table.add(label, "instructions", self.instructions[label], "instructions")
        return program

    def simulated(self, reference, label, report, time_goal=None):
        """Rows of the chip model."""
        simulated = report["simulated"]
        pe = simulated["engines"]["pe"]
        self.table.add(label, "simulated_time_ns", simulated["time_ns"], "ns")
        self.table.add(label, "simulated_time_over_bound", simulated["time_ns"] / simulated["bound_ns"], "ratio", time_goal)
        if pe["busy_ns"]:
            self.table.add(label, "transpose_share_of_pe_busy", pe.get("transpose_ns", 0) / pe["busy_ns"], "ratio", TRANSPOSE_SHARE.get(reference.name))

    def full_precision(self, reference):
        """fp32: accuracy, and simulation against PyTorch in alternating pairs."""
        label = reference.name
        program, outputs = self.compile(reference, "fp32", label), self.folder / f"{label}.out.npz"
        ratios = []
        for _ in range(self.repeat):
            seconds = reference.forward_seconds()
            report = run_program(program, reference.arguments, outputs)
            ratios.append(report["host"]["simulate_seconds"] / seconds)
        value = first_output(outputs)
        self.table.add(label, "max_error_over_range", error_over_range(value, reference.exact), "ratio", 2e-5)
        self.table.add(label, "cosine", cosine(value, reference.exact), "ratio", 0.99999, "higher")
        self.table.add(label, "simulate_over_pytorch", ratios, "ratio", SIMULATE_OVER_PYTORCH.get(label))
        self.simulated(reference, label, report)

    def low_precision(self, reference, cast, pytorch):
        """bf16, everywhere or in matrix products only: noise against PyTorch's own low precision."""
        label = f"{reference.name}-{cast}"
        program, outputs = self.compile(reference, cast, label), self.folder / f"{label}.out.npz"
        report = run_program(program, reference.arguments, outputs)
        value, theirs = first_output(outputs), sqnr_db(pytorch, reference.exact)
        self.table.add(label, "sqnr_db", sqnr_db(value, reference.exact), "dB", theirs - MARGIN_DB, "higher")
        self.table.add(label, "sqnr_db_pytorch_low_precision", theirs, "dB", better="higher")
        self.table.add(label, "cosine", cosine(value, reference.exact), "ratio", better="higher")
        self.simulated(reference, label, report, TIME_OVER_BOUND.get(reference.name) if cast == "bf16" and self.target == "mt1" else None)

    def growth(self):
        """Instructions of a larger model over those of a smaller one: loops must stay rolled."""
        for large, small in GROWTH:
            for suffix in ("", "-bf16"):
                if large + suffix in self.instructions and small + suffix in self.instructions:
                    ratio = self.instructions[large + suffix] / self.instructions[small + suffix]
                    self.table.add(large + suffix, "instructions_over_" + small, ratio, "ratio", 1.5)

    def matmul(self, size=4096):
        """One bf16 matrix product: how much of the PE array's peak the program reaches."""

        class Product(torch.nn.Module):
            def forward(self, left, right):
                return left @ right

        name = f"matmul-{size}-bf16"
        exported, program = self.folder / f"{name}.pt2", self.folder / f"{name}.mnx"
        operands = tuple(torch.zeros(size, size, dtype=torch.bfloat16) for _ in range(2))  # one tensor twice would be exported as one input
        torch.export.save(torch.export.export(Product(), operands), exported)
        compile_model(exported, program, ["--target", self.target])
        simulated = run_program(program, 1)["simulated"]
        self.table.add(name, "pe_share_of_peak", simulated["bound"]["pe_ns"] / simulated["time_ns"], "ratio", 0.75, "higher")
