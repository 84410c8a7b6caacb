"""Models through the whole compiler and the simulator, by manaslu.compile, against PyTorch (issue: models that must work)."""

import copy

import models
import pytest
import torch
from commands import command
from importing import Function, flat
from test_operators import CASES

import manaslu


def error_over_range(got, expected):
    return ((got.double() - expected.double()).abs().max() / (expected.double().max() - expected.double().min())).item()


def noise_ratio(got, expected):
    """SQNR in decibels."""
    return 20 * torch.log10(expected.double().norm() / (expected.double() - got.double()).norm()).item()


@pytest.mark.parametrize("chip", ["mt1", "mt2"])
@pytest.mark.parametrize("name", ["mlp", "cnn", *models.TINY])
def test_small_model_in_fp32(name, chip):
    """Max error <= 2e-5 of the range; the binary and the tile program give identical bits (--check-levels)."""
    model = models.build(name)
    program = manaslu.compile(models.export(model), target=chip)
    with torch.no_grad():
        expected = model.module(*model.arguments)
    got = program.run(*model.arguments, check_levels=True)
    assert error_over_range(got, expected) <= 2e-5 and got.dtype == expected.dtype


@pytest.mark.parametrize("chip", ["mt1", "mi1"])
@pytest.mark.parametrize("name", ["mlp", "cnn", "tiny-bert", "tiny-llama", "tiny-resnet"])
def test_small_model_in_bf16(name, chip):
    """`--auto-cast all` is within 1.5 dB of model.bfloat16(); tiny models are noisy, so 3 dB here."""
    model = models.build(name)
    program = manaslu.compile(models.export(model), target=chip, precision="bf16")
    with torch.no_grad():
        expected = model.module(*model.arguments)
        low = model.module.bfloat16()(*[a.bfloat16() if a.is_floating_point() else a for a in model.arguments]).float()
    got = program.run(*model.arguments, check_levels=True)
    assert noise_ratio(got, expected) >= noise_ratio(low, expected) - 3


def test_exported_file(tmp_path):
    """README: manaslu.compile takes a `.pt2` file; the importer's child process runs in the same Python (interfaces: Python)."""
    model = models.build("mlp")
    torch.export.save(models.export(model), tmp_path / "mlp.pt2")
    program = manaslu.compile(tmp_path / "mlp.pt2")
    with torch.no_grad():
        expected = model.module(*model.arguments)
    got = flat(program(*model.arguments))[0]
    assert error_over_range(got, expected) <= 2e-5 and program.report["compile"]["import_seconds"] > 0


def test_decode_steps():
    """A KV cache as a module buffer, updated in place, is kept between calls (issue part 7)."""
    model = models.CachedDecoder().eval()
    steps = [(torch.randn(1, 1, 32), torch.tensor([position])) for position in range(4)]
    program = manaslu.compile(model, steps[0])
    with torch.no_grad():
        expected = [model(*step) for step in steps]
    for _ in range(2):
        for step, wanted in zip(steps, expected):
            torch.testing.assert_close(program(*step), wanted, rtol=1e-4, atol=1e-5)
        program.reset_state()


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("heads, size, length", [(8, 64, 32), (4, 32, 300), (12, 64, 128), (6, 64, 40)])
def test_decode_steps_of_real_sizes(heads, size, length, precision):
    """One token: what softmax divides by lies once for each head and is needed for each of its channels, several heads on the partitions."""
    model = models.CachedDecoder(heads, size, length).eval()
    steps = [(torch.randn(1, 1, heads * size), torch.tensor([position])) for position in range(3)]
    program = manaslu.compile(model, steps[0], precision=precision)
    reference = copy.deepcopy(model)
    with torch.no_grad():
        for step in steps:
            assert error_over_range(program.run(*step, check_levels=True), reference(*step)) <= (2e-5 if precision == "fp32" else 0.03)


class Counter(torch.nn.Module):
    def __init__(self, dtype):
        super().__init__()
        self.register_buffer("sums", torch.arange(32).reshape(4, 8).to(dtype))
        self.register_buffer("steps", torch.tensor([5.0]))

    def forward(self, x):
        self.sums.add_(x)
        self.steps.add_(1)
        return self.sums * 2, self.steps + 0


@pytest.mark.parametrize("stage", ["", "graph", "tile", "isa"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_states_start_with_the_values_of_their_buffers(tmp_path, dtype, stage):
    """interfaces.md: state is kept between calls, and put back to its initial value; the program holds that, whatever stage it was written at."""
    model, x = Counter(dtype).eval(), torch.ones(4, 8, dtype=dtype)
    program = manaslu.compile(copy.deepcopy(model), (x,))
    if stage:
        torch.export.save(torch.export.export(copy.deepcopy(model), (x,)), tmp_path / "model.pt2")
        command("manaslu-cc", "compile", tmp_path / "model.pt2", "--compile-to", stage, "-o", tmp_path / "stage.mlir")
        command("manaslu-cc", "compile", tmp_path / "stage.mlir", "-o", tmp_path / "program.mnx")
        program = manaslu.load(tmp_path / "program.mnx")
    for _ in range(2):
        reference = copy.deepcopy(model)
        for _ in range(3):
            for got, wanted in zip(program.run(x, check_levels=stage != "isa"), reference(x), strict=True):
                assert torch.equal(got, wanted)
        program.reset_state()


def test_every_stage_as_text(tmp_path):
    """interfaces.md: `.mlir(stage)`. Of a loaded program only what the file holds."""
    program = manaslu.compile(torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.ReLU()).eval(), torch.ones(2, 4))
    for stage, part in {"graph": "graph.", "linalg": "linalg.", "tile": "tile.", "isa": "isa."}.items():
        assert part in program.mlir(stage)
    program.save(tmp_path / "program.mnx")
    loaded = manaslu.load(tmp_path / "program.mnx")
    assert loaded.mlir("tile") == program.mlir("tile")
    for stage in ("graph", "nonsense"):
        with pytest.raises(manaslu.Error) as error:
            loaded.mlir(stage)
        assert error.value.code == "MN-USE-002"


@pytest.mark.parametrize("name", CASES)
def test_operator(name):
    """Every case of the importer through the compiler: equal bits at both levels, close to PyTorch."""
    function, *arguments = CASES[name]
    module = Function(function).eval()
    program = manaslu.compile(module, tuple(arguments))
    with torch.no_grad():
        expected = flat(module(*arguments))
    for got, wanted in zip(flat(program.run(*arguments, check_levels=True)), expected, strict=True):
        tolerance = 1.6e-2 if any(a.dtype == torch.bfloat16 for a in arguments) else 2e-5
        torch.testing.assert_close(got, wanted, rtol=tolerance, atol=tolerance, equal_nan=True)
