"""A compiled model: a torch.nn.Module that runs on the simulator."""

from __future__ import annotations

import json
import os
import shutil

import torch
import torch.utils._pytree as pytree

from .frontend.diagnostics import Error
from .native import errors


class Report(dict):
    """The report of interfaces.md; prints as a short text."""

    def __str__(self) -> str:
        lines = []

        def add(label: str, value, unit: str = "") -> None:
            if value is not None:
                lines.append(f"{label:<12}: {value}{unit}")

        simulated, memory, host = (self.get(key) or {} for key in ("simulated", "memory", "host"))
        add("chip", self.get("chip"))
        add("precision", ", ".join(f"{count} {kind}" for kind, count in (self.get("precision") or {}).items()) or None)
        if "time_ns" in simulated:
            over = simulated["time_ns"] / simulated["bound_ns"] if simulated.get("bound_ns") else 0
            add("simulated", f"{simulated['time_ns'] / 1e3:.1f} us, {over:.2f} times the bound ({simulated.get('bound_by')})")
            add("energy", f"{simulated.get('energy_nj', 0) / 1e3:.1f} uJ")
        add("on chip", memory.get("sbuf_peak_bytes_per_partition"), " bytes of SBUF a partition")
        add("host", f"{host['simulate_seconds']:.3f} s to simulate" if "simulate_seconds" in host else None)
        return "\n".join(lines)


class Structure:
    """How a model's arguments and results are nested: flat tensors on the chip's side, the model's own containers on the user's."""

    def __init__(self, in_spec=None, out_spec=None, inputs=None, outputs=None):
        """`inputs`: for each flat argument its input name or None for a constant; `outputs`: (name or None, constant) for each flat result."""
        self.in_spec, self.out_spec, self.inputs, self.outputs = in_spec, out_spec, inputs, outputs

    def flatten(self, args: tuple, kwargs: dict, names: list) -> dict:
        """Input name -> tensor."""
        if self.in_spec is None:
            return _by_name(args, kwargs, names)
        leaves, spec = pytree.tree_flatten((args, kwargs))
        if spec != self.in_spec:
            keys = list(self.in_spec.child(1).context or ())  # keywords in another order are the same call
            if set(keys) == set(kwargs):
                leaves, spec = pytree.tree_flatten((args, {key: kwargs[key] for key in keys}))
        if len(leaves) != len(self.inputs) or spec != self.in_spec:
            raise Error("MN-RUN-INPUT", f"the arguments are nested as {spec}; the model was compiled for {self.in_spec}")
        return {name: leaf for name, leaf in zip(self.inputs, leaves) if name is not None}

    def unflatten(self, results: dict):
        """The model's result from output name -> tensor."""
        if self.out_spec is None:
            values = list(results.values())
            return values[0] if len(values) == 1 else tuple(values)
        return pytree.tree_unflatten([constant if name is None else results[name] for name, constant in self.outputs], self.out_spec)


def _by_name(args: tuple, kwargs: dict, names: list) -> dict:
    unknown = [key for key in kwargs if key not in names]
    given = dict(zip(names, args)) | kwargs
    if unknown or len(args) > len(names) or len(given) != len(names) or len(args) + len(kwargs) != len(names):
        raise Error("MN-RUN-INPUT", f"the program takes the inputs {', '.join(names)}; given were {len(args)} by position and {', '.join(kwargs) or 'none'} by name")
    return given


class Program(torch.nn.Module):
    """A program for the chip. Calling it runs it once on the simulator; tensors are on the CPU, structure and types are the model's."""

    def __init__(self, path: str, structure: Structure | None = None, keep=None, compiled: str = "{}", lower=None):
        """Loads a `.mnx`. `keep` lives as long as the program (the folder of a file of its own); `compiled` is the report of its compilation as JSON;
        `lower` gives the text of a stage that the program does not hold."""
        super().__init__()
        self._path, self._structure, self._keep, self._lower = str(path), structure or Structure(), keep, lower
        self._compiled = json.loads(compiled)
        with errors() as native:
            self._native = native.Program(self._path)
        self._inputs = {entry["name"]: entry for entry in self._native.inputs}
        self._outputs = {entry["name"]: entry for entry in self._native.outputs}
        super().train(False)

    def forward(self, *args, **kwargs):
        return self.run(*args, **kwargs)

    def run(self, *args, threads: int = 0, clock: bool = True, check_levels: bool = False, trace=None, **kwargs):
        """One execution. `clock`: simulate time and energy as well; `check_levels`: hold the binary against the tile program; `trace`: write the simulated timeline to
        this file (Perfetto)."""
        given = self._structure.flatten(args, kwargs, list(self._inputs))
        arrays = {name: self._to_array(name, value) for name, value in given.items()}
        with errors():
            results = self._native.run(arrays, threads=threads, clock=clock, check_levels=check_levels, trace=os.fspath(trace) if trace else "")
        return self._structure.unflatten({name: self._to_tensor(name, array) for name, array in results.items()})

    def _to_array(self, name: str, value):
        if not isinstance(value, torch.Tensor):
            raise Error("MN-RUN-INPUT", f"the input '{name}' is a {type(value).__name__}, not a tensor")
        entry = self._inputs.get(name)
        dtype = str(value.dtype).removeprefix("torch.")
        if entry is not None and (entry["dtype"] != dtype or tuple(entry["shape"]) != tuple(value.shape)):
            raise Error("MN-RUN-INPUT", f"the input '{name}' is {dtype}{list(value.shape)}; the program takes {entry['dtype']}{list(entry['shape'])}")
        value = value.detach().cpu().contiguous()
        return (value.view(torch.uint16) if value.dtype == torch.bfloat16 else value).numpy()

    def _to_tensor(self, name: str, array):
        tensor = torch.from_numpy(array)
        return tensor.view(torch.bfloat16) if self._outputs[name]["dtype"] == "bfloat16" else tensor

    @property
    def report(self) -> Report:
        """The report (interfaces.md): of the program, and of its last execution once there was one."""
        report = Report(json.loads(self._native.report()))
        report.setdefault("compile", {}).update(self._compiled.get("compile", {}))
        report.update({key: self._compiled[key] for key in ("products", "lossy_casts", "bytes") if key in self._compiled})
        return report

    def mlir(self, stage: str) -> str:
        """The program at a stage as MLIR text: "tile" or "isa", and "graph" or "linalg" of a model that was compiled in this process."""
        if stage in ("graph", "linalg") and self._lower:
            return self._lower(stage)
        with errors():
            return self._native.mlir(stage)

    def save(self, path) -> None:
        """Writes the program as a `.mnx` file."""
        part = f"{os.fspath(path)}.{os.getpid()}.part"
        try:
            shutil.copyfile(self._path, part)
            os.replace(part, path)
        except OSError as error:
            if os.path.exists(part):
                os.remove(part)
            raise Error("MN-IO-002", f"{path} cannot be written: {error.strerror}") from None

    def reset_state(self) -> None:
        """Puts the state (a cache, for example) back to its initial value; it is kept between calls otherwise."""
        self._native.reset_state()

    def train(self, mode: bool = True):
        if mode:
            raise Error("MN-USE-002", "a compiled program has no training mode")
        return super().train(False)

    def extra_repr(self) -> str:
        describe = lambda entries: ", ".join(f"{e['name']}: {e['dtype']}{list(e['shape'])}" for e in entries.values())  # noqa: E731
        return f"({describe(self._inputs)}) -> ({describe(self._outputs)})"
