"""Scalar bodies of foreign linalg modules mean on the chip what they mean in MLIR: held against upstream's CPU JIT (`verify --against MODULE.mlir`), NaN against numpy."""

import os
import pathlib
import subprocess

import numpy
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
COMPILER = pathlib.Path(os.environ.get("MANASLU_BUILD", ROOT / "build" / "release")).resolve() / "bin" / "manaslu-cc"

if not COMPILER.exists():
    pytest.skip("manaslu-cc is not built", allow_module_level=True)


def elementwise(body, element="f32"):
    return f"""
#m = affine_map<(d0, d1) -> (d0, d1)>
func.func @main(%x: tensor<5x17x{element}>) -> tensor<5x17xf32> {{
  %half = arith.constant 0.5 : f32
  %zero = arith.constant 0.0 : f32
  %one = arith.constant 1.0 : f32
  %true = arith.constant true
  %e = tensor.empty() : tensor<5x17xf32>
  %r = linalg.generic {{indexing_maps = [#m, #m], iterator_types = ["parallel", "parallel"]}} ins(%x : tensor<5x17x{element}>) outs(%e : tensor<5x17xf32>) {{
  ^bb0(%a: {element}, %o: f32):
{body}
    linalg.yield %y : f32
  }} -> tensor<5x17xf32>
  return %r : tensor<5x17xf32>
}}
"""


def reduction(combine, start, kind="f32", before="", after=""):
    """Rows of x, mapped by `before` to %v of type `kind`, reduced from `start`, and mapped by `after` to f32."""
    return f"""
#m = affine_map<(d0, d1) -> (d0, d1)>
#r = affine_map<(d0, d1) -> (d0)>
#i = affine_map<(d0) -> (d0)>
func.func @main(%x: tensor<5x17xf32>) -> tensor<5xf32> {{
  %half = arith.constant 0.5 : f32
  %start = arith.constant {start} : {kind}
  %e = tensor.empty() : tensor<5x{kind}>
  %f = linalg.fill ins(%start : {kind}) outs(%e : tensor<5x{kind}>) -> tensor<5x{kind}>
  %w = tensor.empty() : tensor<5x17x{kind}>
  %p = linalg.generic {{indexing_maps = [#m, #m], iterator_types = ["parallel", "parallel"]}} ins(%x : tensor<5x17xf32>) outs(%w : tensor<5x17x{kind}>) {{
  ^bb0(%a: f32, %o: {kind}):
{before or '    %v = arith.addf %a, %a : f32'}
    linalg.yield %v : {kind}
  }} -> tensor<5x17x{kind}>
  %q = linalg.generic {{indexing_maps = [#m, #r], iterator_types = ["parallel", "reduction"]}} ins(%p : tensor<5x17x{kind}>) outs(%f : tensor<5x{kind}>) {{
  ^bb0(%v: {kind}, %acc: {kind}):
    %s = {combine} %v, %acc : {kind}
    linalg.yield %s : {kind}
  }} -> tensor<5x{kind}>
  %z = tensor.empty() : tensor<5xf32>
  %g = linalg.generic {{indexing_maps = [#i, #i], iterator_types = ["parallel"]}} ins(%q : tensor<5x{kind}>) outs(%z : tensor<5xf32>) {{
  ^bb0(%q0: {kind}, %o: f32):
{after or '    %y = arith.addf %q0, %q0 : f32'}
    linalg.yield %y : f32
  }} -> tensor<5xf32>
  return %g : tensor<5xf32>
}}
"""


POSITIVE = "    %v = arith.cmpf ogt, %a, %half : f32"
FROM_BOOL = "    %y = arith.uitofp %q0 : i1 to f32"
BODIES = {
    "all of some": reduction("arith.andi", "1", "i1", POSITIVE, after=FROM_BOOL),
    "all, from false": reduction("arith.andi", "0", "i1", POSITIVE, after=FROM_BOOL),
    "any of some": reduction("arith.ori", "0", "i1", POSITIVE, after=FROM_BOOL),
    "any, from true": reduction("arith.ori", "1", "i1", POSITIVE, after=FROM_BOOL),
    "smallest, from 1": reduction("arith.minimumf", "1.0", before="    %v = math.exp %a : f32"),
    "smallest, from 100": reduction("arith.minimumf", "100.0", before="    %v = math.exp %a : f32"),
    "largest, from 0.5": reduction("arith.maximumf", "0.5", before="    %v = arith.minimumf %a, %half : f32"),
    "largest below a thousand million": reduction("arith.maximumf", "-1.0e9", before="    %c = arith.constant -1.0e10 : f32\n    %v = arith.addf %a, %c : f32"),
    "bits of integers, from 7": reduction("arith.andi", "7", "i32", "    %v = arith.fptosi %a : f32 to i32", after="    %y = arith.sitofp %q0 : i32 to f32"),
    "sum, from 3": reduction("arith.addf", "3.0"),
    "true as a signed number": elementwise("    %c = arith.cmpf ogt, %a, %half : f32\n    %y = arith.sitofp %c : i1 to f32"),
    "true as an unsigned number": elementwise("    %c = arith.cmpf ogt, %a, %half : f32\n    %y = arith.uitofp %c : i1 to f32"),
    "sum of booleans": elementwise(
        "    %c = arith.cmpf ogt, %a, %half : f32\n    %d = arith.cmpf ogt, %a, %zero : f32\n    %s = arith.addi %c, %d : i1\n    %y = arith.uitofp %s : i1 to f32"
    ),
    "order of booleans": elementwise(
        "    %c = arith.cmpf ogt, %a, %half : f32\n    %s = arith.cmpi slt, %c, %true : i1\n    %u = arith.cmpi ult, %c, %true : i1\n"
        "    %w = arith.select %u, %half, %zero : f32\n    %y = arith.select %s, %one, %w : f32"
    ),
    "relu": elementwise("    %c = arith.cmpf ugt, %a, %zero : f32\n    %y = arith.select %c, %a, %zero : f32"),
    "clamp": elementwise("    %c = arith.cmpf ult, %a, %half : f32\n    %y = arith.select %c, %a, %half : f32"),
}


@pytest.fixture
def cc(tmp_path):
    def run(*words):
        done = subprocess.run([COMPILER, *words], cwd=tmp_path, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr

    return run


@pytest.mark.parametrize("name", BODIES)
def test_body_equals_the_jit(name, cc, tmp_path):
    (tmp_path / "body.mlir").write_text(BODIES[name])
    cc("compile", "body.mlir")
    cc("verify", "body.mnx", "--against", "body.mlir", "--random", "3")


@pytest.mark.parametrize(
    "predicate,expected",
    {
        "ueq": lambda a: ~((a < 0.5) | (a > 0.5)), "one": lambda a: (a < 0.5) | (a > 0.5), "ult": lambda a: ~(a >= 0.5), "ule": lambda a: ~(a > 0.5),
        "ugt": lambda a: ~(a <= 0.5), "uge": lambda a: ~(a < 0.5), "olt": lambda a: a < 0.5, "oge": lambda a: a >= 0.5, "une": lambda a: a != 0.5, "oeq": lambda a: a == 0.5,
    }.items(),
)  # fmt: skip
def test_comparisons_with_nan(predicate, expected, cc, tmp_path):
    (tmp_path / "body.mlir").write_text(elementwise(f"    %c = arith.cmpf {predicate}, %a, %half : f32\n    %y = arith.uitofp %c : i1 to f32"))
    cc("compile", "body.mlir")
    values = numpy.random.default_rng(5).standard_normal((5, 17)).astype("f4")
    values[1, :6] = [numpy.nan, 0.5, -0.0, numpy.inf, -numpy.inf, 0.0]
    numpy.savez(tmp_path / "in.npz", **{"0": values})
    cc("run", "body.mnx", "--inputs", "in.npz", "--outputs", "out.npz", "--check-levels")
    outputs = numpy.load(tmp_path / "out.npz")
    numpy.testing.assert_array_equal(outputs[outputs.files[0]], expected(values).astype("f4"))


def test_relu_keeps_a_nan(cc, tmp_path):
    (tmp_path / "body.mlir").write_text(BODIES["relu"])
    cc("compile", "body.mlir")
    values = numpy.full((5, 17), -2, "f4")
    values[2, 3], values[4, 4] = numpy.nan, 7
    numpy.savez(tmp_path / "in.npz", **{"0": values})
    cc("run", "body.mnx", "--inputs", "in.npz", "--outputs", "out.npz")
    outputs = numpy.load(tmp_path / "out.npz")
    numpy.testing.assert_array_equal(outputs[outputs.files[0]], numpy.maximum(values, 0))
