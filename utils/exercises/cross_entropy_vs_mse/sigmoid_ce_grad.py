"""sigmoid_ce_grad: cases, oracle, mistakes."""

import numpy as np

from utils.exercises.cross_entropy_vs_mse.shared import (
    _ONE_EACH,
    _PREDICTION,
    _SIGMOID_CASES,
    _autograd,
    _by_sign,
    _ce,
    _each,
    _mse,
    _named,
    _shared,
    _sigma,
    _stable,
    _with_warnings,
)
from utils.grading.spec import Exercise

_ce_oracle = _autograd(
    lambda torch, z, y: torch.nn.functional.binary_cross_entropy_with_logits(z, y, reduction="sum"),
)


def _by_cases(p, y):
    return np.where(y == 1, -1 / p, 1 / (1 - p))


_TIMES = "Multiply out on paper first: the σ(1 − σ) below cancels the one above, and 0/0 never arises."


_TO_Z = "Multiply by σ′ = σ(1 − σ): the question asks for the gradient with respect to z."


_SIGMOID_CE_MISTAKES = _named(
    ("factor 2", "The 2 belongs to squared error.", _each(lambda p, y: 2 * (p - y))),
    ("σ′ kept", "σ′ cancels against the derivative of the log: σ − y is left.", _each(lambda p, y: (p - y) * p * (1 - p))),
    ("squared error's gradient", "2(σ − y)·σ(1 − σ) belongs to squared error; here σ − y is left.", _each(_mse)),
    *_shared(_ce),
    ("samples with y = 0 left out", "Both classes have a loss: −log σ for y = 1, −log(1 − σ) for y = 0.",
     _each(lambda p, y: y * (p - 1))),
    ("factor 2, and divided by N", _ONE_EACH, _each(lambda p, y: 2 * (p - y) / len(y))),
    ("gradient with respect to σ", _TO_Z, _each(lambda p, y: (p - y) / (p * (1 - p)))),
    ("gradient with respect to σ, by cases", _TO_Z, _each(_by_cases)),
    ("σ′ divided out and multiplied back", _TIMES, _each(lambda p, y: (p - y) / (p * (1 - p)) * (p * (1 - p)))),
    ("σ′ divided out and multiplied back, by cases", _TIMES, _each(lambda p, y: _by_cases(p, y) * (p * (1 - p)))),
    ("σ′ divided out with an eps and multiplied back", _TIMES,
     _each(lambda p, y: ((1 - y) / (1 - p + 1e-12) - y / (p + 1e-12)) * p * (1 - p))),
    ("loss in place of its gradient", "Return d/dz, not the loss.", lambda z, y: np.logaddexp(0, z) - y * z),
    ("no sigmoid: z − y", _PREDICTION, lambda z, y: z - y),
    ("softmax over the batch", _PREDICTION, lambda z, y: _stable(z[None])[0] - y),
    ("hard decision in place of σ", "Use the probability, not whether it exceeds 1/2.", _each(lambda p, y: (p > 0.5) - y)),
)  # fmt: skip


def _ce_by_error(z, y):
    sign = 1 - 2 * y
    return sign * _sigma(sign * z)


SIGMOID_CE = Exercise(
    name="sigmoid_ce_grad",
    returns=("grad",),
    oracle=_ce_oracle,
    cases=_SIGMOID_CASES,
    mistakes=_SIGMOID_CE_MISTAKES,
    accepts=(_by_sign(_ce), _with_warnings(_ce), _ce_by_error, lambda z, y: _ce_oracle(z.copy(), y.copy())),
    verified="equal to autograd through torch's binary_cross_entropy_with_logits, finite up to z = ±1e300",
)
