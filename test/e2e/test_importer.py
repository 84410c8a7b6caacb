"""The importer on whole models: equal to PyTorch, weights by name and once, locations, state, and every reason for a refusal at once."""

import re
import subprocess
import sys
from pathlib import Path

import models
import numpy
import pytest
import torch
from graph_evaluator import Graph, evaluate_files, load_weights
from importing import check, export, graph_of, graph_of_exported

from manaslu.frontend.diagnostics import Error, exit_status
from manaslu.frontend.torch import import_exported, import_file, write

ROOT = Path(__file__).resolve().parents[2]


def importer(*arguments):
    """Runs the child process that manaslu-cc runs."""
    return subprocess.run([sys.executable, "-m", "manaslu.frontend", *map(str, arguments)], capture_output=True, text=True, env={"PYTHONPATH": str(ROOT / "python"), "PATH": "/usr/bin:/bin"})


def through_file(exported, folder, arguments):
    """Outputs of a program that went through .pt2, the child process and both files."""
    torch.export.save(exported, folder / "model.pt2")
    outcome = importer(folder / "model.pt2", "-o", folder / "model.mlir", "--weights", folder / "model.safetensors")
    assert outcome.returncode == 0, outcome.stderr
    return evaluate_files(folder / "model.mlir", folder / "model.safetensors", [a.numpy() for a in arguments])


@pytest.mark.parametrize("name", [*models.TINY, "mlp", "cnn"])
def test_model_equals_pytorch(name, tmp_path):
    """The models that must work, by ExportedProgram and by file."""
    model = models.build(name)
    exported = models.export(model)
    with torch.no_grad():
        expected = model.module(*model.arguments)
    for got in (next(iter(graph_of_exported(exported).run(model.arguments).values())), torch.from_numpy(through_file(exported, tmp_path, model.arguments)[0])):
        torch.testing.assert_close(got, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", models.FULL)
def test_full_model_equals_pytorch(name, tmp_path):
    model = models.build(name)
    with torch.no_grad():
        expected = model.module(*model.arguments)
    got = torch.from_numpy(through_file(models.export(model), tmp_path, model.arguments)[0])
    assert (got - expected).abs().max() <= 2e-6 * (expected.max() - expected.min())


def operations(name):
    return [(op, attributes) for _, op, _, attributes, *_ in graph_of_exported(models.export(models.build(name))).operations()]


def test_masks_and_positions_are_folded():
    """Integer side graphs that depend on no input are folded at import: none of their operators is left."""
    for name in ("tiny-gpt2", "tiny-llama"):
        found = operations(name)
        assert not {op for op, _ in found} & {"compare", "logical_and", "iota", "cumsum", "cos", "sin", "pow"}
        assert all(attributes.get("causal") for op, attributes in found if op == "attention")


def test_attention_mask_runs_on_the_chip():
    """A mask that an input gives stays in the graph, as bool, and is not expanded to queries."""
    graph = graph_of_exported(models.export(models.build("tiny-bert")))
    assert "compare" in graph.names()
    masks = [line for line in graph.lines if '"graph.attention"' in line]
    assert masks and all("tensor<1x1x1x12xi1>" in line for line in masks)


def test_grouped_heads_are_not_repeated():
    found = operations("tiny-llama")
    assert all(attributes.get("enable_gqa") for op, attributes in found if op == "attention")
    assert "broadcast_to" not in {op for op, _ in found}


def test_whole_operators():
    """Attention, linear, norms, gelu, silu, softmax and conv stay whole (the front end's decomposition table)."""
    for name, kept in {"tiny-llama": {"attention", "linear", "rms_norm", "silu"}, "tiny-gpt2": {"attention", "matmul", "layer_norm", "gelu"}, "tiny-resnet": {"conv2d", "batch_norm", "max_pool2d"}}.items():
        assert kept <= {op for op, _ in operations(name)}


def test_locations():
    """Module path and Python line are kept as location."""
    graph = graph_of_exported(models.export(models.build("mlp")))
    places = [location for *_, location in graph.operations()]
    line = next(i for i, text in enumerate(Path(models.__file__).read_text().splitlines(), 1) if "torch.softmax(self.output" in text)
    assert any(re.fullmatch(rf'"hidden"\(".*models\.py":{line}:0\)', place) for place in places), places
    assert any(re.fullmatch(rf'".*models\.py":{line}:0', place) for place in places), places


class Tied(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.table = torch.nn.Embedding(50, 8)
        self.head = torch.nn.Linear(8, 50, bias=False)
        self.head.weight = self.table.weight
        self.register_buffer("scale", torch.randn(8))
        self.register_buffer("shift", torch.randn(8), persistent=False)
        self.turned = torch.nn.Parameter(torch.randn(8, 8).t())
        self.constant = torch.randn(8)

    def forward(self, ids):
        return self.head((self.table(ids) * self.scale + self.shift + self.constant) @ self.turned)


def test_weights_by_name_and_once(tmp_path):
    """Tied weights are written once; buffers (persistent or not), constants and strided parameters are right."""
    module, ids = Tied(), torch.tensor([[3, 49, 0]])
    (got,) = through_file(export(module, ids), tmp_path, [ids])
    numpy.testing.assert_allclose(got, module(ids).detach(), rtol=1e-5, atol=1e-5)
    weights = load_weights(tmp_path / "model.safetensors")
    assert sum(tuple(w.shape) == (50, 8) for w in weights.values()) == 1
    assert "turned" in weights and {"table.weight", "head.weight"} & set(weights)
    assert list(load_weights(tmp_path / "model.safetensors")) == list(weights)


def test_files_are_equal_bytes(tmp_path):
    """The same program imported twice gives identical bytes."""
    module = models.build("tiny-bert")
    torch.export.save(models.export(module), tmp_path / "m.pt2")
    for i in (1, 2):
        write(import_file(str(tmp_path / "m.pt2")), str(tmp_path / f"{i}.mlir"), str(tmp_path / f"{i}.safetensors"))
    for suffix in ("mlir", "safetensors"):
        assert (tmp_path / f"1.{suffix}").read_bytes() == (tmp_path / f"2.{suffix}").read_bytes()


# --- state ------------------------------------------------------------------------------------------------------------


def test_decode_steps_with_a_cache(tmp_path):
    """A KV cache as a module buffer, updated in place, is state: several steps equal PyTorch's."""
    module = models.CachedDecoder().eval()
    steps = [(torch.randn(1, 1, 32), torch.tensor([position])) for position in (0, 1, 2, 5)]
    exported = export(module, *steps[0])
    graph = graph_of_exported(exported)
    torch.export.save(exported, tmp_path / "cache.pt2")
    imported = import_file(str(tmp_path / "cache.pt2"))
    from_file = Graph(imported.mlir, {name: data.tensor() for name, data in imported.tensors.items()})
    for step in steps:
        with torch.no_grad():
            expected = module(*step)
        for each in (graph, from_file):
            torch.testing.assert_close(next(iter(each.run(step).values())), expected, rtol=1e-5, atol=1e-5)
    assert {"state_read", "state_write"} <= set(graph.names())


class Counter(torch.nn.Module):
    def __init__(self, write):
        super().__init__()
        self.register_buffer("cache", torch.zeros(8, 4))
        self.write = write

    def forward(self, x, position):
        self.write(self.cache, x, position)
        return self.cache * 2


def _slice(cache, x, position):
    cache[2:4] = x


def _put(cache, x, position):
    cache[position] = x


def _several(cache, x, position):
    cache.index_copy_(0, torch.cat([position, position + 3]), torch.cat([x, -x]))


def _roll(cache, x, position):
    cache.copy_(torch.cat([cache[1:], x]))


@pytest.mark.parametrize("write", [_slice, _put, _several, _roll, lambda cache, x, position: cache.add_(1)], ids=["slice", "put", "several", "roll", "add"])
def test_ways_to_write_state(write):
    module, steps = Counter(write).eval(), [(torch.randn(1, 4), torch.tensor([p])) for p in (0, 3, 1)]
    graph = graph_of(module, *steps[0])
    module = Counter(write).eval()
    for step in steps:
        torch.testing.assert_close(next(iter(graph.run(step).values())), module(*step), rtol=1e-6, atol=1e-6)


# --- structure of inputs and outputs ------------------------------------------------------------------------------------


def test_model_output_without_transformers(tmp_path):
    """A .pt2 whose output is a class of transformers loads in a process without transformers (issue part 7), both ways into the importer."""
    import transformers

    torch.manual_seed(0)
    config = transformers.ResNetConfig(layer_type="basic", depths=[1, 1], hidden_sizes=[4, 8], embedding_size=4)
    for model, arguments in ((transformers.ResNetModel(config).eval(), (torch.randn(1, 3, 32, 32),)), (transformers.BertModel(transformers.BertConfig(**models._TINY)).eval(), (torch.tensor([[1, 5, 2]]),))):
        got = through_file(torch.export.export(model, arguments, strict=False), tmp_path, arguments)
        expected = model(*arguments)
        for a, b in zip(got, (expected.last_hidden_state, expected.pooler_output), strict=True):
            numpy.testing.assert_allclose(a, b.detach(), rtol=1e-4, atol=1e-5)


def test_names_are_those_of_the_signature():
    graph = graph_of_exported(export(models.Perceptron(), torch.randn(2, 256)))
    assert [name for *_, name in graph.arguments] == ["x"] and graph.results == ["softmax"]


def test_structures():
    """Nested inputs and outputs, constants among them, an output that is an input."""

    class Nested(torch.nn.Module):
        def forward(self, pair, flag, scale=None):
            return {"sum": pair[0] + pair[1] * 2, "same": pair[0], "none": None, "number": 3}

    x, y = torch.randn(3), torch.randn(3)
    imported = import_exported(torch.export.export(Nested(), ((x, y), True), strict=False))
    assert [constant for _, constant in imported.outputs] == [None, None, None, 3]
    assert [name is None for name, _ in imported.outputs] == [False, False, True, True]
    assert len(Graph(imported.mlir, {}).run((x, y))) == 2


# --- refusals -----------------------------------------------------------------------------------------------------------


def refused(module, *arguments, **options):
    with pytest.raises(Error) as caught:
        import_exported(torch.export.export(module.eval(), arguments, strict=False, **options))
    return caught.value


class Unsupported(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = torch.nn.Module()
        self.inner.forward = lambda x: torch.linalg.inv(x)

    def forward(self, x):
        y = torch.linalg.inv(x)
        z = torch.randn(3, 3) + y
        return torch.bitwise_left_shift(z.int(), 2), torch.linalg.inv(z)


def test_all_unsupported_operators_at_once():
    """Every unsupported operator is listed at once with its line, shapes and reason."""
    error = refused(Unsupported(), torch.eye(3))
    assert error.code == "MN-FE-OPERATOR" and len(error.items) == 4
    text = error.text()
    line = next(i for i, source in enumerate(Path(__file__).read_text().splitlines(), 1) if "y = torch.linalg.inv(x)" in source)
    assert f"test_importer.py:{line} in forward" in text and "f32[3,3]" in text and "random numbers" in text and "bitwise_left_shift" in text


def test_symbolic_dimensions():
    error = refused(models.Perceptron(), torch.randn(4, 256), dynamic_shapes={"x": {0: torch.export.Dim("batch")}})
    assert error.code == "MN-FE-SYMBOLIC" and error.items[0].what == "x" and "dynamic_shapes" in error.items[0].remedy


def test_data_dependent_shape():
    class Nonzero(torch.nn.Module):
        def forward(self, x):
            return x[x > 0]

    error = refused(Nonzero(), torch.randn(4))
    assert error.code == "MN-FE-DATA-SHAPE" and "test_importer.py" in error.text()


def test_unknown_output_kind():
    class Writes(torch.nn.Module):
        def forward(self, x):
            x.add_(1)
            return x * 2

    error = refused(Writes(), torch.randn(4))
    assert error.code == "MN-FE-OUTPUT" and "USER_INPUT_MUTATION" in error.text() and "remedy" in error.text()


@pytest.mark.parametrize("module, argument, role", [(torch.nn.Linear(3, 3).double(), torch.randn(2, 3).double(), "input"), (torch.nn.ReLU(), torch.zeros(2, dtype=torch.complex64), "input")])
def test_types_that_the_chip_lacks(module, argument, role):
    """float64 and complex inputs, outputs and constants are errors (numerics.md)."""
    error = refused(module, argument)
    assert error.code == "MN-FE-DTYPE" and role in error.message


def test_symbolic_file(tmp_path):
    torch.export.save(torch.export.export(models.Perceptron(), (torch.randn(4, 256),), dynamic_shapes={"x": {0: torch.export.Dim("batch")}}), tmp_path / "m.pt2")
    outcome = importer(tmp_path / "m.pt2", "-o", tmp_path / "m.mlir", "--weights", tmp_path / "m.safetensors")
    assert outcome.returncode == 3 and outcome.stderr.startswith("error: MN-FE-SYMBOLIC: ") and not (tmp_path / "m.mlir").exists()


def test_codes_are_in_the_table():
    """Every code of the front end stands in lib/Support/ErrorCodes.inc; Python knows the exit status of every code of the compiler."""
    table = dict(re.findall(r'MANASLU_ERROR\("(MN-[A-Z0-9-]+)", (\d+)', (ROOT / "lib/Support/ErrorCodes.inc").read_text()))
    used = {code for file in (ROOT / "python/manaslu").rglob("*.py") for code in re.findall(r'Error\(\s*"(MN-[A-Z0-9-]+)"', file.read_text())}
    assert len(used) > 15
    assert used <= table.keys()
    assert {code: int(status) for code, status in table.items()} == {code: exit_status(code) for code in table}


def test_bad_usage():
    outcome = importer("model.pt2")
    assert outcome.returncode == 2 and outcome.stderr.startswith("error: MN-USE-002: ")
    outcome = importer("/nonexistent.pt2", "-o", "a", "--weights", "b", "--json-diagnostics")
    assert outcome.returncode == 6 and '"code": "MN-IO-001"' in outcome.stderr


def test_list_operators():
    lines = importer("--list-operators").stdout.split()
    assert "aten.linear.default" in lines and lines == sorted(lines)


__all__ = ["check"]


class InPlace(torch.nn.Module):
    def forward(self, x):
        first = x * 2
        kept = first + 1
        first.add_(1).relu_()
        second = torch.cat([first, kept]).mul_(first.sum())
        return second.clamp_(0, 5), first


class InPlaceUnderView(torch.nn.Module):
    def forward(self, x):
        first = x * 2
        view = first.reshape(-1)
        first.add_(1)
        return view + 1


@pytest.mark.parametrize("module", [InPlace(), InPlaceUnderView()])
def test_operators_in_place(module, tmp_path):
    """In-place operators (`add_`) survive export() (frontends.md 1.2); a write is seen by every later read, also through a view."""
    x = torch.randn(2, 3)
    expected = module(x)
    for got, wanted in zip(through_file(export(module, x), tmp_path, [x]), [expected] if isinstance(expected, torch.Tensor) else expected, strict=True):
        numpy.testing.assert_allclose(got, wanted, rtol=1e-6)
    check(module, x)
