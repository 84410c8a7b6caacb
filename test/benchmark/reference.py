"""A model of test/e2e/models.py made ready for measuring: its .pt2, inputs and PyTorch's answers in three precisions; OpenVINO beside it."""
import copy
import importlib.util
import subprocess
import sys
import time
from pathlib import Path

import numpy
import torch

OPENVINO = "openvino==2026.4.1"
CATALOGUE = Path(__file__).resolve().parents[1] / "e2e" / "models.py"


def catalogue():
    """The table of models that the tests use."""
    spec = importlib.util.spec_from_file_location("manaslu_models", CATALOGUE)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclasses look their module up
    spec.loader.exec_module(module)
    return module


class Reference:
    """PyTorch's side of one model; files are in `folder`."""

    def __init__(self, name, model, inputs, folder):
        self.name, self.folder, self.model, self.inputs = name, folder, model.eval(), tuple(inputs)
        self.exported, self.arguments = folder / f"{name}.pt2", folder / f"{name}.npz"
        self.weight_bytes = sum({tensor.data_ptr(): tensor.nbytes for tensor in [*model.parameters(), *model.buffers()]}.values())
        with torch.no_grad():
            torch.export.save(torch.export.export(self.model, self.inputs, strict=False), self.exported)
            self.exact = self.answer(self.model, self.inputs)
            with torch.autocast("cpu", dtype=torch.bfloat16):
                self.matmult = self.answer(self.model, self.inputs)
            low = [tensor.bfloat16() if tensor.is_floating_point() else tensor for tensor in self.inputs]
            self.bf16 = self.answer(copy.deepcopy(self.model).bfloat16(), low)
        numpy.savez(self.arguments, **{str(index): tensor.numpy() for index, tensor in enumerate(self.inputs)})

    @staticmethod
    def answer(model, inputs):
        """The first output as float64."""
        result = model(*inputs)
        while not isinstance(result, torch.Tensor):
            result = next(iter(result.values())) if hasattr(result, "values") else result[0]
        return result.to(torch.float64).numpy()

    def forward_seconds(self):
        """One timed fp32 forward, after one that is not timed (the other side of a pair has used the caches)."""
        with torch.no_grad():
            self.model(*self.inputs)
            begun = time.perf_counter()
            self.model(*self.inputs)
            return time.perf_counter() - begun


def openvino():
    """The module `openvino`, installed beside the build when it is first asked for; RuntimeError when it cannot be had."""
    folder = Path(__file__).resolve().parents[2] / "build" / "benchmark" / OPENVINO
    if not (folder / "openvino").exists():
        # Without its dependencies: NumPy is there, and a second one would shadow it.
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--target", str(folder), OPENVINO]
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if done.returncode:
            raise RuntimeError(f"pip cannot install {OPENVINO}: {done.stderr.strip().splitlines()[-1:]}")
    if str(folder) not in sys.path:
        sys.path.append(str(folder))
    import openvino as module

    return module


def openvino_forward(reference, threads):
    """A function that runs the model once in OpenVINO, fp32, and gives the seconds; like Reference.forward_seconds."""
    runtime = openvino()
    exported = torch.export.load(reference.exported)
    settings = {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
    request = runtime.Core().compile_model(runtime.convert_model(exported), "CPU", settings).create_infer_request()
    arguments = [tensor.numpy() for tensor in reference.inputs]
    error = abs(request.infer(arguments)[0].astype(numpy.float64) - reference.exact).max()
    if not error <= 1e-2 * (reference.exact.max() - reference.exact.min()):
        raise RuntimeError(f"OpenVINO computes something else: it is off by {error:.3g}")

    def forward():
        request.infer(arguments)
        begun = time.perf_counter()
        request.infer(arguments)
        return time.perf_counter() - begun

    return forward


def first_output(path):
    """The first output of an .npz as float64."""
    with numpy.load(path) as outputs:
        return outputs[outputs.files[0]].astype(numpy.float64)


def error_over_range(value, exact):
    """The largest absolute error over the range of the exact answer."""
    return numpy.abs(value - exact).max() / (exact.max() - exact.min())


def cosine(value, exact):
    return (value * exact).sum() / (numpy.linalg.norm(value) * numpy.linalg.norm(exact))


def sqnr_db(value, exact):
    """Signal over noise in decibels."""
    return 20 * numpy.log10(numpy.linalg.norm(exact) / max(numpy.linalg.norm(exact - value), 1e-30))
