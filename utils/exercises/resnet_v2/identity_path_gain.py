"""identity_path_gain: cases, oracle, mistakes."""

import math
from functools import reduce
from itertools import accumulate

import numpy as np
import torch

from utils.grading.spec import Case, Exercise, Mistake


def _gain_oracle(gates):
    """Autograd along a chain of bare shortcuts x ← g·x."""
    start = torch.ones((), dtype=torch.float64, requires_grad=True)
    end = reduce(lambda x, gate: gate * x, torch.as_tensor(gates, dtype=torch.float64), start)
    return torch.autograd.grad(end, start)[0].item()


def _logs(gates):
    total = np.asarray(gates, dtype=float)
    return float(np.prod(np.sign(total)) * np.exp(np.sum(np.log(np.abs(total)))))


def _halves(gates):
    """Divide and conquer: a chain is two shorter chains."""
    gates = list(gates)
    if len(gates) < 2:
        return gates[0] if gates else 1
    middle = len(gates) // 2
    return _halves(gates[:middle]) * _halves(gates[middle:])


def _of_nonempty(change):
    """1.0 for no gates, else what `change` makes of them."""
    return lambda gates: float(change(np.asarray(gates, dtype=float))) if len(gates) else 1.0


_PRODUCT = "Shortcuts in a chain multiply: each scales what the one before it has left."


_EMPTY = "No shortcut at all leaves the signal as it is: a product of nothing is 1."


GAIN = Exercise(
    name="identity_path_gain",
    returns=("gain",),
    oracle=_gain_oracle,
    cases=(
        Case("two gates", lambda rng: dict(gates=[0.5, 0.25])),
        Case("one gate", lambda rng: dict(gates=[0.7])),
        Case("no gate at all", lambda rng: dict(gates=[])),
        Case("three gates, one above 1", lambda rng: dict(gates=[2.0, 0.5, 3.0])),
        Case("a closed gate", lambda rng: dict(gates=[0.9, 0.0, 0.8])),
        Case("gates that turn the sign", lambda rng: dict(gates=[-0.5, 0.8, -1.5, -2.0])),
        Case("54 gates of one half", lambda rng: dict(gates=[0.5] * 54)),
        Case("an array of gates", lambda rng: dict(gates=rng.uniform(0.5, 1.5, 9))),
        Case("whole numbers", lambda rng: dict(gates=[3, 1, 2])),
    ),
    mistakes=(
        Mistake("sum instead of product", _PRODUCT, lambda gates: float(sum(gates))),
        Mistake("sum instead of product, 1.0 for none", _PRODUCT, _of_nonempty(np.sum)),
        Mistake("mean of the gates", _PRODUCT, _of_nonempty(np.mean)),
        Mistake("geometric mean", "Return the product itself; its root is the factor per block.", _of_nonempty(lambda g: np.sign(np.prod(g)) * np.abs(np.prod(g)) ** (1 / len(g)))),
        Mistake("one plus each gate", "A block x ← g·x + F(x) passes g·x on the shortcut; 1 + g would be a block that adds g·x to x.", lambda gates: math.prod(1.0 + g for g in gates)),
        Mistake("one plus the product", "The shortcut path alone carries the product; the 1 of eq. 5 is this product where all gates are 1.", lambda gates: 1.0 + math.prod(gates)),
        Mistake("one minus each gate", "The gate itself scales the shortcut; 1 − g scales the branch in a highway network.", lambda gates: math.prod(1.0 - g for g in gates)),
        Mistake("the smallest gate", _PRODUCT, _of_nonempty(np.min)),
        Mistake("the largest gate", _PRODUCT, _of_nonempty(np.max)),
        Mistake("the first gate only", _PRODUCT, _of_nonempty(lambda g: g[0])),
        Mistake("the last gate only", _PRODUCT, _of_nonempty(lambda g: g[-1])),
        Mistake("first gate to the power of their number", "The gates may differ: multiply them, λ^L is the case of equal ones.", _of_nonempty(lambda g: g[0] ** len(g))),
        Mistake("mean gate to the power of their number", "The gates may differ: multiply them, λ^L is the case of equal ones.", _of_nonempty(lambda g: g.mean() ** len(g))),
        Mistake("first gate left out", "All gates count, the first and the last included.", lambda gates: float(math.prod(gates[1:]))),
        Mistake("last gate left out", "All gates count, the first and the last included.", lambda gates: float(math.prod(gates[:-1]))),
        Mistake("sign lost", "A negative gate turns the sign: no absolute values.", lambda gates: float(np.prod(np.abs(gates)))),
        Mistake("product of squares", "The gain is the product of the gates; squared it would be the gain of the power.", lambda gates: math.prod(float(g) ** 2 for g in gates)),
        Mistake("reciprocal", "The gates multiply the signal, they do not divide it.", lambda gates: 1 / float(np.prod(gates))),
        Mistake("logarithm of the gain", "Undo the logarithm, or multiply directly.", lambda gates: float(np.sum(np.log(np.asarray(gates, dtype=float))))),
        Mistake("sum of logarithms without a sign", "Logarithms need positive gates: multiply directly.", lambda gates: float(np.exp(np.sum(np.log(np.asarray(gates, dtype=float)))))),
        Mistake("0 for no gate", _EMPTY, lambda gates: float(np.prod(gates)) if len(gates) else 0.0),
        Mistake("an error for no gate", _EMPTY, lambda gates: float(reduce(lambda a, b: a * b, gates))),
        Mistake("gates clipped to 1", "A gate above 1 amplifies: leave it as it is.", lambda gates: math.prod(min(g, 1.0) for g in gates)),
        Mistake("closed gates skipped", "A gate of 0 closes the path: the product is 0.", lambda gates: math.prod(g for g in gates if g)),
        Mistake("rounded too early", "Round nothing: 2⁻⁵⁴ is small, but not 0.", lambda gates: round(float(np.prod(gates)), 8)),
        Mistake("running products", "Return one number, the factor after the last gate.", lambda gates: list(accumulate(gates, lambda a, b: a * b))),
    ),
    accepts=(math.prod, np.prod, _logs, _halves, _gain_oracle),
    atol=1e-30,  # the gain of 54 halves is 6e-17
    verified="equal to autograd along the chain: for none, one and many gates, closed ones and negative ones",
)  # fmt: skip
