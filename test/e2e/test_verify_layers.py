"""Three-way accuracy (issue "Data types", part 6; docs/precision.md, "Precision or bug")."""

import json

import numpy
import pytest
import torch
from commands import command
from torch import nn

from manaslu import native
from manaslu.precision import layers
from manaslu.precision.emulation import Types, cast
from manaslu.reference import read

ATTENTION = {"default": "bf16", "rules": [{"match": "first.linear", "compute": "fp8_e4m3", "scaling": "row"}, {"match": "second.linear", "compute": "fp8_e4m3", "scaling": "block32", "powers_of_two": True}, {"match": "*softmax", "compute": "fp32"}]}


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm, self.first, self.second, self.patches = nn.LayerNorm(64), nn.Linear(64, 192), nn.Linear(64, 64), nn.Conv1d(64, 64, 3, padding=1)

    def forward(self, x):
        q, k, v = self.first(self.norm(x)).unflatten(-1, (3, 4, 16)).permute(2, 0, 3, 1, 4)
        x = x + self.second(nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).flatten(2))
        return torch.softmax(self.patches(x.transpose(1, 2)), -1), x @ x.transpose(1, 2)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    torch.manual_seed(3)
    folder, x = tmp_path_factory.mktemp("verify"), torch.randn(2, 24, 64)
    torch.export.save(torch.export.export(Model().eval(), (x,)), folder / "model.pt2")
    numpy.savez(folder / "in.npz", x=x.numpy())
    (folder / "table.json").write_text(json.dumps(ATTENTION))
    return folder


@pytest.mark.parametrize("flags", [["--auto-cast", "all"], ["--auto-cast", "matmult"], ["--auto-cast", "all", "--auto-cast-type", "tf32"], ["--auto-cast", "matmult", "--auto-cast-type", "fp8_e4m3"], ["--precision"]])
def test_the_types_explain_the_error(files, tmp_path, flags):
    """`verify` shows fp32 / the same types on CPU PyTorch / chip, per output and per operator: the chip is about as far from fp32 as its types are, and the binary is its tile program's to the bit."""
    flags = flags + [files / "table.json"] if flags == ["--precision"] else flags
    command("manaslu-cc", "compile", files / "model.pt2", *flags, "--target", "mt2", "-o", tmp_path / "p.mnx")
    loose = ["--min-sqnr", 0, "--min-cosine", 0.5, "--max-error-over-range", 1]
    done = command("manaslu-cc", "verify", tmp_path / "p.mnx", "--against", files / "model.pt2", "--inputs", files / "in.npz", "--per-layer", "--report", tmp_path / "r.json", *loose)
    assert "PyTorch in the same types" in done.stdout and "0 differ between the binary and the tile program; 0 are noisier than their types explain" in done.stdout
    verify = json.loads((tmp_path / "r.json").read_text())["verify"]
    for output in verify["outputs"]:
        assert output["sqnr_db"] == pytest.approx(output["pytorch_same_types"]["sqnr_db"], abs=3)
    operators = {layer["operator"] for layer in verify["layers"]}
    assert {"first.linear.default", "second.linear.default", "norm.layer_norm.default", "softmax.int", "scaled_dot_product_attention.default"} <= operators
    shown = [layer["chip_db"] for layer in verify["layers"] if layer["chip_db"] is not None]
    assert shown == sorted(shown)


def test_fp32_has_nothing_to_explain(files, tmp_path):
    command("manaslu-cc", "compile", files / "model.pt2", "-o", tmp_path / "p.mnx")
    done = command("manaslu-cc", "verify", tmp_path / "p.mnx", "--against", files / "model.pt2", "--inputs", files / "in.npz", "--per-layer")
    assert "PyTorch in the same types" not in done.stdout and "; 0 are noisier" in done.stdout


def test_what_the_types_do_not_explain_is_pointed_at(files, monkeypatch):
    """A chip that computes in fewer bits than it says."""
    exported, inputs = read(str(files / "model.pt2")), [numpy.load(files / "in.npz")["x"]]
    monkeypatch.setattr(layers, "Types", lambda table: Types({**ATTENTION, "rules": []}))
    found = {layer.operator: layer.verdict for layer in layers.compare(exported, inputs, ATTENTION, "mt2")}
    assert found["first.linear.default"] == "noisier" and found["norm.layer_norm.default"] == ""


def test_a_difference_from_the_oracle_is_a_bug(files, monkeypatch):
    """A layer whose chip bits differ from the numeric oracle at the same types is a bug and named as such."""
    exported, inputs, real = read(str(files / "model.pt2")), [numpy.load(files / "in.npz")["x"]], native.module()

    class Broken:
        Error = real.Error

        class Program(real.Program):
            def run(self, inputs, check_levels=False, **options):
                if check_levels:
                    wrong = next(name for name in super().run(inputs, **options) if name.startswith("layer_norm"))
                    raise real.Error("MN-RUN-LEVELS", "", [{"code": "MN-RUN-LEVELS", "message": "3 of 9 elements differ", "where": f"output {wrong}"}])
                return super().run(inputs, **options)

        compile = staticmethod(real.compile)

    monkeypatch.setattr(native, "module", lambda: Broken)
    table = layers.compare(exported, inputs, ATTENTION, "mt2")
    assert [layer.operator for layer in table if layer.verdict == "BUG"] == ["norm.layer_norm.default"] and table[0].verdict == "BUG"
    assert "1 differ between the binary and the tile program (a bug: please report it)" in layers.text(table)


@pytest.mark.parametrize("kind, dtype", [("fp8_e4m3", torch.float8_e4m3fn), ("fp8_e5m2", torch.float8_e5m2), ("bf16", torch.bfloat16), ("fp16", torch.float16)])
def test_emulated_casts(kind, dtype):
    """docs/Numerics.md: nearest even; PyTorch's own casts agree where they do not overflow. All magnitudes, ties among them."""
    x = torch.arange(0, 0x7F80, dtype=torch.int32).bitwise_left_shift(16).view(torch.float32)
    x = torch.cat([x, x * (1 + 2.0**-4), x * (1 + 2.0**-9)])
    x = torch.cat([x, -x])
    largest = torch.finfo(dtype).max
    x = x[x.abs() <= largest]
    assert torch.equal(cast(x, kind), x.to(dtype).float())
    if kind.startswith("fp8"):
        assert cast(torch.tensor([1e9, -torch.inf]), kind).tolist() == [largest, -largest]


def test_emulated_tf32():
    x = torch.tensor([1 + 2.0**-11, 1 + 3 * 2.0**-11, 1 + 2.0**-10, torch.inf])
    assert cast(x, "tf32").tolist() == [1, 1 + 2.0**-9, 1 + 2.0**-10, torch.inf]


def test_bad_use(files, tmp_path):
    (tmp_path / "m.mlir").write_text("")
    command("manaslu-cc", "compile", files / "model.pt2", "-o", tmp_path / "p.mnx")
    assert "MN-USE-002" in command("manaslu-cc", "verify", tmp_path / "p.mnx", "--against", tmp_path / "m.mlir", "--per-layer", status=2).stderr
