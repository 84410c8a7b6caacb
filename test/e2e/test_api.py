"""The Python face (interfaces.md, Python) over a stand-in for the native module that evaluates the graph with PyTorch: nesting, types, errors, state."""

import json
import shutil
import types

import models
import pytest
import torch
from graph_evaluator import Graph, load_weights

import manaslu
import manaslu.native


class NativeError(Exception):
    pass


class StandIn:
    """What manaslu._native.Program offers; the "program file" is the graph's text beside its weights."""

    def __init__(self, path):
        with open(path) as file:
            self.graph = Graph(file.read(), load_weights(f"{path}.weights"))
        kinds = lambda dtype: str(dtype).removeprefix("torch.")  # noqa: E731
        self.inputs = [{"name": name, "dtype": kinds(dtype), "shape": shape} for _, shape, dtype, name in self.graph.arguments]
        self.outputs = [{"name": name, "dtype": kinds(self.graph.result_types[name][1]), "shape": self.graph.result_types[name][0]} for name in self.graph.results]
        self.states = []

    def run(self, inputs, threads, clock, check_levels, trace=None):
        tensors = []
        for entry in self.inputs:
            tensor = torch.from_numpy(inputs[entry["name"]])
            tensors.append(tensor.view(torch.bfloat16) if entry["dtype"] == "bfloat16" else tensor)
        results = self.graph.run(tensors)
        return {name: (value.view(torch.uint16) if value.dtype == torch.bfloat16 else value).contiguous().numpy() for name, value in results.items()}

    def report(self):
        return json.dumps({"chip": "mt1", "compile": {}, "simulated": {"time_ns": 2000.0, "bound_ns": 1000.0, "bound_by": "memory"}})

    def reset_state(self):
        self.graph.state.clear()


def compile_graph(model, weights, options):
    if options["target"] == "none":
        raise NativeError("MN-CHIP-002", "text", [{"code": "MN-CHIP-002", "message": "unknown chip", "where": ""}, {"code": "MN-CHIP-002", "message": "more", "where": "there"}])
    shutil.copy(model, options["output"])
    shutil.copy(weights, f"{options['output']}.weights")
    return options["output"], "{}"


@pytest.fixture(autouse=True)
def stand_in(monkeypatch):
    native = types.SimpleNamespace(compile=compile_graph, Program=StandIn, Error=NativeError)
    monkeypatch.setattr(manaslu.native, "module", lambda: native)


def test_one_changed_line():
    model = models.build("mlp")
    program = manaslu.compile(model.module, model.arguments)
    torch.testing.assert_close(program(*model.arguments), model.module(*model.arguments))
    assert isinstance(program, torch.nn.Module) and isinstance(program, manaslu.Program)
    assert "2.0 us, 2.00 times the bound (memory)" in str(program.report) and program.report["chip"] == "mt1"
    assert "x: float32[16, 256]" in repr(program)


def test_single_tensor_as_arguments():
    x = torch.randn(2, 3)
    assert torch.equal(manaslu.compile(torch.nn.ReLU().eval(), x)(x), x.relu())


class Nested(torch.nn.Module):
    def forward(self, pair, scale=None, flag=True):
        return {"sum": pair[0] + pair["b" if isinstance(pair, dict) else 1], "parts": [pair[0] * (scale if flag else 1), None, 3]}


def test_structure_and_types():
    """CPU tensors in and out, same structure and types as the model."""
    x, y, scale = torch.randn(3).bfloat16(), torch.randn(3).bfloat16(), torch.randn(3).bfloat16()
    model = Nested().eval()
    program = manaslu.compile(model, ((x, y),), {"scale": scale})
    result, expected = program((x, y), scale=scale), model((x, y), scale=scale)
    assert torch.equal(result["sum"], expected["sum"]) and torch.equal(result["parts"][0], expected["parts"][0]) and result["parts"][1:] == [None, 3]
    assert result["sum"].dtype == torch.bfloat16


@pytest.mark.parametrize("call, part", [
    (lambda p, x: p(x.double()), "float64[2, 3]; the program takes float32[2, 3]"), (lambda p, x: p(x[:1]), "[1, 3]"), (lambda p, x: p(x, x), "nested"), (lambda p, x: p(3), "not a tensor"), (lambda p, x: p(y=x), "nested"),
])  # fmt: skip
def test_wrong_inputs(call, part):
    x = torch.randn(2, 3)
    program = manaslu.compile(torch.nn.ReLU().eval(), (x,))
    with pytest.raises(manaslu.Error) as caught:
        call(program, x)
    assert caught.value.code == "MN-RUN-INPUT" and part in str(caught.value)


def test_loaded_program_by_position_and_name(tmp_path):
    """A loaded program takes inputs by position or by name and gives a tensor or a tuple."""
    x, y = torch.randn(3), torch.randn(3)

    class Two(torch.nn.Module):
        def forward(self, a, b):
            return a + b, a * b

    manaslu.compile(Two().eval(), (x, y)).save(tmp_path / "two.mnx")
    saved = manaslu.compile(Two().eval(), (x, y), output=str(tmp_path / "kept.mnx"))
    program = manaslu.load(tmp_path / "kept.mnx")
    for result in (program(x, y), program(x, b=y), program(b=y, a=x), saved(x, y)):
        assert torch.equal(result[0], x + y) and torch.equal(result[1], x * y)
    for call in (lambda: program(x), lambda: program(x, y, y), lambda: program(x, c=y), lambda: program(x, a=x)):
        with pytest.raises(manaslu.Error, match="MN-RUN-INPUT"):
            call()
    assert (tmp_path / "two.mnx").exists()


def test_state_is_kept_between_calls():
    model = models.CachedDecoder().eval()
    steps = [(torch.randn(1, 1, 32), torch.tensor([position])) for position in range(3)]
    program = manaslu.compile(model, steps[0])
    with torch.no_grad():
        expected = [model(*step) for step in steps]
    for _ in range(2):
        for step, wanted in zip(steps, expected):
            torch.testing.assert_close(program(*step), wanted)
        program.reset_state()


def test_errors():
    """manaslu.Error has .code and .items, also for what the native module reports."""
    x = torch.randn(2)
    with pytest.raises(manaslu.Error) as caught:
        manaslu.compile(torch.nn.ReLU().eval(), (x,), target="none")
    assert caught.value.code == "MN-CHIP-002" and len(caught.value.items) == 1 and "unknown chip" in str(caught.value)
    for arguments, code in (((torch.nn.ReLU(), (x,)), "MN-USE-002"), ((3,), "MN-USE-002"), (("m.pt2", (x,)), "MN-USE-002")):
        with pytest.raises(manaslu.Error) as caught:
            manaslu.compile(*arguments)
        assert caught.value.code == code
    with pytest.raises(manaslu.Error, match="MN-USE-002.*fp32, bf16"):
        manaslu.compile(torch.nn.ReLU().eval(), (x,), precision="fp7")

    class Branch(torch.nn.Module):
        def forward(self, x):
            return x + 1 if x.sum() > 0 else x - 1

    with pytest.raises(manaslu.Error) as caught:
        manaslu.compile(Branch().eval(), (x,))
    assert caught.value.code == "MN-FE-EXPORT"


def test_no_training():
    with pytest.raises(manaslu.Error, match="MN-USE-002"):
        manaslu.compile(torch.nn.ReLU().eval(), (torch.randn(2),)).train()
