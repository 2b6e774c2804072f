"""logistic_gradient: cases, oracle, mistakes."""

import math

import numpy as np

from utils.exercises.logistic_regression.shared import (
    _ALL,
    _ONCE,
    _ORDER,
    _SHARED,
    _STABLE,
    _bad_sigma,
    _math_sigma,
    _named,
    _plain_sigma,
    _sigma,
    _torch_loss,
)
from utils.grading.spec import Exercise


def _gradient_oracle(w, X, y, l1=0.0, l2=0.0):
    import torch

    w, X, y = map(torch.from_numpy, (w, X, y))
    loss = _torch_loss(w.requires_grad_(), X, y, l1, l2)
    return torch.autograd.grad(loss, w)[0].numpy()


# ---- the gradient -------------------------------------------------------------------------------------------------
def _slopes(w, l1, l2):
    return l1 * np.sign(w) + l2 * w


def _gradient(residual=lambda p, y: p - y, penalty=_slopes, sigma=_sigma, back=lambda X, r: X.T @ r / len(X)):
    """The gradient with one part exchanged: residual, penalty, sigmoid, or the way back through X."""
    return lambda w, X, y, l1=0.0, l2=0.0: back(X, residual(sigma(X @ w), y)) + penalty(w, l1, l2)


def _from_z(residual):
    return _gradient(residual, sigma=lambda z: z)


def _divided_out(p, y):
    return (p - y) / (p * (1 - p)) * (p * (1 - p))


_ADDED_UP = {"back": lambda X, r: X.T @ r}


_TWO_L2 = {"penalty": lambda w, l1, l2: _slopes(w, l1, 2 * l2)}


_NO_SIGN = {"penalty": lambda w, l1, l2: l1 + l2 * w}


_BY_N = "The loss is a mean over n samples, so its gradient is Xᵀ(p − y)/n."


_L2_SLOPE = "The derivative of l2/2 · Σw² is l2 · w."


_L1_SLOPE = "The derivative of l1 · |w| is l1 · sign(w): +l1 for w > 0, −l1 for w < 0."


_AT_ZERO = "At w = 0 any value in [−l1, l1] is a subgradient; the convention here is np.sign's, 0."


_SHAPES = "X is (n, d) and the residual (n,): Xᵀ(p − y) is (d,). With n = d no error warns you of XX."


_RESIDUAL = "The residual is p − y, with p = σ(X·w): a prediction above its label has a positive gradient."


_CANCELS = "σ′ = p(1 − p) has cancelled against the derivative of the log: p − y is left."


_GRADIENT_MISTAKES = _named(
    ("summed over the samples, not averaged", _BY_N, _gradient(**_ADDED_UP)),
    ("2 · l2 · w", _L2_SLOPE, _gradient(**_TWO_L2)),
    ("l1 without the sign", _L1_SLOPE, _gradient(**_NO_SIGN)),
    ("labels taken for ±1", "−y·σ(−y·z)·x is for labels of ±1; here it leaves out all samples with y = 0. The residual is p − y.",
     _from_z(lambda z, y: -y * _sigma(-y * z))),
    ("labels turned from ±1 into 0 and 1", "y is 0.0 or 1.0 already: use it as it is.",
     _gradient(lambda p, y: p - (y + 1) / 2)),
    ("labels turned into ±1", "y is 0.0 or 1.0 already: use it as it is.", _gradient(lambda p, y: p - (2 * y - 1))),
    ("overflow in exp(z) / (1 + exp(z))", _STABLE, _gradient(sigma=_bad_sigma)),
    ("overflow in exp(−margin)", _STABLE,
     _from_z(lambda z, y: (1 - 2 * y) * np.exp((1 - 2 * y) * z) / (1 + np.exp((1 - 2 * y) * z)))),
    ("overflow (math.exp raises)", _STABLE, _gradient(sigma=_math_sigma)),
    ("σ′ divided out and multiplied back", _CANCELS, _gradient(_divided_out, sigma=_plain_sigma)),
    ("σ′ divided out with 1e-12 and multiplied back", _CANCELS,
     _gradient(lambda p, y: ((1 - y) / (1 - p + 1e-12) - y / (p + 1e-12)) * p * (1 - p), sigma=_plain_sigma)),
    ("σ′ kept (squared error, halved)", _CANCELS, _gradient(lambda p, y: (p - y) * p * (1 - p))),
    ("squared error's gradient", _CANCELS, _gradient(lambda p, y: 2 * (p - y) * p * (1 - p))),
    ("gradient with respect to p", _CANCELS, _gradient(lambda p, y: (p - y) / (p * (1 - p)))),
    ("no sigmoid (linear regression)", _RESIDUAL, _from_z(lambda z, y: z - y)),
    ("sign of the residual", _RESIDUAL, _gradient(lambda p, y: y - p)),
    ("sign reversed", "Return the gradient itself; the minus belongs to the step of the descent.",
     lambda *args: -_gradient()(*args)),
    ("labels flipped", _RESIDUAL, _gradient(lambda p, y: p - (1 - y))),
    ("sign in the sigmoid's exponent", _RESIDUAL, _gradient(lambda p, y: 1 - p - y)),
    ("sign of the error lost", _RESIDUAL, _gradient(lambda p, y: np.abs(p - y))),
    ("hard decision in place of σ", "Use the probability, not whether it exceeds 1/2 (that is the perceptron).",
     _gradient(lambda p, y: (p > 0.5) - y)),
    ("sigmoid twice", "Apply the sigmoid to X·w only once.", _gradient(lambda p, y: _sigma(p) - y)),
    ("X @ residual in place of Xᵀ @ residual", _SHAPES, _gradient(back=lambda X, r: X @ r / len(X))),
    ("one gradient for each sample", "Average over the samples: (d,), not (n, d).",
     _gradient(back=lambda X, r: X * r[:, None])),
    ("averaged to one number", "One entry for each weight: reduce over the samples only.",
     lambda w, X, y, l1=0.0, l2=0.0: np.mean((_sigma(X @ w) - y)[:, None] * X + _slopes(w, l1, l2))),
    ("a column (d, 1)", "Return shape (d,).", lambda *args: _gradient()(*args)[:, None]),
    ("p as a column against y as a row", "A column (n, 1) minus (n,) is (n, n): keep p and y in the same shape.",
     _gradient(lambda p, y: p[:, None] - y, back=lambda X, r: X.T @ r / len(X),
               penalty=lambda w, l1, l2: _slopes(w, l1, l2)[:, None])),
    ("X left out: the gradient at z", "Chain rule: ∂z/∂w = x, so go back through X: Xᵀ(p − y)/n.",
     lambda w, X, y, l1=0.0, l2=0.0: (_sigma(X @ w) - y) / len(y)),
    ("divided by the number of weights", _BY_N, _gradient(back=lambda X, r: X.T @ r / X.shape[1])),
    ("everything divided by n, the penalty too", _ONCE,
     lambda w, X, y, l1=0.0, l2=0.0: _gradient(penalty=lambda *_: 0)(w, X, y) + _slopes(w, l1, l2) / len(y)),
    ("l2/2 · w", _L2_SLOPE, _gradient(penalty=lambda w, l1, l2: _slopes(w, l1, l2 / 2))),
    ("l1 · |w|: not differentiated", _L1_SLOPE, _gradient(penalty=lambda w, l1, l2: l1 * np.abs(w) + l2 * w)),
    ("l1 · w", _L1_SLOPE, _gradient(penalty=lambda w, l1, l2: (l1 + l2) * w)),
    ("l2 · w²", _L2_SLOPE, _gradient(penalty=lambda w, l1, l2: l1 * np.sign(w) + l2 * w**2)),
    ("norm not squared: l2 · w/‖w‖", _L2_SLOPE,
     _gradient(penalty=lambda w, l1, l2: l1 * np.sign(w) + l2 * w / np.linalg.norm(w))),
    ("l1 and l2 swapped", _ORDER, _gradient(penalty=lambda w, l1, l2: _slopes(w, l2, l1))),
    ("sign(0) = 1", _AT_ZERO, _gradient(penalty=lambda w, l1, l2: l1 * np.where(w >= 0, 1, -1) + l2 * w)),
    ("sign(0) = −1", _AT_ZERO, _gradient(penalty=lambda w, l1, l2: l1 * np.where(w > 0, 1, -1) + l2 * w)),
    ("w/|w| at zero", _AT_ZERO, _gradient(penalty=lambda w, l1, l2: l1 * w / np.abs(w) + l2 * w)),
    ("both penalties forgotten", _ALL, _gradient(penalty=lambda w, l1, l2: 0)),
    ("l1 forgotten", _ALL, _gradient(penalty=lambda w, l1, l2: l2 * w)),
    ("l2 forgotten", _ALL, _gradient(penalty=lambda w, l1, l2: l1 * np.sign(w))),
    ("penalty subtracted", "The penalty is added to the loss, so its gradient is added too.",
     _gradient(penalty=lambda w, l1, l2: -_slopes(w, l1, l2))),
    ("first weight not penalised", _ALL, _gradient(penalty=lambda w, l1, l2: _slopes(w * (np.arange(len(w)) > 0), l1, l2))),
    *((f"{slip}, and overflow", advice, _gradient(sigma=_bad_sigma, **part)) for slip, advice, part in (
        ("summed over the samples", _BY_N, _ADDED_UP), ("2 · l2 · w", _L2_SLOPE, _TWO_L2), ("l1 without the sign", _L1_SLOPE, _NO_SIGN))),
)  # fmt: skip


def _gradient_loops(w, X, y, l1=0.0, l2=0.0):
    n, d = X.shape
    grad = [l1 * ((v > 0) - (v < 0)) + l2 * v for v in w.tolist()]
    for i in range(n):
        z = sum(X[i, j] * w[j] for j in range(d))
        p = 1 / (1 + math.exp(-z)) if z >= 0 else math.exp(z) / (1 + math.exp(z))
        for j in range(d):
            grad[j] += (p - y[i]) * X[i, j] / n
    return grad


def _gradient_by_margin(w, X, y, l1=0.0, l2=0.0):
    s = np.where(y > 0.5, 1.0, -1.0)
    each = -s * 0.5 * (1 - np.tanh(s * np.einsum("nd,d->n", X, w) / 2))
    return np.einsum("n,nd->d", each, X) / s.size + np.copysign(l1, w) * (w != 0) + l2 * w


def _gradient_with_warnings(w, X, y, l1=0.0, l2=0.0):
    """1 / (1 + inf) is 0, which is right: a warning is no error."""
    grad = ((_plain_sigma(X.dot(w)) - y)[:, None] * X).mean(axis=0)
    grad += l2 * w
    grad[w > 0] += l1
    grad[w < 0] -= l1
    return grad


GRADIENT = Exercise(
    name="logistic_gradient",
    returns=("grad",),
    oracle=_gradient_oracle,
    cases=_SHARED,
    mistakes=_GRADIENT_MISTAKES,
    accepts=(
        _gradient_loops,
        _gradient_by_margin,
        _gradient_with_warnings,
        lambda w, *rest: _gradient_oracle(w.copy(), *rest),
    ),
    verified="equal to autograd through torch's loss and both penalties, weights of exactly zero and X·w of ±1e6 included",
)
