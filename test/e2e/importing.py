"""Shared by the tests of the front end: export a module, import it, evaluate the graph, compare with PyTorch."""

import torch
from graph_evaluator import Graph

from manaslu.frontend.torch import import_exported


def export(module, *arguments):
    with torch.no_grad():
        return torch.export.export(module.eval(), arguments, strict=False)


class Function(torch.nn.Module):
    """A function as a module."""

    def __init__(self, function, **parameters):
        super().__init__()
        self.function = function
        for name, value in parameters.items():
            setattr(self, name, value)

    def forward(self, *arguments):
        return self.function(*arguments)


def graph_of(module, *arguments):
    """The imported graph, with its weights, of a module or function."""
    if not isinstance(module, torch.nn.Module):
        module = Function(module)
    return graph_of_exported(export(module, *arguments))


def graph_of_exported(exported):
    imported = import_exported(exported)
    return Graph(imported.mlir, {name: data.tensor() for name, data in imported.tensors.items()})


def flat(results):
    return [results] if isinstance(results, torch.Tensor) else [r for r in results if isinstance(r, torch.Tensor)]


def check(module, *arguments, core=False, rtol=1e-5, atol=1e-5):
    """Imports, evaluates, compares every output with PyTorch in shape, type and value; returns the graph.

    With `core` it imports what a user's own run_decompositions() leaves, the core operators."""
    if not isinstance(module, torch.nn.Module):
        module = Function(module)
    exported = export(module, *arguments)
    with torch.no_grad():
        expected = flat(module(*arguments))
    graph = graph_of_exported(exported.run_decompositions() if core else exported)
    for got, wanted in zip(graph.run(arguments).values(), expected, strict=True):
        torch.testing.assert_close(got, wanted, rtol=rtol, atol=atol, equal_nan=True)
    return graph
