"""Three-way accuracy (issue "Data types", part 6; docs/precision.md, "Precision or bug")."""

import json
import struct
from pathlib import Path

import numpy
import pytest
import torch
from commands import command
from torch import nn

from manaslu import native
from manaslu.precision import layers
from manaslu.precision.emulation import Types, cast
from manaslu.reference import compute, read

LOOSE = ["--min-sqnr", 0, "--min-cosine", 0.5, "--max-error-over-range", 1]

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


def checksum(data):
    """docs/ProgramFile.md: eight lanes over blocks of 64 bytes."""
    p, mask = 0x9E3779B97F4A7C15, 2**64 - 1
    lanes, words = [p * (2 * i + 1) & mask for i in range(8)], struct.iter_unpack("<Q", data + bytes(-len(data) % 64))
    for position, (word,) in enumerate(words):
        lane = (lanes[position % 8] ^ word) * p & mask
        lanes[position % 8] = lane ^ lane >> 32
    h = len(data) * p & mask
    for lane in lanes:
        h = ((h << 23 | h >> 41) & mask ^ lane) * p & mask
        h ^= h >> 29
    return h


def break_levels(path):
    """Makes a program disagree with its own tile program: where that says gelu it says silu from now on."""
    data = path.read_bytes()
    size = struct.unpack_from("<Q", data, 16)[0]
    header, tile = json.loads(data[64 : 64 + size]), data.index(b'func = "gelu"')
    broken = data.replace(b'func = "gelu"', b'func = "silu"')
    section = header["sections"][-1]
    assert section["id"] == "tile" and tile > len(data) - section["bytes"] - 64
    start = len(data) - (section["bytes"] + 63) // 64 * 64
    text = broken[64 : 64 + size].replace(section["checksum"].encode(), f"{checksum(broken[start : start + section['bytes']]):016x}".encode())
    path.write_bytes(broken[:32] + struct.pack("<Q", checksum(text)) + broken[40:64] + text + broken[64 + size :])


@pytest.fixture(scope="module")
def activated(tmp_path_factory):
    """Two layers, a GELU between them."""
    torch.manual_seed(5)
    folder, x = tmp_path_factory.mktemp("activated"), torch.randn(8, 32)
    return export(folder, nn.Sequential(nn.Linear(32, 32), nn.GELU(), nn.Linear(32, 32)), x)


def export(folder, model, *inputs):
    torch.export.save(torch.export.export(model.eval(), inputs), folder / "model.pt2")
    numpy.savez(folder / "in.npz", **{str(i): x.numpy() for i, x in enumerate(inputs)})
    return folder


def verified(folder, tmp_path, *flags, table=None, status=0):
    """The command, and what its report says about a program compiled with `flags`."""
    if table:
        (tmp_path / "table.json").write_text(json.dumps(table))
        flags = (*flags, "--precision", tmp_path / "table.json")
    command("manaslu-cc", "compile", folder / "model.pt2", *flags, "--target", "mt2", "-o", tmp_path / "p.mnx")
    return verify(folder, tmp_path, status)


def verify(folder, tmp_path, status=0):
    done = command("manaslu-cc", "verify", tmp_path / "p.mnx", "--against", folder / "model.pt2", "--inputs", folder / "in.npz", "--per-layer", "--report", tmp_path / "r.json", *LOOSE, status=status)
    return done, json.loads((tmp_path / "r.json").read_text())


@pytest.mark.parametrize("flags", [["--auto-cast", "all"], ["--auto-cast", "matmult"], ["--auto-cast", "all", "--auto-cast-type", "tf32"], ["--auto-cast", "matmult", "--auto-cast-type", "fp8_e4m3"], ["--precision"]])
def test_the_types_explain_the_error(files, tmp_path, flags):
    """`verify` shows fp32 / the same types on CPU PyTorch / chip, per output and per operator: the chip is about as far from fp32 as its types are, and the binary is its tile program's to the bit."""
    done, report = verified(files, tmp_path, *flags, *([files / "table.json"] if flags == ["--precision"] else []))
    assert "PyTorch in the same types" in done.stdout and "; differing from the tile programs: 0; noisier than their types explain: 0" in done.stdout
    verify = report["verify"]
    for output in verify["outputs"]:
        assert output["sqnr_db"] == pytest.approx(output["pytorch_same_types"]["sqnr_db"], abs=3)
    operators = {layer["operator"] for layer in verify["layers"]}
    assert {"first.linear", "second.linear", "attention", "patches.conv2d", "matmul", "norm.layer_norm.default", "softmax.int"} <= operators
    shown = [layer["chip_db"] for layer in verify["layers"] if layer["chip_db"] is not None]
    assert shown == sorted(shown)


def test_fp32_has_nothing_to_explain(files, tmp_path):
    command("manaslu-cc", "compile", files / "model.pt2", "-o", tmp_path / "p.mnx")
    done = command("manaslu-cc", "verify", tmp_path / "p.mnx", "--against", files / "model.pt2", "--inputs", files / "in.npz", "--per-layer")
    assert "PyTorch in the same types" not in done.stdout and "noisier than their types explain: 0" in done.stdout


def test_what_the_types_do_not_explain_is_pointed_at(files, tmp_path, monkeypatch):
    """docs/precision.md: `noisier` marks an operator that is 6 dB worse than that; `inherits` marks operators that read from a marked one. Here a chip that computes in fewer bits than it says."""
    command("manaslu-cc", "compile", files / "model.pt2", "--precision", files / "table.json", "--target", "mt2", "-o", tmp_path / "p.mnx")
    exported, inputs = read(str(files / "model.pt2")), [numpy.load(files / "in.npz")["x"]]
    monkeypatch.setattr(layers, "Types", lambda table: Types({**ATTENTION, "rules": []}))
    found = layers.compare(exported, inputs, ATTENTION, "mt2", str(tmp_path / "p.mnx"))
    verdicts = {layer.operator: layer.verdict for layer in found.layers}
    assert verdicts["first.linear"] == "noisier" and verdicts["norm.layer_norm.default"] == "" and verdicts["attention"] == "inherits"
    assert found.layers[0].operator == "first.linear" and found.bugs == []


def test_a_program_that_differs_from_its_oracle_is_a_bug(activated, tmp_path):
    """docs/precision.md: bits that differ from those of the interpreter of tile programs end with MN-RUN-LEVELS, whatever the tolerances; what was measured is shown."""
    _, report = verified(activated, tmp_path, "--auto-cast", "all")
    assert [layer["verdict"] for layer in report["verify"]["layers"]] == [""] * 3
    break_levels(tmp_path / "p.mnx")
    done, report = verify(activated, tmp_path, status=70)
    assert "error: MN-RUN-LEVELS: output" in done.stderr and "elements differ" in done.stderr
    assert "3 operators; differing from the tile programs: 1 (bugs: please report them)" in done.stdout and len(report["verify"]["layers"]) == 3


def test_the_operator_that_differs_from_the_oracle_is_named(activated, tmp_path, monkeypatch):
    """docs/precision.md: `BUG` marks the operator, first in the table; those that read from it inherit."""
    command("manaslu-cc", "compile", activated / "model.pt2", "--auto-cast", "all", "--target", "mt2", "-o", tmp_path / "p.mnx")
    exported, inputs, real = read(str(activated / "model.pt2")), [numpy.load(activated / "in.npz")["0"]], native.module()

    class Broken:
        Error, Program = real.Error, real.Program

        @staticmethod
        def compile(model, weights, options):
            real.compile(model, weights, options)
            break_levels(Path(options["output"]))

    monkeypatch.setattr(native, "module", lambda: Broken)
    found = layers.compare(exported, inputs, {"default": "bf16"}, "mt2", str(tmp_path / "p.mnx"))
    assert [(layer.operator, layer.verdict) for layer in found.layers] == [("1.gelu.default", "BUG"), ("2.linear", "inherits"), ("0.linear", "")]
    assert [bug["where"] for bug in found.bugs] == ["1.gelu.default"]


def test_a_difference_beside_the_operators_is_a_bug_as_well(activated, tmp_path, monkeypatch):
    """docs/precision.md: any difference ends the command with MN-RUN-LEVELS: one in a state, too, which is no operator's value."""
    command("manaslu-cc", "compile", activated / "model.pt2", "-o", tmp_path / "p.mnx")
    exported, inputs, given = read(str(activated / "model.pt2")), [numpy.load(activated / "in.npz")["0"]], layers._run
    monkeypatch.setattr(layers, "_run", lambda path, arrays: (given(path, arrays)[0], {} if path == str(tmp_path / "p.mnx") else {"state kept": "1 of 9 elements differ"}))
    found = layers.compare(exported, inputs, {}, "mt1", str(tmp_path / "p.mnx"))
    assert [bug["where"] for bug in found.bugs] == ["state kept (every operator a result)"] and {layer.verdict for layer in found.layers} == {""}


def test_a_stripped_program_is_measured_all_the_same(activated, tmp_path):
    done, _ = verified(activated, tmp_path, "--strip")
    assert "it was compiled with --strip" in done.stdout


def test_operators_are_measured_in_another_program(activated, tmp_path):
    """docs/precision.md: how far the outputs of the program that stores every value are from the program's is said, unless they are the same bits."""
    done, _ = verified(activated, tmp_path, "--auto-cast", "all")
    assert "its outputs are" in done.stdout
    torch.manual_seed(7)
    plain = export(tmp_path, nn.Linear(32, 32), torch.randn(4, 32))
    assert "its outputs are" not in verified(plain, tmp_path, "--auto-cast", "all")[0].stdout


class Renamed(nn.Module):
    def __init__(self):
        super().__init__()
        self.only = nn.Linear(32, 32)

    def forward(self, other_name):
        return self.only(other_name)


def test_inputs_are_matched_by_position(tmp_path):
    """A model whose arguments have other names than the program's inputs: verify compares them all the same."""
    torch.manual_seed(17)
    renamed = Renamed()
    verified(export(tmp_path, renamed.only, torch.randn(4, 32)), tmp_path)
    done, _ = verify(export(tmp_path, renamed, torch.randn(4, 32)), tmp_path)
    assert "only.linear" in done.stdout


class Masked(nn.Module):
    def forward(self, x):
        return torch.softmax((x @ x.transpose(0, 1)).masked_fill(~torch.ones(8, 8, dtype=torch.bool).tril(), -torch.inf), -1)


def test_infinities_of_masks_are_no_noise(tmp_path):
    """docs/precision.md: infinities that PyTorch has too are neither signal nor noise."""
    torch.manual_seed(9)
    _, report = verified(export(tmp_path, Masked(), torch.randn(8, 32)), tmp_path, "--auto-cast", "all")
    masked = next(layer for layer in report["verify"]["layers"] if layer["operator"].startswith("masked_fill"))
    assert masked["verdict"] == "" and 40 < masked["chip_db"] < 60


class Overflowing(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(32, 32), nn.Linear(32, 32)

    def forward(self, x):
        return self.second(torch.relu(self.first(x) * 1e6))


def test_overflow_is_told_from_noise(tmp_path):
    """docs/precision.md: `overflow` marks the operator whose values are beyond its type; those that read from it inherit."""
    torch.manual_seed(15)
    _, report = verified(export(tmp_path, Overflowing(), torch.randn(4, 32)), tmp_path, "--auto-cast", "all", "--auto-cast-type", "fp16", status=4)
    verdicts = {layer["operator"]: layer["verdict"] for layer in report["verify"]["layers"]}
    assert verdicts == {"first.linear": "", "mul.Tensor": "overflow", "relu.default": "inherits", "second.linear": "inherits"}


def test_decibels():
    """No noise is None, what is not finite is -inf, and noise without signal is finite."""
    one, zero = torch.ones(4), torch.zeros(4)
    assert layers._sqnr_db(one, one) is None and layers._sqnr_db(one, one * torch.inf) == -torch.inf
    assert layers._sqnr_db(one, one * 1.1) == pytest.approx(20, abs=0.01) and -4000 < layers._sqnr_db(zero, one) < -3000


class Cache(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("kept", 400 * torch.randn(8, 32))

    def forward(self, x):
        self.kept.copy_(self.kept * 0.5 + x)
        return self.kept + x


def test_states_are_emulated(tmp_path):
    """docs/precision.md: `state` is the type in which states are kept; here numbers above 448 saturate."""
    torch.manual_seed(11)
    _, report = verified(export(tmp_path, Cache(), torch.randn(8, 32)), tmp_path, table={"default": "fp32", "rules": [{"match": "kept", "state": "fp8_e4m3"}]})
    output = report["verify"]["outputs"][0]
    assert output["against_pytorch_same_types"]["max_error"] == 0 and output["pytorch_same_types"]["max_error"] > 100


def test_unscaled_8_bit_products_are_emulated_closely(tmp_path):
    """docs/precision.md: what a product leaves for other 8-bit products alone is rounded once. Through bf16 as well it would be 29 dB from the chip."""
    torch.manual_seed(13)
    chain = export(tmp_path, nn.Sequential(*[nn.Linear(64, 64) for _ in range(4)]), torch.randn(16, 64))
    _, report = verified(chain, tmp_path, "--auto-cast", "all", "--auto-cast-type", "fp8_e4m3")
    assert report["verify"]["outputs"][0]["against_pytorch_same_types"]["sqnr_db"] > 40


def test_an_operator_without_products_is_emulated_in_the_type_that_it_takes_and_gives(activated):
    """docs/precision.md: of other operators `compute` is the type that they take and give."""
    exported, x = read(str(activated / "model.pt2")), numpy.load(activated / "in.npz")["0"]
    stored, rounded = exported.state_dict, lambda value: value.to(torch.bfloat16).float()
    with torch.no_grad():
        hidden = rounded(nn.functional.gelu(rounded(nn.functional.linear(torch.from_numpy(x), stored["0.weight"], stored["0.bias"]))))
        wanted = nn.functional.linear(hidden, stored["2.weight"], stored["2.bias"])
    assert torch.equal(compute(exported, [x], {"default": "fp32", "rules": [{"match": "*gelu", "compute": "bf16"}]})[0], wanted)


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
