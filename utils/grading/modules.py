"""How a torch module is judged: by behaviour, whatever its attributes are called and in whatever order they stand.

Every parameter is filled by a rule that looks at its shape alone, so that two parameters of one shape hold equal
values and it cannot matter which is which. That alone would let a module use one of them twice and leave the other
idle; so the gradients of all parameters are compared too, as a set for each shape, and there the roles differ.
The gradient that reaches the input is compared as it is: it sees a path that was cut.
"""

import functools
import hashlib
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from utils.grading.run import InputChangedError, allowed

RETURNS = (
    "parameters",
    "output shape",
    "training output",
    "evaluation output",
    "parameter gradients",
    "input gradient",
)
Key = Callable[[tuple[int, ...]], tuple[int, ...]]  # shapes of one key are filled with the same numbers
PROTOCOL = (
    "every parameter filled by a fixed rule, float64; a training pass with backward, then an evaluation pass with the "
    "running statistics it left"
)

FEW = 2**20  # numbers of one shape that are kept: 8 MB, drawn anew in 5 ms for every case otherwise


def run_module(make: Callable, x: np.ndarray, **arguments: Any) -> dict[str, Any]:
    """Make a module from `arguments`, in order, and note what it does with the input `x`."""
    return _noted(make, x, arguments, _key)


def run_flat(make: Callable, x: np.ndarray, **arguments: Any) -> dict[str, Any]:
    """The same where a dense layer may be written as a convolution that reads the whole map, or the other way round."""
    return _noted(make, x, arguments, lambda shape: _key((*shape[:1], math.prod(shape[1:]))))


def _noted(make: Callable, x: np.ndarray, arguments: dict[str, Any], key: Key) -> dict[str, Any]:
    import torch
    from torch import nn

    module = make(*arguments.values())
    if not isinstance(module, nn.Module):
        raise TypeError(f"an nn.Module is expected, not {type(module).__name__}")
    module.double()
    inputs = torch.from_numpy(x)
    _materialise(module, inputs)
    counted = sum(parameter.numel() for parameter in module.parameters())
    _fill(module, key)
    module.train()
    leaf = inputs.clone().requires_grad_()
    training = forward(module, inputs, leaf * 1)  # no leaf itself, so that an in-place operation is found, not refused
    upstream = torch.from_numpy(fixed(tuple(training.shape), "upstream"))
    module.zero_grad()
    (training * upstream).sum().backward()
    gradients = _gradients(module, key)
    module.eval()
    with torch.no_grad():
        evaluation = forward(module, inputs, inputs.clone())
    reached = np.zeros(x.shape) if leaf.grad is None else leaf.grad.numpy()
    values = (counted, list(training.shape), training.detach().numpy(), evaluation.numpy(), gradients, reached)
    return dict(zip(RETURNS, values, strict=True))


def forward(module: Any, inputs: Any, given: Any) -> Any:
    """The module's output; told apart from a module that wrote into what it was given."""
    output = module(given)
    if not hasattr(output, "detach"):
        raise TypeError(f"forward returned {type(output).__name__}, a tensor is expected")
    if not allowed.get() and not bool((given == inputs).all()):
        raise InputChangedError(
            "it changed its input x: an in-place operation (ReLU(inplace=True), x += …) wrote into the caller's tensor."
        )
    return output


def _materialise(module: Any, inputs: Any) -> None:
    """Lazy layers have no parameters before a first pass; in evaluation, so that no running statistic moves."""
    import torch

    if any(isinstance(parameter, torch.nn.UninitializedParameter) for parameter in module.parameters()):
        with torch.no_grad():
            module.eval()(inputs.clone())


def _fill(module: Any, key: Key) -> None:
    import torch

    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.from_numpy(_shared(tuple(parameter.shape), "parameter", key)))


def _gradients(module: Any, key: Key) -> np.ndarray:
    """One number per parameter, its gradient along a direction fixed by its shape; sorted, shape by shape."""
    found: dict[tuple, list[float]] = {}
    for parameter in module.parameters():
        shape = tuple(parameter.shape)
        gradient = np.zeros(shape) if parameter.grad is None else parameter.grad.numpy()
        found.setdefault(key(shape), []).append(float(np.sum(gradient * _shared(shape, "direction", key))))
    return np.array([value for _, values in sorted(found.items()) for value in sorted(values)])


def _key(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Axes of length one say nothing: a (C, 1, 1) scale is a (C,) scale, a 1×1 convolution a matrix."""
    return tuple(n for n in shape if n != 1)


def fixed(shape: tuple[int, ...], purpose: str, key: Key = _key) -> np.ndarray:
    """The same numbers for the same shape, or shapes of the same `key`, on every machine.

    Vectors are mostly positive, as scales are; what has more axes is drawn about zero and scaled by its fan-in.
    """
    return _shared(shape, purpose, key).copy()


def _shared(shape: tuple[int, ...], purpose: str, key: Key) -> np.ndarray:
    """The same array for every caller, to be read only."""
    return (_drawn if math.prod(shape) <= FEW else _drawn.__wrapped__)(shape, purpose, key(shape))


@functools.lru_cache(maxsize=64)
def _drawn(shape: tuple[int, ...], purpose: str, sizes: tuple[int, ...]) -> np.ndarray:
    seed = hashlib.sha256(f"{purpose} {sizes}".encode()).digest()[:8]
    values = np.asarray(np.random.default_rng(int.from_bytes(seed, "little")).uniform(-1, 1, size=shape))
    if purpose != "parameter":
        return values
    if len(sizes) <= 1:
        return np.asarray(0.6 + 0.5 * values)  # a single number too
    return values * math.sqrt(3 / max(1, math.prod(sizes[1:])))  # a layer of width 0 has no weights
