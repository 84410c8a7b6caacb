"""Programs of one model under many precision tables: compiled, simulated to the bit and held against the model on the host, several at a time, with what was measured kept on disk."""

from __future__ import annotations

import hashlib
import json
import math
import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import torch
import torch.utils._pytree as pytree

from .calibration import LARGEST
from ..native import errors, module
from ..program import Program

# Programs that are compiled and simulated at one time: each holds the model's parameters.
_JOBS = 4


@dataclass
class Measured:
    """One table on some samples."""

    costs: dict = field(default_factory=dict)
    """Simulated, of one execution: "latency" in nanoseconds, "energy" in nanojoules, "memory" in bytes of device memory."""
    sums: dict = field(default_factory=dict)
    """By sample, for each floating-point output over its elements: (difference from the exact ones)^2, outputs x exact ones, outputs^2, (exact ones)^2."""
    outputs: dict = field(default_factory=dict)
    """By sample, where they were asked for."""

    def totals(self, samples) -> list:
        """For each output the four sums over these samples."""
        return [[sum(column) for column in zip(*output, strict=True)] for output in zip(*(self.sums[sample] for sample in samples), strict=True)]

    def noise(self, samples) -> list:
        """For each output, power of the noise over that of the signal; infinite where outputs are not finite."""
        return [noise / signal if signal > 0 and math.isfinite(noise) else math.inf if noise != 0 else 0.0 for noise, _, _, signal in self.totals(samples)]

    def sqnr_db(self, samples) -> float:
        """Signal to noise of the worst output."""
        noise = max(self.noise(samples), default=0.0)
        return -10 * math.log10(noise) if noise > 0 else math.inf

    def cosine(self, samples) -> float:
        """Of the worst output."""
        one = lambda noise, product, own, exact: product / math.sqrt(own * exact) if own > 0 and exact > 0 and math.isfinite(noise) else float(noise == 0)  # noqa: E731
        return min((one(*sums) for sums in self.totals(samples)), default=1.0)


def floats(result) -> list:
    """The floating-point tensors of a model's result, in order."""
    return [tensor for tensor in pytree.tree_leaves(result) if isinstance(tensor, torch.Tensor) and tensor.is_floating_point()]


def _hash_file(path: str) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Bench:
    """Compiles a model under precision tables and measures the programs. The model is imported once.

    exported: a torch.export.ExportedProgram. samples: tuples of arguments. cache: a folder in which measurements are kept: by compiler, model, chip, table and sample, so that one of another model is never taken for this one's."""

    def __init__(self, exported, samples: list, *, target="mt1", default="bf16", scaling="tensor", scales=None, cache=None):
        from ..api import import_model

        self.samples, self.target, self.default, self.scaling, self.scales = samples, os.fspath(target), default, scaling, scales or {}
        self.jobs = max(1, min(_JOBS, os.cpu_count() or 1))
        self._folder = tempfile.TemporaryDirectory(prefix="manaslu-")
        self._graph, self._weights, self._structure = import_model(exported, self._folder.name)
        with torch.no_grad():
            model = exported.module()
            self.exact = [floats(model(*sample)) for sample in samples]
        self.cache = os.fspath(cache) if cache else None
        if self.cache:
            os.makedirs(self.cache, exist_ok=True)
            chip = _hash_file(self.target) if os.path.isfile(self.target) else self.target
            self._identity = [_hash_file(module().__file__), _hash_file(self._graph), _hash_file(self._weights), chip]
            self._sample_keys = [self._key(sample) for sample in samples]

    def table(self, types: dict) -> dict:
        """The precision table that gives products, by name, these types."""
        rules = [{"match": name, "compute": kind, **({"scaling": self.scaling} if kind in LARGEST else {})} for name, kind in types.items() if kind != self.default]
        scaled = {name: self.scales[name] for name, kind in types.items() if kind in LARGEST and name in self.scales and self.scaling != "none"}
        return {"schema": 1, "default": self.default, "rules": rules, **({"scales": scaled} if scaled else {})}

    def compile(self, types: dict) -> Program:
        """The program of an assignment of types, with one thread: others are compiled beside it."""
        place = tempfile.TemporaryDirectory(prefix="program-", dir=self._folder.name)
        table, output = os.path.join(place.name, "table.json"), os.path.join(place.name, "program.mnx")
        with open(table, "w", encoding="utf-8") as file:
            json.dump(self.table(types), file)
        with errors() as native:
            _, report = native.compile(self._graph, self._weights, {"target": self.target, "precision": table, "output": output, "threads": 1, "strip": True, "trusted": True})
        return Program(output, self._structure, keep=place, compiled=report)

    def measure(self, types: dict, samples, outputs: bool = False) -> Measured:
        """Compiles, and runs these samples (numbers of them). outputs: keeps what the program gives, which no cache holds."""
        known = self._read(types)
        missing = [sample for sample in samples if outputs or sample not in known.sums]
        if not missing and known.costs:
            return known
        program = self.compile(types)
        for sample in missing or [samples[0]]:
            program.reset_state()
            got = floats(program.run(*self.samples[sample], threads=1, clock=not known.costs))
            if not known.costs:
                report = program.report
                known.costs = {"latency": report["simulated"]["time_ns"], "energy": report["simulated"]["energy_nj"], "memory": report["memory"]["device_bytes"]}
            known.sums[sample] = self._sums(got, self.exact[sample])
            if outputs:
                known.outputs[sample] = got
        self._write(types, known)
        return known

    def measure_all(self, wanted: list, samples, outputs: bool = False, progress=None) -> list:
        """`measure` of each assignment, `jobs` at a time; the results' order is that of the assignments. progress: called with how many are done."""
        with ThreadPoolExecutor(self.jobs) as pool:
            futures = [pool.submit(self.measure, types, samples, outputs) for types in wanted]
            try:
                results = []
                for future in futures:
                    results.append(future.result())
                    if progress:
                        progress(len(results))
                return results
            finally:
                for future in futures:
                    future.cancel()  # of an error or an interruption: those that did not begin

    @staticmethod
    def _sums(got: list, exact: list) -> list:
        pairs = [(a.double().flatten(), b.double().flatten()) for a, b in zip(got, exact, strict=True)]
        return [[value.item() for value in (torch.where(a == b, 0, a - b).square().sum(), a @ b, a @ a, b @ b)] for a, b in pairs]

    @staticmethod
    def _key(value) -> str:
        """Of a table or of a sample."""
        digest = hashlib.sha256()
        for leaf in pytree.tree_leaves(value) if not isinstance(value, str) else [value]:
            tensor = isinstance(leaf, torch.Tensor)
            digest.update(f"{leaf.dtype}{list(leaf.shape)}".encode() if tensor else repr(leaf).encode())
            digest.update(leaf.contiguous().view(torch.uint8).numpy().tobytes() if tensor and leaf.dim() else repr(leaf).encode())
        return digest.hexdigest()

    def _place(self, types: dict) -> str:
        return os.path.join(self.cache, self._key(json.dumps([*self._identity, self.table(types)])) + ".json")

    def _read(self, types: dict) -> Measured:
        """What the cache knows of an assignment; of a file that cannot be read, nothing."""
        if not self.cache:
            return Measured()
        try:
            with open(self._place(types), encoding="utf-8") as file:
                kept = json.load(file)
            return Measured(kept["costs"], {sample: kept["sums"][key] for sample, key in enumerate(self._sample_keys) if key in kept["sums"]})
        except (OSError, ValueError, KeyError, TypeError):
            return Measured()

    def _write(self, types: dict, measured: Measured) -> None:
        if not self.cache:
            return
        place = self._place(types)
        try:
            with open(place, encoding="utf-8") as file:
                sums = json.load(file)["sums"]  # of other samples
        except (OSError, ValueError, KeyError):
            sums = {}
        sums.update({self._sample_keys[sample]: values for sample, values in measured.sums.items()})
        with tempfile.NamedTemporaryFile("w", dir=self.cache, suffix=".part", delete=False, encoding="utf-8") as file:
            json.dump({"costs": measured.costs, "sums": sums}, file)
        os.replace(file.name, place)
