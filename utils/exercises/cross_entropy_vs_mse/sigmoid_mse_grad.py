"""sigmoid_mse_grad: cases, oracle, mistakes."""

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
    _with_warnings,
)
from utils.grading.spec import Exercise

_mse_oracle = _autograd(lambda torch, z, y: ((torch.sigmoid(z) - y) ** 2).sum())


_SLOPE = "σ′ = σ(1 − σ), with σ = σ(z): both factors, once."


_MSE_MISTAKES = _named(
    ("factor 2 lost", "The loss is (σ − y)² without 1/2, so the 2 stays.", _each(lambda p, y: _mse(p, y) / 2)),
    ("σ′ forgotten", "z acts through the sigmoid: the chain rule brings in σ(1 − σ).", _each(lambda p, y: 2 * (p - y))),
    ("cross-entropy's gradient", "σ − y belongs to cross-entropy; here it is 2(σ − y)·σ(1 − σ).", _each(_ce)),
    *_shared(_mse),
    ("factor 2 lost, and divided by N", _ONE_EACH, _each(lambda p, y: _mse(p, y) / 2 / len(y))),
    ("σ′ forgotten, and divided by N", _ONE_EACH, _each(lambda p, y: 2 * (p - y) / len(y))),
    ("loss in place of its gradient", "Return d/dz of (σ − y)², not the loss.", _each(lambda p, y: (p - y) ** 2)),
    ("σ′ taken at z: z(1 − z)", _SLOPE, lambda z, y: 2 * (_sigma(z) - y) * z * (1 - z)),
    ("derivative of tanh: 1 − σ²", _SLOPE, _each(lambda p, y: 2 * (p - y) * (1 - p**2))),
    ("σ left out of σ′", _SLOPE, _each(lambda p, y: 2 * (p - y) * (1 - p))),
    ("1 − σ left out of σ′", _SLOPE, _each(lambda p, y: 2 * (p - y) * p)),
    ("σ′ squared", _SLOPE, _each(lambda p, y: _mse(p, y) * p * (1 - p))),
    ("no sigmoid: 2(z − y)", _PREDICTION, lambda z, y: 2 * (z - y)),
    ("overflow in σ′ = exp(−z) / (1 + exp(−z))²", "Compute σ stably, once, and write σ′ = σ(1 − σ).",
     lambda z, y: 2 * (_sigma(z) - y) * np.exp(-z) / (1 + np.exp(-z)) ** 2),
)  # fmt: skip


def _mse_tanh(z, y):
    t = np.tanh(z / 2)
    return (0.5 + 0.5 * t - y) * 0.5 * (1 - t) * (1 + t)


def _mse_by_error(z, y):
    sign = 1 - 2 * y
    e = _sigma(sign * z)  # |σ − y|
    return sign * 2 * e**2 * (1 - e)


SIGMOID_MSE = Exercise(
    name="sigmoid_mse_grad",
    returns=("grad",),
    oracle=_mse_oracle,
    cases=_SIGMOID_CASES,
    mistakes=_MSE_MISTAKES,
    accepts=(_by_sign(_mse), _with_warnings(_mse), _mse_tanh, _mse_by_error, lambda z, y: _mse_oracle(z.copy(), y.copy())),
    verified="equal to autograd through torch's sigmoid and the squared error, finite up to z = ±1e300",
)  # fmt: skip
