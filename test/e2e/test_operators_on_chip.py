"""Every operator case through the whole compiler: the chip's answer equals PyTorch, and the binary equals the tile program bit for bit (numerics.md, "Levels agree")."""

import pytest
import torch
from importing import Function, flat
from test_operators import CASES

import manaslu
import manaslu.native

try:
    manaslu.native.module()
except manaslu.Error:
    pytest.skip("the native module is not built", allow_module_level=True)


@pytest.mark.parametrize("name", CASES)
def test_equals_pytorch_on_the_chip(name):
    function, *arguments = CASES[name]
    module = (function if isinstance(function, torch.nn.Module) else Function(function)).eval()
    with torch.no_grad():
        expected = flat(module(*[a.clone() if isinstance(a, torch.Tensor) else a for a in arguments]))
    program = manaslu.compile(module, tuple(arguments))
    for got, wanted in zip(flat(program.run(*arguments, check_levels=True)), expected, strict=True):
        torch.testing.assert_close(got, wanted, rtol=1e-5, atol=1e-5, equal_nan=True)
