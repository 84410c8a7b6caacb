"""Modules of linalg on tensors that torch-mlir writes compile and match PyTorch and upstream's CPU JIT. Optional, because it installs torch-mlir: MANASLU_TORCH_MLIR=1."""

import os
import pathlib
import subprocess
import sys

import models
import numpy
import pytest

VERSION = "20261001"
ROOT = pathlib.Path(__file__).resolve().parents[2]
COMPILER = pathlib.Path(os.environ.get("MANASLU_BUILD", ROOT / "build" / "release")) / "bin" / "manaslu-cc"
EXPORT = """
import sys, models
from torch_mlir import fx
open(sys.argv[2], "w").write(str(fx.export_and_import(models.export(models.build(sys.argv[1])), output_type="linalg-on-tensors")))
"""

if not os.environ.get("MANASLU_TORCH_MLIR"):
    pytest.skip("set MANASLU_TORCH_MLIR=1 to install torch-mlir and run these", allow_module_level=True)


@pytest.fixture(scope="session")
def torch_mlir(tmp_path_factory):
    """A folder with the package, beside .venv's own PyTorch; MANASLU_TORCH_MLIR may name one that exists."""
    given = os.environ["MANASLU_TORCH_MLIR"]
    if os.path.isdir(given):
        return given
    folder = tmp_path_factory.mktemp("torch-mlir")
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", folder, f"torch-mlir=={VERSION}"], check=True)
    return folder


@pytest.mark.parametrize("name", ["resnet18", "vit"])
def test_compiles_and_matches(name, torch_mlir, tmp_path):
    environment = {**os.environ, "PYTHONPATH": f"{pathlib.Path(models.__file__).parent}{os.pathsep}{torch_mlir}"}
    subprocess.run([sys.executable, "-c", EXPORT, name, tmp_path / "model.mlir"], check=True, env=environment)

    def cc(*words):
        done = subprocess.run([COMPILER, *words], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    cc("compile", "model.mlir", "--report", "report.json")
    model = models.build(name)
    numpy.savez(tmp_path / "in.npz", **{str(i): value.numpy() for i, value in enumerate(model.arguments)})
    cc("run", "model.mnx", "--inputs", "in.npz", "--outputs", "out.npz", "--check-levels")
    expected = model.module(*model.arguments).detach().numpy().astype("f8")
    outputs = numpy.load(tmp_path / "out.npz")
    difference = numpy.abs(outputs[outputs.files[0]].astype("f8") - expected).max() / (expected.max() - expected.min())
    assert difference <= 2e-5, difference
    print(name, "largest difference over range", difference)
    print(cc("verify", "model.mnx", "--against", "model.mlir", "--inputs", "in.npz"))
