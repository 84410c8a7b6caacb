"""The command line from outside (interfaces.md): stages, reports, inputs and outputs, levels, state, verification, damaged files."""

import json
import os
import pathlib
import random
import subprocess

import numpy
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("MANASLU_BUILD", ROOT / "build" / "release")).resolve()
PRODUCT = """
func.func @main(%x: tensor<64x128xf32>, %w: tensor<128x96xf32>) -> tensor<64x96xf32> {
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : tensor<64x96xf32>
  %start = linalg.fill ins(%zero : f32) outs(%empty : tensor<64x96xf32>) -> tensor<64x96xf32>
  %product = linalg.matmul ins(%x, %w : tensor<64x128xf32>, tensor<128x96xf32>) outs(%start : tensor<64x96xf32>) -> tensor<64x96xf32>
  return %product : tensor<64x96xf32>
}
"""
LOOKUP = """
module {
  func.func @main(%ids: tensor<4xi64> {graph.name = "ids"}) -> (tensor<4x8xf32> {graph.name = "rows"}) {
    %table = "graph.parameter"() <{name = "table"}> : () -> tensor<16x8xf32>
    %rows = "graph.gather"(%table, %ids) <{axis = 0 : i64}> : (tensor<16x8xf32>, tensor<4xi64>) -> tensor<4x8xf32>
    return %rows : tensor<4x8xf32>
  }
}
"""

if not (BUILD / "bin" / "manaslu-cc").exists():
    pytest.skip("manaslu-cc is not built", allow_module_level=True)


@pytest.fixture
def run(tmp_path):
    """Runs manaslu-cc in an empty folder; gives the finished process."""

    def run(*words, status=0):
        done = subprocess.run([BUILD / "bin" / "manaslu-cc", *map(str, words)], cwd=tmp_path, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=120)
        assert done.returncode == status, done.stderr
        assert status == 0 or "error: MN-" in done.stderr
        return done

    return run


def write_weights(path, **arrays):
    header, offset = {}, 0
    for name, array in arrays.items():
        header[name] = {"dtype": "F32", "shape": list(array.shape), "data_offsets": [offset, offset + array.nbytes]}
        offset += array.nbytes
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + b"".join(array.tobytes() for array in arrays.values()))


@pytest.fixture
def product(tmp_path, run):
    """A compiled product of two inputs."""
    (tmp_path / "product.mlir").write_text(PRODUCT)
    run("compile", "product.mlir", "--report", "c.json")
    return tmp_path / "product.mnx"


def test_compile_run_and_their_reports(product, run, tmp_path):
    """The report has every key of interfaces.md; outputs are those of NumPy."""
    x, w = numpy.random.default_rng(1).standard_normal((64, 128), "f4"), numpy.random.default_rng(2).standard_normal((128, 96), "f4")
    numpy.savez(tmp_path / "in.npz", **{"0": x, "input1": w})
    run("run", product, "--inputs", "in.npz", "--outputs", "out.npz", "--report", "r.json", "--check-levels")
    with numpy.load(tmp_path / "out.npz") as out:
        assert out.files == ["output0"]
        numpy.testing.assert_allclose(out["output0"], x @ w, rtol=1e-4, atol=1e-4)
    compiled, ran = json.loads((tmp_path / "c.json").read_text()), json.loads((tmp_path / "r.json").read_text())
    assert compiled["schema"] == ran["schema"] == 1 and compiled["program_sha256"] == ran["program_sha256"]
    assert {"seconds", "import_seconds", "peak_rss_bytes", "instructions", "program_bytes", "phases"} <= compiled["compile"].keys()
    assert {"time_ns", "energy_nj", "energy", "engines", "bound_ns", "bound", "bound_by"} <= ran["simulated"].keys()
    assert ran["simulated"]["energy"].keys() == {"pe", "ve", "se", "ge", "sbuf", "psum", "device_memory", "dma", "static"}
    assert ran["simulated"]["engines"].keys() == {"pe", "ve", "se", "ge", "dma"} and "transpose_ns" in ran["simulated"]["engines"]["pe"]
    assert ran["device_memory"].keys() == {"read_bytes", "write_bytes", "compulsory_bytes"}
    assert ran["memory"].keys() == {"sbuf_peak_bytes_per_partition", "psum_peak_banks", "device_bytes", "spill_bytes"}
    assert ran["host"].keys() == {"simulate_seconds", "threads"}
    assert abs(sum(ran["simulated"]["energy"].values()) - ran["simulated"]["energy_nj"]) < 1e-6 * ran["simulated"]["energy_nj"]


def test_peak_memory_is_that_of_the_compiler(tmp_path):
    """`compile.peak_rss_bytes` is a figure of the compilation: a large process that starts the compiler (a notebook, a benchmark) adds nothing to it."""
    torch = pytest.importorskip("torch")
    torch.export.save(torch.export.export(torch.nn.Linear(8, 8).eval(), (torch.ones(2, 8),)), tmp_path / "model.pt2")
    (tmp_path / "product.mlir").write_text(PRODUCT)
    ballast = bytearray(b"x") * (1 << 30)
    for name in ("product.mlir", "model.pt2"):
        # Not the fixture: fork and exec from this very process.
        subprocess.run([BUILD / "bin" / "manaslu-cc", "compile", name, "--report", "report.json"], cwd=tmp_path, check=True, timeout=120)
        peak = json.loads((tmp_path / "report.json").read_text())["compile"]["peak_rss_bytes"]
        assert 10 << 20 < peak < len(ballast)
    # The importer is counted: PyTorch's own archive reader alone takes more than a compiler of one layer.
    assert peak > 100 << 20


def test_bound_of_a_product(product, run, tmp_path):
    """interfaces.md, the bound: multiply-accumulates times passes over the array's rate; inputs read once and outputs written once over the memory's."""
    run("run", product, "--random", 1, "--report", "r.json")
    chip = json.loads(run("chips", "mt1", "--json").stdout)
    ran = json.loads((tmp_path / "r.json").read_text())
    pe = chip["pe"]
    assert ran["simulated"]["bound"]["pe_ns"] == pytest.approx(64 * 128 * 96 * pe["types"]["f32"]["passes"] / (pe["rows"] * pe["columns"] * pe["clock_mhz"] / 1000))
    rate = min(chip["dma"]["movers"] * chip["dma"]["mover_megabytes_per_second"], chip["device_memory"]["megabytes_per_second"]) / 1000
    assert ran["device_memory"]["compulsory_bytes"] == 4 * (64 * 128 + 128 * 96 + 64 * 96)
    assert ran["simulated"]["bound"]["memory_ns"] == pytest.approx(ran["device_memory"]["compulsory_bytes"] / rate)
    assert ran["simulated"]["bound_ns"] == max(ran["simulated"]["bound"].values()) <= ran["simulated"]["time_ns"]


def test_every_stage_can_be_entered_again(run, tmp_path):
    """--compile-to and --compile-from: the program of any stage gives the same bits."""
    (tmp_path / "lookup.mlir").write_text(LOOKUP)
    write_weights(tmp_path / "lookup.safetensors", table=numpy.random.default_rng(3).standard_normal((16, 8), "f4"))
    run("compile", "lookup.mlir")
    run("run", "lookup.mnx", "--random", 5, "--outputs", "expected.npz", "--check-levels")
    expected = (tmp_path / "expected.npz").read_bytes()
    for stage in ("graph", "linalg", "tile", "isa"):
        run("compile", "lookup.mlir", "--compile-to", stage)
        run("compile", f"lookup.{stage}.mlir", "--compile-from", stage, "-o", "again.mnx")
        run("run", "again.mnx", "--random", 5, "--outputs", "again.npz")
        assert (tmp_path / "again.npz").read_bytes() == expected, stage
    run("compile", "lookup.tile.mlir", "--compile-to", "graph", status=2)
    run("compile", "lookup.tile.mlir", "--compile-from", "linalg", status=2)


def test_int64_inputs(run, tmp_path):
    """numerics.md: int64 inputs are range-checked and narrowed; --random stays below the smallest table that an input indexes."""
    (tmp_path / "lookup.mlir").write_text(LOOKUP)
    table = numpy.random.default_rng(3).standard_normal((16, 8), "f4")
    write_weights(tmp_path / "lookup.safetensors", table=table)
    run("compile", "lookup.mlir")
    for seed in range(5):
        run("run", "lookup.mnx", "--random", seed)
    numpy.savez(tmp_path / "in.npz", ids=numpy.array([3, 0, 15, 7]))
    run("run", "lookup.mnx", "--inputs", "in.npz", "--outputs", "out.npz")
    with numpy.load(tmp_path / "out.npz") as out:
        numpy.testing.assert_array_equal(out["rows"], table[[3, 0, 15, 7]])
    numpy.savez(tmp_path / "in.npz", ids=numpy.array([3, 0, 1 << 40, 7]))
    assert "MN-RUN-RANGE" in run("run", "lookup.mnx", "--inputs", "in.npz", "--outputs", "bad.npz", status=2).stderr
    numpy.savez(tmp_path / "in.npz", ids=numpy.array([3, 0, 16, 7]))
    run("run", "lookup.mnx", "--inputs", "in.npz", "--outputs", "bad.npz", status=2)
    numpy.savez(tmp_path / "in.npz", words=numpy.array([3, 0, 1, 7], "i4"))
    error = run("run", "lookup.mnx", "--inputs", "in.npz", "--outputs", "bad.npz", status=2).stderr
    assert "MN-RUN-INPUT" in error and "int64[4]" in error and "'words'" in error
    assert not (tmp_path / "bad.npz").exists()


def test_verify(product, run, tmp_path):
    """verify prints the measures and tolerances; a missed tolerance is exit status 4."""
    assert "SQNR" in run("verify", product, "--against", "product.mlir", "--random", 1).stdout
    (tmp_path / "other.mlir").write_text(PRODUCT.replace("constant 0.0", "constant 0.5"))
    error = run("verify", product, "--against", "other.mlir", status=4)
    assert "MN-VERIFY-TOLERANCE" in error.stderr and "SQNR" in error.stdout
    run("verify", product, "--against", "other.mlir", "--max-error-over-range", 1, "--min-sqnr", -10, "--min-cosine", -1)


def test_stripped_programs(run, tmp_path):
    """--strip leaves the tile program out; --check-levels then says so."""
    (tmp_path / "product.mlir").write_text(PRODUCT)
    run("compile", "product.mlir", "--strip")
    assert "MN-RUN-STRIPPED" in run("run", "product.mnx", "--random", 1, "--check-levels", status=2).stderr


def test_optimisation_levels_give_the_same_bits(run, tmp_path):
    (tmp_path / "product.mlir").write_text(PRODUCT)
    seen = set()
    for level in (1, 2, 3):
        run("compile", "product.mlir", f"-O{level}")
        run("run", "product.mnx", "--random", 1, "--outputs", "out.npz", "--no-clock")
        seen.add((tmp_path / "out.npz").read_bytes())
    assert len(seen) == 1


def test_no_file_is_left_on_failure(run, tmp_path):
    """interfaces.md: "On any failure no output file exists that did not exist before." """
    (tmp_path / "product.mlir").write_text(PRODUCT)
    run("compile", "product.mlir", "-o", "a.mnx", "--report", "nowhere/r.json", status=6)
    run("compile", "product.mlir", "-o", "nowhere/a.mnx", status=6)
    run("compile", "product.mlir", "-o", "a.mnx", "--target", "mt9", status=2)
    (tmp_path / "bad.json").write_text('{"name": "x"}')
    run("compile", "product.mlir", "-o", "a.mnx", "--target", "bad.json", status=6)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.json", "product.mlir"]


def test_damaged_arrays(product, run, tmp_path):
    """A damaged .npz is a coded error or, where the damage is in the numbers, still an array."""
    numpy.savez(tmp_path / "in.npz", input0=numpy.ones((64, 128), "f4"), input1=numpy.ones((128, 96), "f4"))
    data, chance = (tmp_path / "in.npz").read_bytes(), random.Random(1)
    cases = [data[: len(data) * i // 12] for i in range(12)]
    for _ in range(12):
        flipped = bytearray(data)
        flipped[chance.choice([chance.randrange(200), len(data) - 1 - chance.randrange(200)])] ^= 1 << chance.randrange(8)
        cases.append(bytes(flipped))
    for case in cases:
        (tmp_path / "bad.npz").write_bytes(case)
        done = subprocess.run([BUILD / "bin" / "manaslu-cc", "run", product, "--inputs", "bad.npz"], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode in (0, 2, 5, 6) and (done.returncode == 0 or "error: MN-" in done.stderr), done.stderr
    numpy.savez(tmp_path / "bad.npz", input0=numpy.array([{}], dtype=object))
    assert "MN-IN-NPZ-ARRAY" in run("run", product, "--inputs", "bad.npz", status=6).stderr


def test_arrays_of_every_kind(product, run, tmp_path):
    """Fortran order, compression and both .npy versions are read as NumPy reads them."""
    x, w = numpy.random.default_rng(1).standard_normal((64, 128), "f4"), numpy.random.default_rng(2).standard_normal((128, 96), "f4")
    numpy.savez(tmp_path / "a.npz", input0=x, input1=w)
    numpy.savez_compressed(tmp_path / "b.npz", input0=numpy.asfortranarray(x), input1=numpy.asfortranarray(w))
    for name in "ab":
        run("run", product, "--inputs", f"{name}.npz", "--outputs", f"{name}.out.npz")
    assert (tmp_path / "a.out.npz").read_bytes() == (tmp_path / "b.out.npz").read_bytes()


def test_fifo_is_refused_at_once(run, tmp_path):
    """reliability.md, row 23: a FIFO, device or folder as input is an error and never blocks."""
    os.mkfifo(tmp_path / "fifo.mlir")
    for name in ("fifo.mlir", "/dev/null", "."):
        run("compile", name, "--framework", "MLIR", "-o", "a.mnx", status=6)
        run("run", name, status=6)
