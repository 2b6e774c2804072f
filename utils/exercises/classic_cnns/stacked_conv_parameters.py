"""stacked_conv_parameters: cases, oracle, mistakes."""

import numpy as np
import torch
from torch import nn

from utils.grading.spec import Case, Exercise, Mistake


# ---- The arithmetic of stacks -----------------------------------------------------------------------------------
def _stack_oracle(kernel, num_layers, channels):
    """A stack of torch's own convolutions, counted."""
    with torch.device("meta"):
        stack = nn.Sequential(*(nn.Conv2d(channels, channels, kernel, bias=False) for _ in range(num_layers)))
    return sum(parameter.numel() for parameter in stack.parameters())


def _counted_one_by_one(kernel, num_layers, channels):
    total = 0
    for _ in range(num_layers):
        total += np.zeros((kernel, kernel)).size * np.int64(channels) ** 2
    return total


STACK = Exercise(
    name="stacked_conv_parameters",
    returns=("parameters",),
    oracle=_stack_oracle,
    cases=(
        Case("one 3×3 on one channel", lambda rng: dict(kernel=3, num_layers=1, channels=1)),
        Case("two 5×5 on three channels", lambda rng: dict(kernel=5, num_layers=2, channels=3)),
        Case("three 3×3", lambda rng: dict(kernel=3, num_layers=3, channels=64)),
        Case("one 7×7", lambda rng: dict(kernel=7, num_layers=1, channels=64)),
        Case("1×1, four layers", lambda rng: dict(kernel=1, num_layers=4, channels=10)),
        Case("no layer", lambda rng: dict(kernel=3, num_layers=0, channels=8)),
        Case("wide and deep", lambda rng: dict(kernel=11, num_layers=100, channels=4096)),
    ),
    mistakes=(
        Mistake("biases counted", "Weights only: kernel² · channels² for a layer.", lambda k, n, c: n * (k * k * c * c + c)),
        Mistake("one bias for a layer counted", "Weights only: kernel² · channels² for a layer.", lambda k, n, c: n * (k * k * c * c + 1)),
        Mistake("channels not squared", "Every output channel has a kernel for every input channel: channels · channels kernels.", lambda k, n, c: n * k * k * c),
        Mistake("channels left out", "Every output channel has a kernel for every input channel: times channels².", lambda k, n, c: n * k * k),
        Mistake("kernel not squared", "A kernel is square: kernel · kernel weights.", lambda k, n, c: n * k * c * c),
        Mistake("neither squared", "kernel · kernel weights, for each pair of an input and an output channel.", lambda k, n, c: n * k * c),
        Mistake("number of layers left out", "Each of the num_layers convolutions has weights of its own.", lambda k, n, c: k * k * c * c),
        Mistake("layers as a power", "Layers add up: num_layers times the weights of one.", lambda k, n, c: (k * k * c * c) ** n),
        Mistake("kernels multiplied, not added", "Layers add up: 3 · 9 = 27 for three 3×3, not 9³.", lambda k, n, c: (k * k) ** n * c * c),
        Mistake("weights of the one kernel with the same receptive field", "That is the 7×7 that three 3×3 replace. The question asks for the stack itself.", lambda k, n, c: (n * (k - 1) + 1) ** 2 * c * c),
        Mistake("first layer counted with one input channel", "Every layer of the stack has `channels` channels in and out.", lambda k, n, c: (k * k * c + (n - 1) * k * k * c * c) if n else 0),
        Mistake("float instead of int", "A count is an int: no division and no float on the way.", lambda k, n, c: float(n * k * k * c * c)),
        Mistake("text instead of a number", "Return the number itself, no f-string around it.", lambda k, n, c: f"{n * k * k * c * c:,}"),
        Mistake("ratio to the 7×7", "Return the number of weights of the stack.", lambda k, n, c: n * k * k / 49),
    ),
    accepts=(_counted_one_by_one, _stack_oracle, lambda kernel, num_layers, channels: kernel**2 * channels**2 * num_layers),
    verified="equal to the weights of a stack of torch's own convolutions, which are counted",
)  # fmt: skip
