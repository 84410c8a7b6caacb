"""Convolutions of any shape equal PyTorch, at both levels (lowering.md: implicit GEMM; docs/decisions/0015). MANASLU_SEED names the seed."""

import os
import random

import pytest
import torch

import manaslu

SEEDS = [int(os.environ["MANASLU_SEED"])] if "MANASLU_SEED" in os.environ else [1, 2]


def convolution(generator):
    """Few channels in or out, wide strides, dilation and one-sided padding: where windows unfold, where results lie on one partition, where slabs are cut."""
    image = [generator.choice([1, 1, 2, 5]), generator.choice([1, 2, 3, 4, 6]), generator.choice([20, 31, 64, 120]), generator.choice([17, 40, 100, 224])]
    kernel = (generator.choice([1, 2, 3, 5, 7]), generator.choice([1, 3, 4, 7]))
    layer = torch.nn.Conv2d(
        image[1],
        generator.choice([1, 8, 33, 64]),
        kernel,
        stride=(generator.choice([1, 2, 3]), generator.choice([1, 2, 4])),
        padding=(generator.choice([0, 1, 3]), generator.choice([0, 1, 2])),
        dilation=(generator.choice([1, 1, 2]), 1),
        bias=generator.random() < 0.5,
    )
    before = [torch.nn.ReLU()] if generator.random() < 0.4 else []
    return torch.nn.Sequential(*before, layer, torch.nn.ReLU()).eval(), torch.randn(image)


@pytest.mark.parametrize("seed", SEEDS)
def test_random_convolutions(seed):
    print("seed", seed)
    generator = random.Random(seed)
    torch.manual_seed(seed)
    for _ in range(8):
        model, image = convolution(generator)
        target, precision = generator.choice(["mt1", "mt2"]), generator.choice(["fp32", "bf16"])
        print(model, list(image.shape), target, precision)
        with torch.no_grad():
            expected = model(image)
        got = manaslu.compile(model, (image,), target=target, precision=precision).run(image, check_levels=True)
        tolerance = 2e-5 if precision == "fp32" else 2e-2
        assert (got - expected).abs().max() <= tolerance * expected.abs().max()
