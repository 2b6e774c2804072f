"""Modules whose layers have no parameters before the first pass are judged as all others."""

import pytest

torch = pytest.importorskip("torch")

from utils.grading import modules  # noqa: E402


def block(*parts):
    return lambda: torch.nn.Sequential(*parts)


def test_lazy_layers_are_the_layers_that_they_become():
    """A lazy convolution and batch norm give what the plain ones give, the count of parameters included."""
    x = modules.fixed((2, 3, 5, 5), "input")
    plain = modules.run_module(block(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4)), x)
    lazy = modules.run_module(block(torch.nn.LazyConv2d(4, 3), torch.nn.LazyBatchNorm2d()), x)

    assert plain["parameters"] == lazy["parameters"]
    for name in ("training output", "evaluation output", "parameter gradients", "input gradient"):
        assert abs(plain[name] - lazy[name]).max() < 1e-12
