"""Operators on numbers at the edges of their types, in odd shapes, equal PyTorch (docs/Numerics.md, operators; numerics.md: integers). MANASLU_SEED names the seed."""

import os
import random

import pytest
import torch
import torch.nn.functional as F
from importing import Function, flat

import manaslu

SEEDS = [int(os.environ["MANASLU_SEED"])] if "MANASLU_SEED" in os.environ else [1, 2]
INT32 = [0, 1, -1, 2, -3, 7, 127, -128, 128, 255, 2**24 - 1, 2**24, 2**24 + 1, -(2**24) - 1, 2**24 + 3, 2**30 + 1, 2**31 - 1, -(2**31), -(2**31) + 1, 123456789]
SMALL = [0, 1, -1, 2, -3, 7, 100, -128, 127, 4000, -4096]
FLOATS = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.5, 2.5, -2.5, 3.0, -3.0, 0.49999997, 8388609.0, -4194305.5, 1e-40, 3e38, -3e38, float("inf"), -float("inf"), float("nan")]


def mixed(generator, shape, special, other):
    """About a third of the elements are special values."""
    count = torch.Size(shape).numel()
    picked = torch.tensor([generator.choice(special) if generator.random() < 0.35 else other(generator) for _ in range(count)], dtype=torch.float64)
    return picked.reshape(shape)


def integers(generator, shape, special=INT32, dtype=torch.int32):
    count = torch.Size(shape).numel()
    bound = max(abs(v) for v in special)
    values = [generator.choice(special) if generator.random() < 0.35 else generator.randint(-bound // 2, bound // 2) for _ in range(count)]
    return torch.tensor(values, dtype=dtype).reshape(shape)


def floats(generator, shape, special=FLOATS):
    return mixed(generator, shape, special, lambda g: g.gauss(0, 3)).float()


def nonzero(values):
    return torch.where(values == 0, torch.ones_like(values), values)


def shape_of(generator):
    return [generator.choice([1, 2, 3, 5, 7, 33]) for _ in range(generator.choice([1, 2, 3]))]


INTEGER_FUNCTIONS = {
    "add": lambda a, b: a + b, "sub": lambda a, b: a - b, "mul": lambda a, b: a * b, "rsub": lambda a, b: 5 - a, "neg": lambda a, b: -a, "abs": lambda a, b: a.abs(), "square": lambda a, b: a * a,
    "maximum": torch.maximum, "minimum": torch.minimum, "clamp": lambda a, b: a.clamp(-5, 16777217), "sign": lambda a, b: a.sign(), "relu": lambda a, b: a.relu(),
    "eq": lambda a, b: a == b, "ne": lambda a, b: a != b, "lt": lambda a, b: a < b, "le": lambda a, b: a <= b, "gt": lambda a, b: a > b, "ge": lambda a, b: a >= b,
    "eq 2^24+1": lambda a, b: a == 16777217, "lt 2^24": lambda a, b: a < 16777216, "gt number": lambda a, b: a > 100, "where": lambda a, b: torch.where(a < b, a, b), "where number": lambda a, b: torch.where(a > 0, a, 2147483647),
    "floor division": lambda a, b: a // nonzero(b), "trunc division": lambda a, b: torch.div(a, nonzero(b), rounding_mode="trunc"), "remainder": lambda a, b: a % nonzero(b), "fmod": lambda a, b: torch.fmod(a, nonzero(b)),
    "floor division by 7": lambda a, b: a // 7, "remainder of 7": lambda a, b: a % 7, "floor division by 8": lambda a, b: a // 8, "remainder of 8": lambda a, b: a % 8, "trunc division by 8": lambda a, b: torch.div(a, 8, rounding_mode="trunc"),
    "division by -3": lambda a, b: a // -3, "remainder of -3": lambda a, b: a % -3, "true division": lambda a, b: a / 3, "to float": lambda a, b: a.float() * 0.5, "to bool": lambda a, b: a.bool(), "to int8": lambda a, b: a.to(torch.int8),
    "int8 sum": lambda a, b: a.to(torch.int8) + b.to(torch.int8), "int8 product": lambda a, b: a.to(torch.int8) * b.to(torch.int8), "cube": lambda a, b: a**3, "max": lambda a, b: a.amax(-1), "min": lambda a, b: a.amin(0),
    "argmax": lambda a, b: a.argmax(-1), "argmin": lambda a, b: a.argmin(0), "any": lambda a, b: a.any(-1), "all": lambda a, b: a.all(0), "int32 sum": lambda a, b: a.sum(-1, dtype=torch.int32), "cumsum": lambda a, b: a.cumsum(-1, dtype=torch.int32),
}  # fmt: skip
FLOAT_FUNCTIONS = {
    "maximum": torch.maximum, "minimum": torch.minimum, "clamp": lambda a, b: a.clamp(-1, 2), "clamp tensors": lambda a, b: a.clamp(b, b + 1), "floor": lambda a, b: a.floor(), "ceil": lambda a, b: a.ceil(), "trunc": lambda a, b: a.trunc(),
    "round": lambda a, b: a.round(), "frac": lambda a, b: torch.where(a.isinf(), 0.0, a).frac(), "sign": lambda a, b: a.sign(), "relu": lambda a, b: a.relu(), "to bool": lambda a, b: a.bool(),
    "to int32": lambda a, b: torch.where(a.abs() < 2e9, a, 0.0).int(), "to int8": lambda a, b: a.clamp(-128, 127).nan_to_num(0).to(torch.int8), "isnan": lambda a, b: a.isnan(), "eq": lambda a, b: a == b, "ne": lambda a, b: a != b,
    "lt": lambda a, b: a < b, "ge": lambda a, b: a >= b, "where": lambda a, b: torch.where(a < b, a, b), "where bool": lambda a, b: torch.where(a < b, a > 0, b > 0), "amax": lambda a, b: a.amax(-1), "amin": lambda a, b: a.amin(0),
    "argmax": lambda a, b: a.argmax(-1), "argmin": lambda a, b: a.argmin(0), "max dim": lambda a, b: torch.max(a, -1)[1], "flat argmax": lambda a, b: a.argmax(), "pow 2": lambda a, b: a**2, "pow 3": lambda a, b: a**3, "pow -2": lambda a, b: a**-2, "pow 5": lambda a, b: a**5,
    "pow tensor": torch.pow, "pow of whole": lambda a, b: torch.pow(a, b.nan_to_num(0, 0, 0).clamp(-9, 9).round()), "pow 33": lambda a, b: a**33, "pow 1.5": lambda a, b: a**1.5, "pow of 2": lambda a, b: 2**a, "pow 0": lambda a, b: a**0,
    "div": lambda a, b: a / b, "reciprocal": lambda a, b: a.reciprocal(), "sqrt": lambda a, b: a.sqrt(), "logical": lambda a, b: torch.logical_and(a, b),
}  # fmt: skip
QUOTIENTS = {
    "floor_divide": torch.floor_divide, "floor division": lambda a, b: torch.div(a, b, rounding_mode="floor"), "trunc division": lambda a, b: torch.div(a, b, rounding_mode="trunc"), "remainder": torch.remainder, "fmod": torch.fmod,
    "remainder of number": lambda a, b: a % 0.7, "remainder of -2": lambda a, b: a % -2.0,
}  # fmt: skip


def close(got, wanted, name):
    if wanted.is_floating_point():
        torch.testing.assert_close(got, wanted, rtol=3e-5, atol=1e-37, equal_nan=True, msg=lambda text: f"{name}: {text}")
    else:
        torch.testing.assert_close(got, wanted, rtol=0, atol=0, msg=lambda text: f"{name}: {text}")


def run(functions, arguments, target="mt1"):
    """All functions of one family as one module: equal bits at both levels, equal to PyTorch."""
    module = Function(lambda *a: tuple(f(*a) for f in functions.values())).eval()
    program = manaslu.compile(module, tuple(arguments), target=target)
    with torch.no_grad():
        expected = flat(module(*arguments))
    for name, got, wanted in zip(functions, flat(program.run(*arguments, check_levels=True)), expected, strict=True):
        close(got, wanted, name)


def family(functions, group=12):
    names = list(functions)
    return [names[i : i + group] for i in range(0, len(names), group)]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("names", family(INTEGER_FUNCTIONS), ids=lambda names: names[0])
def test_int32(names, seed):
    """docs/Numerics.md, N70, N72, N73: ge computes int32 modulo 2^32, ve only where |value| <= 2^24 is proved."""
    print("seed", seed)
    generator = random.Random(seed)
    shape = shape_of(generator)
    run({name: INTEGER_FUNCTIONS[name] for name in names}, [integers(generator, shape), integers(generator, shape)])


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("names", family({name: function for name, function in FLOAT_FUNCTIONS.items() if not name.startswith("pow")}), ids=lambda names: names[0])
def test_floats(names, seed):
    """docs/Numerics.md, N72 and N74 to N77: NaN, infinities, signed zeros, ties and large integers as in PyTorch."""
    print("seed", seed)
    generator = random.Random(seed)
    shape = shape_of(generator)
    run({name: FLOAT_FUNCTIONS[name] for name in names}, [floats(generator, shape), floats(generator, shape)])


@pytest.mark.parametrize("name", [name for name in FLOAT_FUNCTIONS if name.startswith("pow")])
def test_powers(name):
    """docs/Numerics.md, N76."""
    generator = random.Random(1)
    shape = shape_of(generator)
    run({name: FLOAT_FUNCTIONS[name]}, [floats(generator, shape), floats(generator, shape)])


@pytest.mark.parametrize("seed", SEEDS)
def test_powers_together(seed):
    """docs/Numerics.md, N76, in one module."""
    generator = random.Random(seed)
    shape = shape_of(generator)
    run({name: function for name, function in FLOAT_FUNCTIONS.items() if name.startswith("pow")}, [floats(generator, shape), floats(generator, shape)])


class Narrowed(torch.nn.Module):
    """Its input and a buffer of the same numbers in 8-bit types, as such and widened again."""

    def __init__(self, numbers):
        super().__init__()
        self.register_buffer("numbers", numbers)

    def forward(self, x):
        results = []
        for dtype in (torch.float8_e4m3fn, torch.float8_e5m2):
            for values in (x * 0.5, self.numbers, torch.relu(x)):
                results += [values.to(dtype), values.to(dtype).float() * 3]
        return tuple(results)


@pytest.mark.parametrize("target", ["mt1", "mt2"])
@pytest.mark.parametrize("seed", SEEDS)
def test_8_bit_floats(seed, target):
    """docs/Numerics.md N72: 8-bit floats overflow as PyTorch's do, and a number that was one has been rounded."""
    generator = torch.Generator().manual_seed(seed)
    edges = [448.0, 463.9, 464.0, 464.1, 480.0, 57344.0, 61439.0, 61440.0, 65536.0, 1e9, float("inf"), float("nan"), 2.0**-10, 2.0**-17, 0.0]
    x = torch.cat([torch.tensor(edges), -torch.tensor(edges), torch.randn(226, generator=generator) * 200]).reshape(16, 16)
    module = Narrowed(x.flip(0)).eval()
    program = manaslu.compile(module, (x,), target=target)
    for got, wanted in zip(program.run(x, check_levels=True), module(x), strict=True):
        torch.testing.assert_close(got, wanted.float(), rtol=0, atol=0, equal_nan=True, msg=lambda text: f"seed {seed}: {text}")


@pytest.mark.parametrize("seed", SEEDS)
def test_quotients(seed):
    """docs/Numerics.md, operators: floor division and remainder are exact up to quotients of 2^47; multiples of a third, a tenth and their neighbours."""
    print("seed", seed)
    generator = random.Random(seed)
    steps = [0.1, 0.2, 0.7, 1 / 3, 1.0, 3.0, -0.1, -0.7, 1e-3, 1e6]
    b = torch.tensor([generator.choice(steps) for _ in range(400)])
    a = torch.nextafter((b.double() * torch.randint(-1000, 1000, (400,), generator=torch.Generator().manual_seed(seed))).float(), torch.tensor(0.0))
    a[::2] = (b[::2].double() * generator.randint(1, 2**20)).float()
    run(QUOTIENTS, [a, b])


@pytest.mark.parametrize("seed", SEEDS)
def test_small_integers_without_ge(seed):
    """hardware.md, mi1: integer arithmetic where |value| <= 2^24 is proved."""
    generator = random.Random(seed)
    names = ["add", "mul", "abs", "maximum", "lt", "where", "floor division", "remainder", "trunc division", "fmod", "argmax", "any"]
    bounded = {name: (lambda a, b, f=INTEGER_FUNCTIONS[name]: f(a.int() * 7, b.int())) for name in names}
    shape = shape_of(generator)
    run(bounded, [integers(generator, shape, SMALL[:8], torch.int8), integers(generator, shape, SMALL[:8], torch.int8)], target="mi1")


@pytest.mark.parametrize("name", ["add", "mul", "eq", "maximum", "floor division", "int32 sum"])
def test_refused_without_ge(name):
    """hardware.md, mi1: integer arithmetic beyond 2^24 is MN-CHIP-ENGINE, never a rounded result."""
    module = Function(INTEGER_FUNCTIONS[name]).eval()
    arguments = (torch.ones(3, 4, dtype=torch.int32), torch.ones(3, 4, dtype=torch.int32))
    with pytest.raises(manaslu.Error) as caught:
        manaslu.compile(module, arguments, target="mi1")
    assert caught.value.code == "MN-CHIP-ENGINE" and caught.value.exit_status == 3


def test_inputs_beyond_the_proved_range():
    """docs/Numerics.md, N71: a run rejects an int64 input whose arithmetic was not proved, instead of wrapping around."""
    program = manaslu.compile(Function(lambda a: a * a).eval(), (torch.tensor([3, 4]),))
    assert program(torch.tensor([-32768, 32767])).tolist() == [2**30, 32767**2]
    with pytest.raises(manaslu.Error) as caught:
        program(torch.tensor([5, 100000]))
    assert caught.value.code == "MN-RUN-RANGE" and "element 1 is 100000" in caught.value.text()


class Replaced(torch.nn.Module):
    """Returns what its state held, and replaces it."""

    def __init__(self):
        super().__init__()
        self.register_buffer("kept", torch.zeros(3))

    def forward(self, x):
        before = self.kept.clone()
        self.kept.copy_(x)
        return before


def test_an_output_is_the_old_state():
    """interfaces.md: state is kept between calls; an output that holds the old value is stored before the new one is."""
    program = manaslu.compile(Replaced().eval(), (torch.ones(3),))
    assert program(torch.ones(3)).tolist() == [0, 0, 0] and program(2 * torch.ones(3)).tolist() == [1, 1, 1]
