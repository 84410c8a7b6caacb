"""Values too large for SBUF stay in device memory and pass through in windows (docs/decisions/0014): on a chip with a small SBUF, results and levels agree."""
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from importing import Function

import manaslu

SBUF_BYTES = 48 * 1024


@pytest.fixture(scope="module")
def small_chip(tmp_path_factory):
    """mt1 with 48 KiB of SBUF in a partition."""
    command = Path(sys.executable).parent / "manaslu-cc"
    chip = json.loads(subprocess.run([command, "chips", "mt1", "--json"], check=True, capture_output=True, text=True).stdout)
    chip["name"] = "small"
    chip["sbuf"]["bytes_per_partition"] = SBUF_BYTES
    chip["sbuf"]["reserved_bytes"] = 0
    path = tmp_path_factory.mktemp("chip") / "small.json"
    path.write_text(json.dumps(chip))
    return str(path)


def attention(q, k, v):
    return torch.nn.functional.scaled_dot_product_attention(q, k, v)


def cases():
    """name -> (module, arguments); every one needs more than SBUF holds."""
    random = torch.Generator().manual_seed(20261125)

    def normal(*shape):
        return torch.randn(*shape, generator=random)

    weight, table = normal(512, 1536), normal(100, 768)
    embedding = torch.nn.functional.embedding
    return {
        "product of two inputs": (lambda a, b: a @ b, normal(2048, 768), normal(768, 2048)),
        "product with a remainder": (lambda a, b: a @ b, normal(1900, 700), normal(700, 2100)),
        "transposed product": (lambda a, b: (a @ b.T).T, normal(1536, 640), normal(1792, 640)),
        "linear layer on many tokens": (lambda x: torch.relu(x @ weight), normal(4096, 512)),
        "product with a residual": (lambda a, b, r: a @ b + r, normal(2048, 512), normal(512, 1024), normal(2048, 1024)),
        "chain of elementwise steps": (lambda a, b: (torch.relu(a * 2 + b), torch.tanh(a) - b), normal(2048, 1024), normal(2048, 1024)),
        "an output and a sum": (lambda a: (a * a, (a * 3).sum(-1)), normal(4096, 640)),
        "softmax": (lambda a: torch.softmax(a, -1), normal(4096, 700)),
        "layer norm": (lambda a: torch.nn.functional.layer_norm(a, (512,)), normal(5000, 512)),
        "input that is an output": (lambda a: (a, a.T, a + 1), normal(2560, 1000)),
        "transposed view": (lambda a: a.transpose(0, 1) * 2, normal(3072, 1024)),
        "concatenation": (lambda a, b: torch.cat([a, b * 2], 1), normal(3072, 512), normal(3072, 300)),
        "attention": (attention, normal(1, 8, 1024, 64), normal(1, 8, 1024, 64), normal(1, 8, 1024, 64)),
        "embedding": (lambda i: embedding(i, table) * 2, torch.randint(0, 100, (8, 512), generator=random)),
    }


CASES = cases()


@pytest.mark.parametrize("name", CASES)
def test_windows_of_large_values(name, small_chip):
    function, *arguments = CASES[name]
    module = Function(function).eval()
    expected = module(*arguments)
    program = manaslu.compile(module, tuple(arguments), target=small_chip)
    got = program.run(*arguments, check_levels=True)
    expected, got = (value if isinstance(value, tuple) else (value,) for value in (expected, got))
    for theirs, ours in zip(expected, got, strict=True):
        assert ours.shape == theirs.shape and ours.dtype == theirs.dtype
        assert (ours - theirs).abs().max() <= 2e-5 * (theirs.max() - theirs.min())
