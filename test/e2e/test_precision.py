"""Types of operators: --auto-cast-type, precision tables, scales (interfaces.md, "Precision table"; docs/precision.md)."""

import copy
import itertools
import json
import math
import os
import random

import models
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import manaslu
from manaslu.precision.search import choose

TYPES = ["bf16", "fp16", "tf32", "fp8_e4m3"]
LEAST_SQNR = {"bf16": 35, "fp16": 50, "tf32": 50, "fp8_e4m3": 15}


class Block(nn.Module):
    """A product of every kind: convolution, linear, attention, and a plain matrix product of two activations."""

    def __init__(self):
        super().__init__()
        self.patches = nn.Conv2d(3, 32, 4, stride=4)
        self.norm = nn.LayerNorm(32)
        self.qkv = nn.Linear(32, 96)
        self.out = nn.Linear(32, 32)

    def forward(self, image):
        x = self.norm(self.patches(image).flatten(2).transpose(1, 2))
        q, k, v = (t.unflatten(-1, (2, 16)).transpose(1, 2) for t in self.qkv(x).chunk(3, -1))
        x = x + self.out(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))
        return x @ x.transpose(1, 2)


@pytest.fixture(scope="module")
def block():
    torch.manual_seed(0)
    return Block().eval(), torch.randn(1, 3, 32, 32)


def sqnr(exact, other):
    return 20 * math.log10((exact.norm() / (exact - other).norm()).item())


def test_the_report_counts_bytes_by_type_and_lists_lossy_casts():
    """docs/precision.md, "What a compilation reports"."""
    model, x = nn.Sequential(nn.Linear(32, 48), nn.ReLU(), nn.Linear(48, 8)).eval(), torch.randn(4, 32)
    report = manaslu.compile(model, (x,), target="mt2", auto_cast="all", auto_cast_type="fp8_e4m3").report
    assert report["bytes"]["constants"] == {"fp8_e4m3": 32 * 48 + 48 * 8, "bf16": (48 + 8) * 2}
    # The input and what ReLU leaves become fp8; the result becomes fp32 again, which loses nothing.
    assert report["bytes"]["values"] == {"fp8_e4m3": 4 * (32 + 48), "bf16": 4 * (48 + 48 + 8) * 2, "fp32": 4 * 8 * 4}
    modes = {"rounding": "nearest_even", "overflow": "saturate"}
    assert report["lossy_casts"] == [{"from": "fp32", "to": "fp8_e4m3", **modes, "at": ["0.cast"]}, {"from": "bf16", "to": "fp8_e4m3", **modes, "at": ["2.cast"]}]
    plain = manaslu.compile(model, (x,), target="mt2").report
    assert plain["lossy_casts"] == [] and set(plain["bytes"]["constants"]) == set(plain["bytes"]["values"]) == {"fp32"}


@pytest.mark.parametrize("mode", ["matmult", "all"])
@pytest.mark.parametrize("type", TYPES)
@pytest.mark.parametrize("target", ["mt1", "mt2"])
def test_auto_cast(block, target, type, mode):
    """interfaces.md: --auto-cast none|matmult|all, --auto-cast-type bf16|fp16|tf32|fp8_e4m3."""
    model, image = block
    program = manaslu.compile(model, (image,), target=target, auto_cast=mode, auto_cast_type=type)
    assert sqnr(model(image), program.run(image, check_levels=True)) >= LEAST_SQNR[type]
    assert {product["compute"] for product in program.report["products"].values()} == {type}


@pytest.mark.parametrize("type", TYPES)
@pytest.mark.parametrize("operands", [(7, 64, 40), (130, 200, 5)])
def test_products_are_exact_where_sums_are(type, operands):
    """numerics.md: exact products, fp32 accumulation. Integers up to 8 are numbers of every type, and their sums of fp32."""
    m, k, n = operands
    generator = torch.Generator().manual_seed(m)
    x, y = (torch.randint(-8, 9, size, generator=generator).float() for size in ((m, k), (k, n)))

    class Product(nn.Module):
        def forward(self, x, y):
            return x @ y

    program = manaslu.compile(Product().eval(), (x, y), target="mt2", auto_cast="matmult", auto_cast_type=type)
    assert torch.equal(program.run(x, y, check_levels=True), x @ y)


def test_a_type_that_the_chip_lacks(block):
    """docs/errors.md, MN-NUM-CHIP: one line for each type, with how many operators ask for it."""
    model, image = block
    with pytest.raises(manaslu.Error) as caught:
        manaslu.compile(model, (image,), target="mi1", precision="fp8_e4m3")
    assert caught.value.code == "MN-NUM-CHIP" and "mi1 multiplies no fp8_e4m3; 5 operators" in str(caught.value)


@pytest.mark.parametrize("powers_of_two", [False, True])
@pytest.mark.parametrize("scaling", ["none", "tensor", "row", "block32"])
def test_scaling(scaling, powers_of_two):
    """Scales let small numbers keep their bits: of activations by tensor or by token, of weights by tensor or by output channel."""
    torch.manual_seed(1)
    model, x = nn.Linear(32, 16, bias=False).eval(), 1e-3 * torch.randn(20, 32)  # far below the smallest normal number of e4m3, 2^-6
    table = {"schema": 1, "rules": [{"match": "*", "compute": "fp8_e4m3", "scaling": scaling, "powers_of_two": powers_of_two}]}
    got = manaslu.compile(model, (x,), target="mt2", precision=table).run(x, check_levels=True)
    assert (sqnr(model(x), got) >= 25) == (scaling != "none")


@pytest.mark.parametrize("kind", ["conv2d", "matmul", "matmul transposed", "batched"])
@pytest.mark.parametrize("scaling", ["tensor", "row"])
def test_scales_of_every_product(kind, scaling):
    """Rows of very different magnitude, one of zeros: every factor is within 2^-4 of its size, every sum within an eighth of the sum of magnitudes."""
    generator = torch.Generator().manual_seed(4)
    sizes = {"conv2d": ((2, 4, 9, 9), (6, 4, 3, 3)), "matmul": ((5, 24), (24, 7)), "matmul transposed": ((5, 24), (7, 24)), "batched": ((3, 5, 24), (3, 24, 7))}[kind]
    x, y = (torch.randn(size, generator=generator) for size in sizes)
    if scaling == "row" and kind != "batched":
        x = x * torch.logspace(-6, 6, x.shape[0]).reshape(-1, *[1] * (x.dim() - 1))
        y = y * (torch.logspace(-4, 4, y.shape[1]) if kind == "matmul" else torch.logspace(-4, 4, y.shape[0]).reshape(-1, *[1] * (y.dim() - 1)))
        x[0] = 0

    class Product(nn.Module):
        def forward(self, x, y):
            return F.conv2d(x, y) if kind == "conv2d" else x @ (y.T if kind == "matmul transposed" else y)

    got = manaslu.compile(Product().eval(), (x, y), target="mt2", precision={"rules": [{"match": "*", "compute": "fp8_e4m3", "scaling": scaling}]}).run(x, y, check_levels=True)
    exact, magnitude = Product()(x, y), Product()(x.abs(), y.abs())
    assert (((got - exact).abs() <= 0.13 * magnitude + (1e-2 if scaling == "tensor" else 0))).all()


@pytest.mark.parametrize("kind", ["linear", "matmul", "matmul transposed", "batched", "weights alone"])
def test_scales_of_blocks(kind):
    """docs/precision.md: "block32", one scale for each 32 elements of a row. Blocks of very different magnitude that one scale for a row cannot hold."""
    torch.manual_seed(5)
    spread = torch.exp2(torch.arange(128) // 32 * 8.0 - 12)  # each block 2^8 times the one before

    class Product(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.randn(24, 128) / spread)

        def forward(self, x, y):
            return F.linear(x, self.weight) if kind in ("linear", "weights alone") else x @ (y.transpose(-1, -2) if kind == "matmul transposed" else y)

    x, y = torch.randn(40, 128) * spread, torch.randn(128, 24) / spread[:, None]
    if kind == "matmul transposed":
        y = y.T.contiguous()
    if kind == "batched":
        x, y = torch.stack([x, -x, 2 * x]), torch.stack([y, y, y])
    model, quality = Product().eval(), {}
    for scaling in ("row", "block32"):
        rule = {"match": "*", "compute": "bf16" if kind == "weights alone" else "fp8_e4m3", "weights": "fp8_e4m3", "scaling": scaling}
        program = manaslu.compile(model, (x, y), target="mt2", precision={"default": "bf16", "rules": [rule]})
        with torch.no_grad():
            quality[scaling] = sqnr(model(x, y), program.run(x, y, check_levels=True))
    assert quality["block32"] >= 25 > 15 >= quality["row"]


def test_blocks_that_cannot_be():
    """docs/errors.md, MN-NUM-RULE: every product whose operands have no whole blocks, with the reason."""

    class Products(nn.Module):
        def forward(self, a, b, c):
            return a @ b, c @ a[:, :64].T, F.conv2d(c[None], torch.ones(2, 3, 3, 3))

    arguments = torch.randn(4, 100), torch.randn(100, 4), torch.randn(3, 8, 64)
    with pytest.raises(manaslu.Error) as caught:
        manaslu.compile(Products().eval(), arguments, target="mt2", precision={"rules": [{"match": "*", "compute": "fp8_e4m3", "scaling": "block32", "products_only": True}]})
    assert caught.value.code == "MN-NUM-RULE"
    for reason in ("has 100 elements, which are not whole blocks of 32", "its operands are broadcast against each other", "a convolution has no scales for blocks"):
        assert reason in str(caught.value)


def test_scales_that_are_powers_of_two():
    """docs/precision.md: scales are rounded up to powers of two, so that nothing but the cast rounds: numbers of few bits are exact at any magnitude."""
    torch.manual_seed(6)
    weight, x = torch.randint(-8, 9, (16, 32)).float() * 2.0**-30, torch.randint(-8, 9, (20, 32)).float() * 2.0**20
    weight[:, 0], x[:, 0] = 7 * 2.0**-30, 7 * 2.0**20  # no row's largest magnitude is a power of two
    model = nn.Linear(32, 16, bias=False).eval()
    model.weight.data = weight
    for scaling in ("tensor", "row", "block32"):
        rule = {"match": "*", "compute": "fp8_e4m3", "scaling": scaling, "powers_of_two": True}
        assert torch.equal(manaslu.compile(model, (x,), target="mt2", precision={"rules": [rule]}).run(x, check_levels=True), model(x))


def test_given_scales():
    """interfaces.md: "scales": {"name": [..]}; a given scale needs no maximum on the chip."""
    torch.manual_seed(2)
    model, x = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 8)).eval(), 1e-3 * torch.randn(4, 64)
    rule = {"match": "*.linear", "compute": "fp8_e4m3", "scaling": "row"}
    scales = {"0.linear": [x.abs().max().item() / 448], "2.linear": model[:2](x).abs().max().item() / 448}
    given = manaslu.compile(model, (x,), target="mt2", precision={"rules": [rule], "scales": scales})
    computed = manaslu.compile(model, (x,), target="mt2", precision={"rules": [rule]})
    assert sqnr(model(x), given.run(x, check_levels=True)) >= 20
    assert sqnr(model(x), computed.run(x, check_levels=True)) >= 20
    assert given.report["compile"]["instructions"] < computed.report["compile"]["instructions"]


def test_weights_alone():
    """Weights in fp8 with scales by row, activations in bf16: device memory gives a quarter of the bytes of fp32."""
    torch.manual_seed(3)
    model, x = nn.Linear(512, 512, bias=False).eval(), torch.randn(1, 512)
    bytes_read = {}
    for weights in ("bf16", "fp8_e4m3"):
        table = {"default": "bf16", "rules": [{"match": "*", "compute": "bf16", "weights": weights, "scaling": "row"}]}
        program = manaslu.compile(model, (x,), target="mt2", precision=table)
        got = program.run(x, check_levels=True)
        assert sqnr(model(x), got) >= (40 if weights == "bf16" else 25)
        bytes_read[weights] = program.report["device_memory"]["read_bytes"]
    assert bytes_read["bf16"] - bytes_read["fp8_e4m3"] > 0.95 * 512 * 512


def test_a_cache_in_fewer_bits():
    """Issue "Data types", part 7: with a KV cache in bf16 or fp8 device memory moves a half or a quarter of the cache's bytes; what the cache holds does not change while it is kept."""
    torch.manual_seed(9)
    model = models.CachedDecoder(heads=4, size=32, length=1024).eval()
    steps = [(torch.randn(1, 1, 128), torch.tensor([position])) for position in range(5)]
    reference = copy.deepcopy(model)
    with torch.no_grad():
        exact = torch.cat([reference(*step) for step in steps])
    moved = {}
    for kind, least in (("fp32", 36), ("bf16", 36), ("fp8_e4m3", 22)):
        rules = [{"match": "*", "state": kind}, {"match": "*", "compute": "bf16"}]
        program = manaslu.compile(copy.deepcopy(model), steps[0], target="mt2", precision={"default": "bf16", "rules": rules})
        got = torch.cat([program.run(*step, check_levels=True) for step in steps])
        assert sqnr(exact, got) >= least
        memory = program.report["device_memory"]
        moved[kind] = memory["read_bytes"], memory["write_bytes"]
    elements = 2 * 4 * 1024 * 32
    for kind, size in (("bf16", 2), ("fp8_e4m3", 1)):
        for wide, narrow in zip(moved["fp32"], moved[kind], strict=True):
            assert wide - narrow == pytest.approx((4 - size) * elements, rel=0.02)


def test_rules_for_states():
    """docs/precision.md: a rule with "state" is for states alone; one that matches none names those that there are."""
    model = models.CachedDecoder(heads=4, size=32).eval()
    step = (torch.randn(1, 1, 128), torch.tensor([0]))
    for rules, code, text in (
        ([{"match": "key", "state": "bf16"}], "MN-NUM-RULE", 'the states are "keys", "values"'),
        ([{"match": "keys", "state": "tf32"}], "MN-NUM-TABLE", '"state" is "tf32"'),
        ([{"match": "keys", "state": "bf16", "compute": "bf16"}], "MN-NUM-TABLE", "a rule is for states or for operators"),
    ):
        with pytest.raises(manaslu.Error) as caught:
            manaslu.compile(model, step, precision={"rules": rules})
        assert caught.value.code == code and text in str(caught.value)


def test_a_table_as_file_and_its_errors(block, tmp_path):
    """Bad input of issue "Data types": a table that names nothing suggests the nearest path; --precision excludes --auto-cast."""
    model, image = block
    path = tmp_path / "table.json"
    path.write_text(json.dumps({"default": "bf16", "rules": [{"match": "qkv.*", "compute": "fp16"}, {"match": "quv.linear", "compute": "bf16"}]}))
    with pytest.raises(manaslu.Error) as caught:
        manaslu.compile(model, (image,), precision=path)
    assert caught.value.code == "MN-NUM-RULE" and 'the nearest is "qkv.linear"' in str(caught.value)
    with pytest.raises(manaslu.Error) as caught:
        manaslu.compile(model, (image,), precision=path, auto_cast="all")
    assert caught.value.code == "MN-USE-002"
    path.write_text("{")
    with pytest.raises(manaslu.Error) as caught:
        manaslu.compile(model, (image,), precision=path)
    assert caught.value.code == "MN-NUM-TABLE"
    with pytest.raises(manaslu.Error) as caught:
        manaslu.compile(model, (image,), precision="int3")
    assert caught.value.code == "MN-USE-002"


# --- calibration ----------------------------------------------------------------------------------------------------


def test_calibrated_scales(block):
    """docs/precision.md, "Calibration": scales by operator name, of every product but attention, that a table takes as they are."""
    model, image = block
    torch.manual_seed(5)
    scales = manaslu.calibrate(model, [(image,), (torch.randn_like(image),), (torch.randn_like(image),)])
    assert set(scales) == {"patches.conv2d", "qkv.linear", "out.linear", "matmul"}
    with torch.no_grad():
        assert scales["patches.conv2d"] >= image.abs().max().item() / 448
    program = manaslu.compile(model, (image,), target="mt2", precision={"default": "bf16", "rules": [{"match": "*", "compute": "fp8_e4m3", "scaling": "row"}], "scales": scales})
    assert sqnr(model(image), program.run(image, check_levels=True)) >= 18


def test_calibration_methods():
    """One outlier in ten thousand: the maximum follows it, a percentile does not, the least squared error lies between."""
    torch.manual_seed(6)
    model, x = nn.Linear(100, 4).eval(), torch.randn(100, 100)
    x[0, 0] = 1000
    scale = {method: manaslu.calibrate(model, [x], method=method, percentile=99.9)["linear"] for method in ("max", "percentile", "mse")}
    assert scale["max"] == pytest.approx(1000 / 448)
    assert 2.5 / 448 < scale["percentile"] < 6 / 448
    assert scale["percentile"] <= scale["mse"] <= scale["max"]


def test_bad_samples():
    """Issue "Data types", bad input: calibration data of wrong shape or with NaN; all of them at once."""
    model = nn.Linear(4, 4).eval()
    with pytest.raises(manaslu.Error) as caught:
        manaslu.calibrate(model, [torch.randn(2, 4), torch.randn(3, 4), torch.full((2, 4), math.nan)])
    assert caught.value.code == "MN-NUM-CALIBRATION" and len(caught.value.items) == 2
    for batches in ([], [(torch.randn(2, 4), torch.randn(2, 4)), (torch.randn(2, 4),)]):
        with pytest.raises(manaslu.Error) as caught:
            manaslu.calibrate(model, batches)
        assert caught.value.code == "MN-NUM-CALIBRATION"


# --- search ---------------------------------------------------------------------------------------------------------


def test_choice_is_the_best_of_all():
    """The multiple-choice knapsack against all assignments: within the budget always, and of least cost up to the rounding of noise."""
    seed = int(os.environ.get("MANASLU_SEED", 1))
    print("seed", seed)
    generator = random.Random(seed)
    for _ in range(30):
        options = [[(0.0, generator.uniform(0, 9)), *((generator.uniform(0, 5), generator.uniform(-9, 3)) for _ in range(2))] for _ in range(6)]
        budget = generator.uniform(0.1, 12)
        picked = choose(options, budget)
        total = lambda indices, part: sum(entries[index][part] for entries, index in zip(options, indices, strict=True))  # noqa: E731
        assert total(picked, 0) <= budget
        tight = [indices for indices in itertools.product(range(3), repeat=6) if total(indices, 0) <= budget * (1 - 6 / 4096)]
        assert total(picked, 1) <= min((total(indices, 1) for indices in tight), default=math.inf) + 1e-9
    assert choose([[(1.0, 0.0)], [(1.0, 0.0)]], 1.5) is None
    assert choose([[(1.0, 0.0)]], 0.0) is None


class Layers(nn.Module):
    """Two layers of which one takes small numbers beside large ones: fp8 hurts it."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(512, 512, bias=False), nn.Linear(512, 512, bias=False)

    def forward(self, x):
        return self.second(torch.relu(self.first(x)))


@pytest.fixture(scope="module")
def searched():
    torch.manual_seed(7)
    model = Layers().eval()
    samples = [torch.randn(16, 512) for _ in range(4)]
    return model, samples, manaslu.search_precision(model, samples, target="mt2", types=("bf16", "fp8_e4m3"), min_sqnr=25)


def test_search_meets_its_budget(searched):
    """Issue "Data types", part 5: error budget in, fastest program out; the front has no point that another beats; the table is accepted back unchanged."""
    model, samples, found = searched
    assert found.best.sqnr_db >= 25
    assert [point.sqnr_db for point in found.front] == sorted((point.sqnr_db for point in found.front), reverse=True)
    assert [point.cost for point in found.front] == sorted((point.cost for point in found.front), reverse=True)
    bf16 = manaslu.compile(model, (samples[0],), target="mt2", precision="bf16")
    bf16.run(samples[0])
    assert found.best.cost <= bf16.report["simulated"]["time_ns"]
    program = manaslu.compile(model, (samples[0],), target="mt2", precision=json.loads(json.dumps(found.table)))
    assert sqnr(model(samples[1]), program.run(samples[1])) == pytest.approx(found.best.sqnr_db, abs=1e-3)
    assert program.report["simulated"]["time_ns"] == found.best.cost
    assert "dB" in str(found)


def test_search_is_deterministic(searched):
    model, samples, found = searched
    again = manaslu.search_precision(model, samples, target="mt2", types=("bf16", "fp8_e4m3"), min_sqnr=25)
    assert [(point.types, point.sqnr_db, point.cost) for point in again.front] == [(point.types, point.sqnr_db, point.cost) for point in found.front]


def test_search_by_time_and_by_a_metric(searched):
    model, samples, found = searched
    quick = found.front[-1]
    timed = manaslu.search_precision(model, samples, target="mt2", types=("bf16", "fp8_e4m3"), max_latency_ns=quick.cost)
    assert timed.best.cost <= quick.cost

    def worst(outputs, exact):
        return -max((a - b).abs().max().item() for got, wanted in zip(outputs, exact, strict=True) for a, b in zip(got, wanted, strict=True))

    metered = manaslu.search_precision(model, samples, target="mt2", types=("bf16", "fp8_e4m3"), min_sqnr=20, metric=worst, min_metric=-0.05, objective="energy")
    assert metered.best.metric >= -0.05


def test_impossible_budgets(searched):
    """docs/errors.md, MN-NUM-BUDGET: the best that can be reached, and the product that limits it."""
    model, samples, _ = searched
    with pytest.raises(manaslu.Error) as caught:
        manaslu.search_precision(model, samples, target="mt2", types=("bf16", "fp8_e4m3"), min_sqnr=150)
    assert caught.value.code == "MN-NUM-BUDGET" and caught.value.exit_status == 5 and ".linear" in str(caught.value)
    with pytest.raises(manaslu.Error) as caught:
        manaslu.search_precision(model, samples, target="mt2", types=("bf16", "fp8_e4m3"), max_latency_ns=1)
    assert caught.value.code == "MN-NUM-BUDGET"
    with pytest.raises(manaslu.Error) as caught:
        manaslu.search_precision(model, samples)
    assert caught.value.code == "MN-USE-002"
    with pytest.raises(manaslu.Error) as caught:
        manaslu.search_precision(model, samples[:1], min_sqnr=20)
    assert caught.value.code == "MN-NUM-CALIBRATION"
